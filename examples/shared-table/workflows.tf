# What does each application do? A Distributed Map over its items: acquire a lease, work, release it.

data "aws_partition" "current" {}

locals {
  # Each pool by its own name: `module.pool[each.key]` would mean all of a module with its rules, which depend on the
  # workflows in turn.
  workflows = {
    analytics = {
      start_at    = module.analytics_pool.start_at
      states      = module.analytics_pool.states
      release     = module.analytics_pool.sfn_release_lease_state_name
      permissions = module.analytics_pool.lambda_permissions
    }
    batch = {
      start_at    = module.batch_pool.start_at
      states      = module.batch_pool.states
      release     = module.batch_pool.sfn_release_lease_state_name
      permissions = module.batch_pool.lambda_permissions
    }
  }
}

resource "aws_sfn_state_machine" "workflow" {
  for_each = local.workflows

  name     = "shared-lease-platform-${each.key}-workflow"
  role_arn = aws_iam_role.workflow[each.key].arn

  definition = jsonencode({
    Comment = "Works on each item of ${each.key}.json while it holds a lease of the pool ${each.key}"
    StartAt = "Items"
    States = {
      Items = {
        Type  = "Map"
        Label = "Items"
        ItemReader = {
          Resource     = "arn:${data.aws_partition.current.partition}:states:::s3:getObject"
          ReaderConfig = { InputType = "JSON" }
          Parameters = {
            Bucket = aws_s3_bucket.items.id
            Key    = aws_s3_object.items[each.key].key
          }
        }
        ItemSelector = {
          "parent.$" = "$$.Execution.Id"
          "item.$"   = "$$.Map.Item.Value"
        }
        # As many at once as there are items: the pool limits how many work.
        MaxConcurrency = 0
        ItemProcessor = {
          ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "STANDARD" }
          StartAt         = each.value.start_at
          States = merge(each.value.states, {
            # The work. A Task, Map or Parallel in its place needs `Catch = module.<pool>.work_catch`, so that the lease
            # is released if it fails too; a Wait cannot fail.
            Process = {
              Type    = "Wait"
              Seconds = var.work_seconds
              Next    = each.value.release
            }
          })
        }
        End = true
      }
    }
  })
}

resource "aws_iam_role" "workflow" {
  for_each = local.workflows

  name_prefix = "shared-lease-${each.key}-workflow-"
  description = "The workflow shared-lease-platform-${each.key}-workflow"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "lease" {
  for_each = local.workflows

  name   = "lease"
  role   = aws_iam_role.workflow[each.key].id
  policy = each.value.permissions
}

# What a Distributed Map needs: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
resource "aws_iam_role_policy" "map" {
  for_each = local.workflows

  name = "map"
  role = aws_iam_role.workflow[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadItems"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${aws_s3_bucket.items.arn}/${aws_s3_object.items[each.key].key}"
      },
      {
        Sid      = "StartItems"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = aws_sfn_state_machine.workflow[each.key].arn
      },
      {
        Sid      = "FollowItems"
        Effect   = "Allow"
        Action   = ["states:DescribeExecution", "states:StopExecution"]
        Resource = "${replace(aws_sfn_state_machine.workflow[each.key].arn, ":stateMachine:", ":execution:")}:*"
      },
      # A redrive of the workflow redrives the items that failed: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
      {
        Sid      = "RedriveItems"
        Effect   = "Allow"
        Action   = "states:RedriveExecution"
        Resource = "${replace(aws_sfn_state_machine.workflow[each.key].arn, ":stateMachine:", ":execution:")}/Items:*"
      },
    ]
  })
}
