# What can be chosen about who is told how the pool does? Its metrics, alarms and dashboard.

variable "metrics_namespace" {
  description = "CloudWatch namespace of the lease manager's metrics."
  type        = string
  default     = "leasehold"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_./#-]{1,255}$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "Write 1 to 255 of A-Z a-z 0-9 _ . / # - that do not begin with AWS/ as metrics_namespace, for example \"leasehold\"."
  }
}

variable "metrics" {
  description = "Names of the metrics that are written, of those on the first page of `lambda/src/lib.rs`; `null`: all, `[]`: none. CloudWatch takes 30 cents a month for each. The log has their values in any case."
  type        = list(string)
  default     = null

  validation {
    condition = length(setsubtract(var.metrics == null ? [] : var.metrics, [
      "LeaseGranted", "LeaseWait", "LeaseQueued", "LeaseReleased", "LeaseExpired", "LeaseReclaimed", "LeaseLost",
      "WorkOutlastedLease", "ExtensionsMissed", "WaitsForAncestor", "WaiterGone", "NoticeRefused", "Sweeps", "TableConflict",
      "ClockCorrected", "Errors", "ColdStart", "WaitTime", "HoldTime", "Held", "Waiting", "OldestWait", "Settling",
    ])) == 0
    error_message = "Write names of the lease manager's metrics as metrics, for example [\"Held\", \"OldestWait\", \"Errors\"], or leave it out for all."
  }
}

# --- Alarms ------------------------------------------------------------------------------------------------------

variable "create_alarms" {
  description = "Whether to make the eleven alarms."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs, of SNS topics for example, that are told when an alarm goes off and when it is over."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.alarm_actions) <= 5 && alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "Write at most 5 ARNs as alarm_actions, for example [aws_sns_topic.alarms.arn]."
  }
}

variable "over_limit_alarm_threshold" {
  description = "The alarm `over-limit` goes off when more leases than this are held; `null`: `max_concurrent_leases`. Write the highest limit that operators may set live."
  type        = number
  default     = null

  validation {
    condition     = var.over_limit_alarm_threshold == null ? true : var.over_limit_alarm_threshold >= 0 && var.over_limit_alarm_threshold <= 10000
    error_message = "Write a number from 0 to 10000 as over_limit_alarm_threshold, or leave it out for max_concurrent_leases."
  }
}

variable "oldest_waiter_alarm_seconds" {
  description = "The alarm `oldest-waiter` goes off when somebody has waited for longer than this, in seconds."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.oldest_waiter_alarm_seconds >= 1 && var.oldest_waiter_alarm_seconds <= 31536000
    error_message = "Write a number of seconds from 1 to 31536000 as oldest_waiter_alarm_seconds."
  }
}

variable "errors_alarm_threshold" {
  description = "The alarms `errors` and `failed-calls` go off when there are more than this in five minutes."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.errors_alarm_threshold >= 0
    error_message = "Write 0 or more as errors_alarm_threshold."
  }
}

variable "lost_leases_alarm_threshold" {
  description = "The alarm `lost-leases` goes off when more than this were lost in five minutes."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.lost_leases_alarm_threshold >= 0
    error_message = "Write 0 or more as lost_leases_alarm_threshold."
  }
}

variable "throttles_alarm_threshold" {
  description = "The alarm `throttles` goes off when Lambda refused more calls than this in five minutes. Workflows try again by themselves."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.throttles_alarm_threshold >= 0
    error_message = "Write 0 or more as throttles_alarm_threshold."
  }
}

variable "work_outlasted_lease_alarm_threshold" {
  description = "The alarm `work-outlasted-lease` goes off when work went on after its lease had expired more often than this in five minutes."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.work_outlasted_lease_alarm_threshold >= 0
    error_message = "Write 0 or more as work_outlasted_lease_alarm_threshold."
  }
}

variable "extensions_missed_alarm_threshold" {
  description = "The alarm `extensions-missed` goes off when it was not known in time of more leases than this in five minutes whether their executions run."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.extensions_missed_alarm_threshold >= 0
    error_message = "Write 0 or more as extensions_missed_alarm_threshold."
  }
}

variable "notice_refused_alarm_threshold" {
  description = "The alarm `notice-refused` goes off when more notices than this were refused for good in five minutes."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.notice_refused_alarm_threshold >= 0
    error_message = "Write 0 or more as notice_refused_alarm_threshold."
  }
}

# --- The dashboard -----------------------------------------------------------------------------------------------

variable "create_dashboard" {
  description = "Whether to make a CloudWatch dashboard, `<name_prefix>-lease-pool`. Dashboards are of an account and of no region: one of the same name in another region would be overwritten. One of more than three in an account costs 3 dollars a month."
  type        = bool
  default     = false
  nullable    = false
}
