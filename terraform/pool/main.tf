# What are the parts of one application's pool called, and where do they lie?
#
# A pool is its settings (settings.tf), its lease manager (function.tf) with what it may do (iam.tf), what calls the
# lease manager by itself (events.tf), its alarms (alarms.tf), and the workflow states that use it (states.tf).
#
# The ARNs of the workflows come in, and the states of the workflows go out. So nothing that the states depend on may
# depend on state_machine_arns: only events.tf and the second policy of iam.tf do.

locals {
  create = var.create ? 1 : 0

  function_name = "${var.name_prefix}-lease-manager"

  # arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME
  region = split(":", var.table_arn)[3]

  # The partition key of every row of this pool; `store/src/rows.rs` has the rows.
  partition_key = "LEASES#${var.lease_prefix}"

  sweep_every_seconds = var.sweep_every_minutes * 60

  # For so long after a change somebody may still follow the old settings: they are used for 5 seconds before they are
  # read again, and the longest operation ends with its invocation.
  settings_cache_seconds = 5
  quiet_seconds          = coalesce(var.quiet_seconds, local.settings_cache_seconds + var.timeout_seconds)

  state_machine_arns = distinct(var.state_machine_arns)
}
