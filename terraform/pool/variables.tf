# What can be chosen about a pool? Where it lies, and its rules.
#
# About its lease manager: variables_function.tf. About who is told how it does: variables_watching.tf. About its workflow
# states: variables_states.tf.
#
# The bounds are those that the lease manager keeps to (core/src/types.rs, core/src/settings.rs), and AWS's own.

variable "create" {
  description = "Whether to make anything at all."
  type        = bool
  default     = true
  nullable    = false
}

variable "region" {
  description = "Region of the pool, which is the table's; `null`: the provider's."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.region))
    error_message = "Write the name of a region, for example \"eu-central-1\", or leave region out for the provider's."
  }
}

variable "name_prefix" {
  description = "Beginning of the names of the function, rules and alarms; the function is `<name_prefix>-lease-manager`. Unique in the account and region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,50}$", var.name_prefix))
    error_message = "Write 1 to 50 of A-Z a-z 0-9 _ - as name_prefix, for example \"analytics\"."
  }
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : length(key) >= 1 && length(key) <= 128 && !startswith(lower(key), "aws:")])
    error_message = "Write tag keys of 1 to 128 characters that do not begin with \"aws:\", which AWS keeps for itself."
  }
}

# --- The table ---------------------------------------------------------------------------------------------------

variable "table_name" {
  description = "Name of the shared table: `dynamodb_table_name` of terraform/table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table_name))
    error_message = "Write the table's name (3 to 255 of A-Z a-z 0-9 _ . -), for example module.table.dynamodb_table_name."
  }
}

variable "table_arn" {
  description = "ARN of the shared table: `dynamodb_table_arn` of terraform/table. Of another region than the pool's, it is refused."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}$", var.table_arn))
    error_message = "Write the table's ARN, arn:aws:dynamodb:REGION:ACCOUNT:table/NAME, for example module.table.dynamodb_table_arn."
  }
}

variable "table_kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table, if it is not AWS's own: the lease manager may then use it through DynamoDB."
  type        = string
  default     = null

  validation {
    condition     = var.table_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.table_kms_key_arn))
    error_message = "Write the key's ARN, arn:aws:kms:REGION:ACCOUNT:key/ID (not an alias), or leave table_kms_key_arn out if the table has AWS's own key."
  }
}

# --- The pool's rules --------------------------------------------------------------------------------------------

variable "lease_prefix" {
  description = "The pool's name. Unique in the table: a second module with this prefix fails to apply, and changes nothing."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,64}$", var.lease_prefix))
    error_message = "Write 1 to 64 of A-Z a-z 0-9 . _ - as lease_prefix, for example \"analytics\"."
  }
}

variable "max_concurrent_leases" {
  description = "The limit: how many holders may hold a lease at once, 0 (nobody: the pool is drained) to 10,000."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_concurrent_leases >= 0 && var.max_concurrent_leases <= 10000 && floor(var.max_concurrent_leases) == var.max_concurrent_leases
    error_message = "Write a whole number from 0 to 10000 as max_concurrent_leases."
  }
}

variable "max_lease_duration_seconds" {
  description = "How long a lease lasts, in seconds, unless a caller asks for less. Work that may take longer needs `longest_hold_seconds`, or must renew."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.max_lease_duration_seconds >= 1 && var.max_lease_duration_seconds <= 31536000 && floor(var.max_lease_duration_seconds) == var.max_lease_duration_seconds
    error_message = "Write a whole number of seconds from 1 to 31536000 (a year, as long as a workflow can run) as max_lease_duration_seconds."
  }
}

variable "grace_seconds" {
  description = "The most that two callers may differ about the time, in seconds. Another caller takes an expired lease only this much later. Callers go by the table's time, which each knows to a second. So from 3 on, no machine's clock can be too wrong."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.grace_seconds >= 1 && var.grace_seconds <= 3600 && floor(var.grace_seconds) == var.grace_seconds
    error_message = "Write a whole number of seconds from 1 to 3600 as grace_seconds."
  }
}

variable "quiet_seconds" {
  description = "The quiet period: how long after a change of the limit somebody may still follow the old one, in seconds. `null`: 5 s (the settings cache) and `timeout_seconds`, the least that is possible. Write more if other programs with longer operations use the pool."
  type        = number
  default     = null

  validation {
    condition     = var.quiet_seconds == null ? true : var.quiet_seconds >= 5 && var.quiet_seconds <= 86400 && floor(var.quiet_seconds) == var.quiet_seconds
    error_message = "Write a whole number of seconds from 5 to 86400 as quiet_seconds, or leave it out."
  }
}

variable "longest_wait_seconds" {
  description = "How long somebody may wait in the queue, in seconds; then the waiting task fails. A day by default."
  type        = number
  default     = 86400
  nullable    = false

  validation {
    condition     = var.longest_wait_seconds >= 1 && var.longest_wait_seconds <= 31536000 && floor(var.longest_wait_seconds) == var.longest_wait_seconds
    error_message = "Write a whole number of seconds from 1 to 31536000 (a year, as long as a workflow can run) as longest_wait_seconds."
  }
}

variable "longest_hold_seconds" {
  description = "How long sweeps may keep a lease alive because its execution still runs, in seconds; 0 turns it off. Needs `state_machine_arns`."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.longest_hold_seconds >= 0 && var.longest_hold_seconds <= 31536000 && floor(var.longest_hold_seconds) == var.longest_hold_seconds
    error_message = "Write a whole number of seconds from 0 (off) to 31536000 (a year, as long as a workflow can run) as longest_hold_seconds."
  }
}

variable "sweep_every_minutes" {
  description = "The time between two sweeps, in minutes."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.sweep_every_minutes >= 1 && var.sweep_every_minutes <= 60 && floor(var.sweep_every_minutes) == var.sweep_every_minutes
    error_message = "Write a whole number of minutes from 1 to 60 as sweep_every_minutes."
  }
}

variable "state_machine_arns" {
  description = "ARNs of the state machines that use this pool, of its own account and region. The leases of their executions are freed at once when these end, and the sweep may ask whether they still run. If the list is empty, the lease of an ended execution lasts until it expires. The state machines may be made of this module's `states`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.state_machine_arns : can(regex("^arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[^:/*?]{1,80}$", arn))])
    error_message = "Write the ARNs of state machines, arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, without a version or alias, for example aws_sfn_state_machine.this.arn."
  }
}

variable "watch_executions" {
  description = "Whether there are `state_machine_arns`; `null`: yes if the list is not empty. Write `true` where Terraform can not count them while planning (\"Invalid count argument\"), as in `compact([...])` of ARNs that are not made yet."
  type        = bool
  default     = null
}

variable "free_when_succeeded" {
  description = "Whether the lease manager is also told of executions that succeeded. It then frees the leases that they forgot at once: those of branches that were cancelled while they held a lease or waited for one. One more call for each execution of `state_machine_arns`."
  type        = bool
  default     = true
  nullable    = false
}
