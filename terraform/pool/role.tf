# Under which role does the lease manager run? One of its own, or one that exists.

locals {
  create_role = var.create && var.create_role ? 1 : 0
  role_arn    = var.create_role ? one(aws_iam_role.lease_manager[*].arn) : var.role_arn
}

resource "aws_iam_role" "lease_manager" {
  count = local.create_role

  # A role's name is the same in all regions, so it gets a suffix of its own unless it is given. Its prefix is at most 38
  # characters.
  name                 = var.role_name
  name_prefix          = var.role_name == null ? "${substr(local.function_name, 0, 37)}-" : null
  path                 = var.role_path
  permissions_boundary = var.role_permissions_boundary
  description          = "The lease manager of the pool ${var.lease_prefix}"
  tags                 = var.tags

  # Lambda's name as a principal is this one in every partition.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })

  # What the settings refuse is refused before anything is made.
  depends_on = [aws_dynamodb_table_item.settings]
}

resource "aws_iam_role_policy" "lease_manager" {
  count = local.create_role

  name   = "lease-manager"
  role   = aws_iam_role.lease_manager[0].id
  policy = local.lease_manager_policy

  lifecycle {
    precondition {
      condition     = local.lease_manager_policy_characters <= local.most_policy_characters
      error_message = "IAM takes 10,240 characters in a role's inline policies, and that of this lease manager would have about ${local.lease_manager_policy_characters}, most of them in the ARNs of ${length(var.state_machine_kms_key_arns)} keys: encrypt the state machines with fewer keys, or spread them over several pools."
    }
  }
}

# The sweep and the notices ask whether an execution still runs. Apart from the other policy, which the function waits
# for, because the workflows are made of the function.
resource "aws_iam_role_policy" "executions" {
  count = local.watch_executions ? local.create_role : 0

  name   = "executions"
  role   = aws_iam_role.lease_manager[0].id
  policy = local.executions_policy

  lifecycle {
    precondition {
      condition     = local.lease_manager_policy_characters + length(local.executions_policy) <= local.most_policy_characters
      error_message = "IAM takes 10,240 characters in a role's inline policies, and those of this lease manager would have about ${local.lease_manager_policy_characters + length(local.executions_policy)}, as they name ${length(local.state_machine_arns)} state machines and ${length(var.state_machine_kms_key_arns)} keys: spread the state machines over several pools, or encrypt them with fewer keys."
    }
  }
}
