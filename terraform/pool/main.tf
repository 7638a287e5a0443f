# What are the parts of one application's pool called, and where do they lie?
#
# A pool is its settings (settings.tf), its lease manager (function.tf, from package.tf) with what it may do (iam.tf, under
# role.tf), what calls the lease manager by itself (events.tf), its alarms (alarms.tf) and its dashboard (dashboard.tf), and
# the workflow states that use it (states.tf).
#
# The ARNs of the workflows come in, and the states of the workflows go out. So nothing that the states depend on may
# depend on state_machine_arns: only events.tf and the second policy of iam.tf do.

data "aws_partition" "this" {
  count = local.create
}

data "aws_region" "this" {
  count = local.create

  region = var.region
}

locals {
  create = var.create ? 1 : 0

  function_name = "${var.name_prefix}-lease-manager"

  # arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME. The lease manager is told the table's name alone, so both lie in
  # the same account and region.
  table_region  = split(":", var.table_arn)[3]
  table_account = split(":", var.table_arn)[4]

  # Where everything is made: known while planning, as the table's ARN may not be.
  region     = one(data.aws_region.this[*].id)
  partition  = one(data.aws_partition.this[*].partition)
  dns_suffix = one(data.aws_partition.this[*].dns_suffix)

  # The partition key of every row of this pool; `store/src/rows.rs` has the rows.
  partition_key = "LEASES#${var.lease_prefix}"

  sweep_every_seconds = var.sweep_every_minutes * 60

  # For so long after a change somebody may still follow the old settings: they are used for 5 seconds before they are
  # read again, and the longest operation ends with its invocation.
  settings_cache_seconds = 5
  quiet_seconds          = coalesce(var.quiet_seconds, local.settings_cache_seconds + var.timeout_seconds)

  state_machine_arns = distinct(var.state_machine_arns)

  # The number of ARNs must be known while planning, which that of `compact([...])` may not be; then the caller says it.
  watch_executions = var.create && (var.watch_executions == null ? length(var.state_machine_arns) > 0 : var.watch_executions)
}
