# Which function grants the pool's leases, and where does it log?

resource "aws_cloudwatch_log_group" "lease_manager" {
  count = local.create

  region = var.region

  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.cloudwatch_logs_retention_in_days
  log_group_class   = var.cloudwatch_logs_log_group_class
  kms_key_id        = var.kms_key_arn
  tags              = var.tags

  # What the settings refuse is refused before anything is made.
  depends_on = [aws_dynamodb_table_item.settings]

  lifecycle {
    precondition {
      condition     = contains(["STANDARD"], coalesce(var.cloudwatch_logs_log_group_class, "STANDARD")) || try(length(var.metrics) == 0, false)
      error_message = "CloudWatch takes no metrics out of logs of the class INFREQUENT_ACCESS: write metrics = [] with it, or leave cloudwatch_logs_log_group_class out."
    }
  }
}

resource "aws_lambda_function" "lease_manager" {
  count = local.create

  region = var.region

  function_name = local.function_name
  # Of Lambda's 256 characters; a table's name alone may have 255.
  description       = substr("Grants the leases of the pool ${var.lease_prefix} in the table ${var.table_name}", 0, 256)
  role              = local.role_arn
  filename          = local.from_s3 ? null : local.lambda_package
  source_code_hash  = local.from_s3 ? null : try(filebase64sha256(local.lambda_package), null)
  s3_bucket         = try(var.s3_existing_package.bucket, null)
  s3_key            = try(var.s3_existing_package.key, null)
  s3_object_version = try(var.s3_existing_package.version_id, null)
  runtime           = "provided.al2023"
  handler           = "bootstrap"
  architectures     = [var.architecture]
  memory_size       = var.memory_size
  timeout           = var.timeout_seconds
  kms_key_arn       = var.kms_key_arn
  tags              = var.tags

  code_signing_config_arn = var.code_signing_config_arn

  reserved_concurrent_executions = var.reserved_concurrent_executions

  environment {
    variables = merge(
      {
        LEASE_TABLE_NAME        = var.table_name
        LEASE_PREFIX            = var.lease_prefix
        LEASE_METRICS_NAMESPACE = var.metrics_namespace
        LEASE_LOG_LEVEL         = var.log_level
      },
      var.metrics == null ? {} : { LEASE_METRICS = length(var.metrics) == 0 ? "none" : join(",", sort(var.metrics)) },
    )
  }

  # The lease manager writes its own JSON lines; Lambda is not to wrap them.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.lease_manager[0].name
  }

  tracing_config {
    mode = var.lambdas_tracing_enabled ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [true] : []
    content {
      subnet_ids         = var.vpc_subnet_ids
      security_group_ids = var.vpc_security_group_ids
    }
  }

  # Calls without an answer, which are those of the rules, that failed three times.
  dynamic "dead_letter_config" {
    for_each = var.dead_letter_queue_arn == null ? [] : [var.dead_letter_queue_arn]
    content {
      target_arn = dead_letter_config.value
    }
  }

  # A workflow that is made of this function's ARN can start at once: the pool and the permissions are there before.
  depends_on = [aws_dynamodb_table_item.settings, aws_iam_role_policy.lease_manager]

  lifecycle {
    precondition {
      condition     = local.from_s3 || try(fileexists(local.lambda_package), false)
      error_message = "There is no lease manager at ${local.lambda_package}: run `make lambda` in leasehold's checkout, or set lambda_package to the path of a bootstrap.zip."
    }
    precondition {
      condition     = local.package_architecture == null ? true : local.package_architecture == var.architecture
      error_message = "The package ${local.lambda_package} was built for ${coalesce(local.package_architecture, "nothing known")}, and architecture is ${var.architecture}: set architecture to that of the package, or build the other one (`scripts/lambda --target ${var.architecture}` in leasehold's checkout) and set lambda_package to it: target/lambda/lease-manager-${var.architecture}/bootstrap.zip there, or target/lambda/lease-manager/bootstrap.zip if that machine is itself ${var.architecture}."
    }
    precondition {
      condition     = !local.from_s3 || var.lambda_package == null
      error_message = "lambda_package and s3_existing_package are two packages: leave one of them out."
    }
    precondition {
      condition     = var.code_signing_config_arn == null || local.from_s3
      error_message = "AWS Signer signs packages in S3: with code_signing_config_arn, name the signed one as s3_existing_package."
    }
    precondition {
      condition     = var.create_role == (var.role_arn == null)
      error_message = "Either the module makes the lease manager's role or you name one: write both create_role = false and role_arn, or neither."
    }
    precondition {
      condition     = local.in_vpc == (length(var.vpc_security_group_ids == null ? [] : var.vpc_security_group_ids) > 0)
      error_message = "A function in a VPC needs both vpc_subnet_ids and vpc_security_group_ids: write both, or neither."
    }
  }
}
