# Which workflows share the pool? One makes many reports with an inline Map; one archives, alone in its execution.

# Its iterations share one execution, so the report's id tells their leases apart (key_path, in main.tf).
resource "aws_sfn_state_machine" "reports" {
  name     = "${var.name}-reports"
  role_arn = aws_iam_role.workflow.arn

  definition = jsonencode({
    Comment       = "Makes each report of the input while it holds a lease"
    QueryLanguage = "JSONata"
    StartAt       = "Reports"
    # If a report fails, the others are cancelled: what they held or waited for is given back, and the error raised again.
    States = merge(module.pool.release_all_states, {
      Reports = {
        Type         = "Map"
        Items        = "{% $states.input.reports %}"
        ItemSelector = { report = "{% $states.context.Map.Item.Value %}" }
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = module.pool.start_at
          States = merge(module.pool.states, {
            # Stands for the work. A Task in its place needs `Catch = module.pool.work_catch`.
            Process = {
              Type    = "Wait"
              Seconds = "{% $states.input.report.seconds %}"
              Next    = module.pool.sfn_release_lease_state_name
            }
          })
        }
        Catch = module.pool.branches_catch
        End   = true
      }
    })
  })

  tracing_configuration {
    enabled = true
  }
}

# The states of a second workflow on the same pool: it waits in the queue, beside the others who poll.
module "archive_states" {
  source = "../../terraform/states"

  lease_manager_function_arn    = module.pool.lease_manager_function_arn
  lease_manager_timeout_seconds = module.pool.lease_manager_timeout_seconds
  longest_work_seconds          = module.pool.longest_work_seconds
  max_lease_duration_seconds    = module.pool.max_lease_duration_seconds
  single_holder                 = true
  sfn_post_acquire_lease_state  = "Archive"

  # Work that can fail: the lease is released, then the error is raised again.
  work_state = {
    Type = "Parallel"
    Branches = [{
      StartAt = "Pack"
      States  = { Pack = { Type = "Wait", Seconds = 1, End = true } }
    }]
    ResultPath = null
  }
}

resource "aws_sfn_state_machine" "archive" {
  name     = "${var.name}-archive"
  role_arn = aws_iam_role.workflow.arn

  definition = jsonencode({
    Comment = "Archives while it holds a lease"
    StartAt = module.archive_states.start_at
    States  = module.archive_states.states
  })

  tracing_configuration {
    enabled = true
  }
}

resource "aws_iam_role" "workflow" {
  name_prefix = "${substr(var.name, 0, 28)}-workflow-"
  description = "The workflows of ${var.name}"

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
  name   = "lease"
  role   = aws_iam_role.workflow.id
  policy = module.pool.lambda_permissions
}

# https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
resource "aws_iam_role_policy" "traces" {
  name = "traces"
  role = aws_iam_role.workflow.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Traces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
      Resource = "*"
    }]
  })
}
