# How does a pool look with everything on? Its own encrypted table, alarms, traces, and work longer than a lease.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

module "table" {
  source = "../../terraform/table"

  name                           = "${var.name}-leases"
  kms_key_arn                    = aws_kms_key.this.arn
  point_in_time_recovery_enabled = true
  create_dashboard               = true

  # This is an example: it can be destroyed.
  deletion_protection_enabled = false
}

module "pool" {
  source = "../../terraform/pool"

  name_prefix        = var.name
  table_name         = module.table.dynamodb_table_name
  table_arn          = module.table.dynamodb_table_arn
  table_kms_key_arn  = module.table.dynamodb_table_kms_key_arn
  lease_prefix       = "reports"
  state_machine_arns = [aws_sfn_state_machine.reports.arn, aws_sfn_state_machine.archive.arn]

  # Two reports at a time. A lease lasts three minutes, and as long as its execution runs, up to an hour.
  max_concurrent_leases      = var.max_concurrent_leases
  max_lease_duration_seconds = 180
  longest_hold_seconds       = 3600

  lambda_package          = var.lambda_package
  architecture            = var.architecture
  kms_key_arn             = aws_kms_key.this.arn
  lambdas_tracing_enabled = true

  create_alarms               = true
  alarm_actions               = [aws_sns_topic.alarms.arn]
  oldest_waiter_alarm_seconds = 900
  create_dashboard            = true

  # The states of the workflow `reports`, in workflows.tf.
  mode           = "poll"
  query_language = "JSONata"
  key_path       = "$states.input.report.id"
}
