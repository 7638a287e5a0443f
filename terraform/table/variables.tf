# What can be chosen about the table?

variable "create" {
  description = "Whether to make anything at all. If `false`, every output but `dynamodb_table_kms_key_arn` is `null`."
  type        = bool
  default     = true
  nullable    = false
}

variable "region" {
  description = "Region of the table; `null`: the provider's. Give it to each pool too."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.region))
    error_message = "Write the name of a region, for example \"eu-central-1\", or leave region out for the provider's."
  }
}

variable "name" {
  description = "Name of the table."
  type        = string
  default     = "regional-concurrency-leases"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "Write 3 to 255 of A-Z a-z 0-9 _ . - as the table's name, for example \"regional-concurrency-leases\"."
  }
}

variable "deletion_protection_enabled" {
  description = "Whether DynamoDB refuses to delete the table. On by default, because everyone's pools lie in it; to remove the table, apply once with `false`, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "point_in_time_recovery_enabled" {
  description = "Whether DynamoDB keeps continuous backups. A restored table must not be used for pools that are in use: its fences lie in the past."
  type        = bool
  default     = false
  nullable    = false
}

variable "point_in_time_recovery_days" {
  description = "How many days back the continuous backups go, 1 to 35; `null`: AWS's default, 35."
  type        = number
  default     = null

  validation {
    condition     = var.point_in_time_recovery_days == null ? true : var.point_in_time_recovery_days >= 1 && var.point_in_time_recovery_days <= 35 && floor(var.point_in_time_recovery_days) == var.point_in_time_recovery_days
    error_message = "Write a whole number of days from 1 to 35 as point_in_time_recovery_days, or leave it out for 35."
  }
}

variable "on_demand_throughput" {
  description = "The most request units a second for all pools together, to bound the bill. DynamoDB refuses more; callers get `Throttled` and ask again. `null`: no limit but the account's. A pool takes up to about 1,000 write units."
  type = object({
    max_read_request_units  = optional(number)
    max_write_request_units = optional(number)
  })
  default = null

  validation {
    condition     = var.on_demand_throughput == null ? true : alltrue([for units in values(var.on_demand_throughput) : units == null ? true : units >= 1 && floor(units) == units])
    error_message = "Write whole numbers from 1 as on_demand_throughput, for example { max_read_request_units = 4000, max_write_request_units = 4000 }, or leave it out."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table; `null` means the key that AWS owns, which costs nothing. Give it to each pool too, as `table_kms_key_arn`."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Write the key's ARN, arn:aws:kms:REGION:ACCOUNT:key/ID (not an alias), or leave kms_key_arn out for the key that AWS owns."
  }
}

variable "tags" {
  description = "Tags of the table."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : length(key) >= 1 && length(key) <= 128 && !startswith(lower(key), "aws:")])
    error_message = "Write tag keys of 1 to 128 characters that do not begin with \"aws:\", which AWS keeps for itself."
  }
}

# --- The dashboard -----------------------------------------------------------------------------------------------

variable "create_dashboard" {
  description = "Whether to make a CloudWatch dashboard of all pools and of the table's cost, called as the table is. Dashboards are of an account and of no region: one of the same name in another region would be overwritten. One of more than three in an account costs 3 dollars a month."
  type        = bool
  default     = false
  nullable    = false
}

variable "dashboard_name" {
  description = "Name of the dashboard; `null`: the table's, with hyphens for dots."
  type        = string
  default     = null

  validation {
    condition     = var.dashboard_name == null || can(regex("^[A-Za-z0-9_-]{1,255}$", var.dashboard_name))
    error_message = "Write 1 to 255 of A-Z a-z 0-9 _ - as dashboard_name, or leave it out for the table's name."
  }
}

variable "dashboard_prices" {
  description = "DynamoDB's price of a million read and write request units, in dollars, for the dashboard. The defaults are of us-east-1 since November 2024; most regions are 10 to 60 percent dearer."
  type = object({
    million_reads  = optional(number, 0.125)
    million_writes = optional(number, 0.625)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.dashboard_prices.million_reads >= 0 && var.dashboard_prices.million_writes >= 0
    error_message = "Write prices of 0 or more as dashboard_prices, for example { million_reads = 0.15, million_writes = 0.75 }."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the pools' metrics, for the dashboard: the pools' `metrics_namespace`."
  type        = string
  default     = "leasehold"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_./#-]{1,255}$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "Write 1 to 255 of A-Z a-z 0-9 _ . / # - that do not begin with AWS/ as metrics_namespace, for example \"leasehold\"."
  }
}
