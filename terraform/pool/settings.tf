# What are the pool's rules? One row of the table, which the lease manager reads every few seconds.
#
# A limit that an operator changes live lies in another row, `override`: it wins over this one, and a deploy keeps it.

# The provider puts the row only if there is none, and shows the next line if there is.
resource "aws_dynamodb_table_item" "settings" { # "The conditional request failed" means that the pool exists: choose another lease_prefix, or take the pool over as in the README under "A pool that exists".
  count = local.create

  region = var.region

  table_name = var.table_name
  hash_key   = "PK"
  range_key  = "SK"

  item = jsonencode({
    PK              = { S = local.partition_key }
    SK              = { S = "pool" }
    edition         = { N = "2" }
    limit           = { N = tostring(var.max_concurrent_leases) }
    lease_ms        = { N = tostring(var.max_lease_duration_seconds * 1000) }
    grace_ms        = { N = tostring(var.grace_seconds * 1000) }
    quiet_ms        = { N = tostring(local.quiet_seconds * 1000) }
    longest_wait_ms = { N = tostring(var.longest_wait_seconds * 1000) }
    longest_hold_ms = { N = tostring(var.longest_hold_seconds * 1000) }
    sweep_every_ms  = { N = tostring(local.sweep_every_seconds * 1000) }
    directory       = { S = "pools" }
    directory_row   = { S = "${var.lease_prefix}#pool" }
  })

  lifecycle {
    precondition {
      condition     = endswith(var.table_arn, ":table/${var.table_name}")
      error_message = "table_name and table_arn are of two tables: write the outputs dynamodb_table_name and dynamodb_table_arn of the same table module."
    }
    precondition {
      condition     = local.table_region == local.region
      error_message = "The table lies in ${local.table_region} and the pool would be made in ${coalesce(local.region, "no region")}: give the pool the table's region, by its argument region or by its provider."
    }
    precondition {
      condition     = local.quiet_seconds >= local.settings_cache_seconds + var.timeout_seconds
      error_message = "quiet_seconds must be at least ${local.settings_cache_seconds + var.timeout_seconds} (a settings cache of ${local.settings_cache_seconds} s and timeout_seconds): leave it out, or write that or more."
    }
    precondition {
      condition     = var.longest_hold_seconds == 0 || var.longest_hold_seconds > var.max_lease_duration_seconds
      error_message = "longest_hold_seconds must be 0 (off) or more than max_lease_duration_seconds (${var.max_lease_duration_seconds}): a lease lasts that long without any help."
    }
    precondition {
      condition     = var.longest_hold_seconds == 0 || var.max_lease_duration_seconds >= 2 * local.sweep_every_seconds
      error_message = "With longest_hold_seconds, max_lease_duration_seconds must be at least two sweeps (${2 * local.sweep_every_seconds} s), so that one sweep may fail before a running workflow loses its lease: write more, or make sweep_every_minutes smaller."
    }
    precondition {
      condition     = var.lease_seconds == null ? true : var.lease_seconds <= var.max_lease_duration_seconds
      error_message = "lease_seconds must be at most max_lease_duration_seconds (${var.max_lease_duration_seconds}): write less, or leave it out for that."
    }
    precondition {
      condition     = var.lease_seconds == null || var.longest_hold_seconds == 0 ? true : var.lease_seconds >= 2 * local.sweep_every_seconds
      error_message = "With longest_hold_seconds, lease_seconds must be at least two sweeps (${2 * local.sweep_every_seconds} s), so that one sweep may fail before a running workflow loses its lease: write more, or make sweep_every_minutes smaller."
    }
    precondition {
      condition     = var.wait_seconds == null ? true : var.wait_seconds <= var.longest_wait_seconds
      error_message = "wait_seconds must be at most longest_wait_seconds (${var.longest_wait_seconds}): write less, or leave it out for that."
    }
  }
}

# Not wrong, but hardly meant.
check "the_settings_suit_each_other" {
  assert {
    condition     = !var.create || var.grace_seconds < var.max_lease_duration_seconds
    error_message = "grace_seconds (${var.grace_seconds}) is not less than max_lease_duration_seconds (${var.max_lease_duration_seconds}): a slot whose holder died is kept from others for longer after its lease than during it."
  }
  assert {
    condition     = !var.create || var.longest_wait_seconds >= local.sweep_every_seconds
    error_message = "longest_wait_seconds (${var.longest_wait_seconds}) is less than the time between two sweeps (${local.sweep_every_seconds}): in a quiet pool only a sweep tells a waiter that it has waited too long, so it would wait longer."
  }
}
