# What may the lease manager do? Nothing outside its own partition of the table, its own logs, and its own workflows.

resource "aws_iam_role" "lease_manager" {
  count = local.create

  # A role's name is the same in all regions, so it gets a suffix of its own. Its prefix is at most 38 characters.
  name_prefix = "${substr(local.function_name, 0, 37)}-"
  description = "The lease manager of the pool ${var.lease_prefix}"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

locals {
  own_rows = {
    Sid      = "OwnRows"
    Effect   = "Allow"
    Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
    Resource = var.table_arn
    Condition = {
      "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.partition_key] }
      # ForAllValues is true of a request that names no key at all.
      Null = { "dynamodb:LeadingKeys" = "false" }
    }
  }

  # A task is named by its token alone: IAM has no resource type for these two actions.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
  tell_waiters = {
    Sid      = "TellWaiters"
    Effect   = "Allow"
    Action   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
    Resource = "*"
  }

  own_logs = [for group in aws_cloudwatch_log_group.lease_manager : {
    Sid      = "OwnLogs"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = "${group.arn}:*"
  }]

  # X-Ray has no resource type for these either.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
  traces = var.lambdas_tracing_enabled ? [{
    Sid      = "Traces"
    Effect   = "Allow"
    Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    Resource = "*"
  }] : []

  # What DynamoDB asks of whoever uses a table under a customer's key; it made its grant when the table was made.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
  table_key = var.table_kms_key_arn == null ? [] : [{
    Sid       = "TableKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource  = var.table_kms_key_arn
    Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${local.region}.amazonaws.com" } }
  }]

  # Lambda reads the function's environment with the function's role.
  environment_key = var.kms_key_arn == null ? [] : [{
    Sid      = "EnvironmentKey"
    Effect   = "Allow"
    Action   = "kms:Decrypt"
    Resource = var.kms_key_arn
  }]
}

resource "aws_iam_role_policy" "lease_manager" {
  count = local.create

  name = "lease-manager"
  role = aws_iam_role.lease_manager[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.own_rows], [local.tell_waiters], local.own_logs, local.traces, local.table_key, local.environment_key
    )
  })
}

# The sweep and the notices ask whether an execution still runs. Apart from the other policy, which the function waits
# for, because the workflows are made of the function.
resource "aws_iam_role_policy" "executions" {
  count = var.create && length(var.state_machine_arns) > 0 ? 1 : 0

  name = "executions"
  role = aws_iam_role.lease_manager[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "OwnExecutions"
      Effect = "Allow"
      Action = "states:DescribeExecution"
      # stateMachine:NAME has executions execution:NAME:ID, and its map runs execution:NAME/LABEL:ID.
      Resource = flatten([for arn in local.state_machine_arns : [
        "${replace(arn, ":stateMachine:", ":execution:")}:*",
        "${replace(arn, ":stateMachine:", ":execution:")}/*:*",
      ]])
    }]
  })
}
