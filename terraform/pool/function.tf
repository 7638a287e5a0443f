# Which function grants the pool's leases, and where does it log?

locals {
  # Where `make lambda` puts it.
  lambda_package = coalesce(var.lambda_package, "${path.module}/../../target/lambda/lease-manager/bootstrap.zip")
}

resource "aws_cloudwatch_log_group" "lease_manager" {
  count = local.create

  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.cloudwatch_logs_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "lease_manager" {
  count = local.create

  function_name    = local.function_name
  description      = "Grants the leases of the pool ${var.lease_prefix} in the table ${var.table_name}"
  role             = aws_iam_role.lease_manager[0].arn
  filename         = local.lambda_package
  source_code_hash = try(filebase64sha256(local.lambda_package), null)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.memory_size
  timeout          = var.timeout_seconds
  kms_key_arn      = var.kms_key_arn
  tags             = var.tags

  environment {
    variables = {
      LEASE_TABLE_NAME        = var.table_name
      LEASE_PREFIX            = var.lease_prefix
      LEASE_METRICS_NAMESPACE = var.metrics_namespace
      LEASE_LOG_LEVEL         = var.log_level
    }
  }

  # The lease manager writes its own JSON lines; Lambda is not to wrap them.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.lease_manager[0].name
  }

  tracing_config {
    mode = var.lambdas_tracing_enabled ? "Active" : "PassThrough"
  }

  # A workflow that is made of this function's ARN can start at once: the pool and the permissions are there before.
  depends_on = [aws_dynamodb_table_item.settings, aws_iam_role_policy.lease_manager]

  lifecycle {
    precondition {
      condition     = try(fileexists(local.lambda_package), false)
      error_message = "There is no lease manager at ${local.lambda_package}: run `make lambda` in leasehold's checkout, or set lambda_package to the path of a bootstrap.zip."
    }
  }
}
