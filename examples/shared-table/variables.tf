# What can be chosen about the example?

variable "region" {
  description = "Where everything is made."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.region))
    error_message = "Write the name of a region, for example \"eu-central-1\"."
  }
}

variable "table_name" {
  description = "Name of the table that both applications share."
  type        = string
  default     = "regional-concurrency-leases"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table_name))
    error_message = "Write 3 to 255 letters, digits, dots, hyphens or underscores as table_name."
  }
}

variable "mode" {
  description = "How the items wait for a lease: `queue` (a task token; nobody polls) or `poll` (they ask again)."
  type        = string
  default     = "queue"
  nullable    = false

  validation {
    condition     = contains(["queue", "poll"], var.mode)
    error_message = "Write \"queue\" or \"poll\" as mode."
  }
}

variable "work_seconds" {
  description = "How long the work on each item lasts, in seconds."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.work_seconds >= 1 && var.work_seconds <= 300 && floor(var.work_seconds) == var.work_seconds
    error_message = "Write a whole number of seconds from 1 to 300 (well within a lease of 600) as work_seconds."
  }
}

variable "lambda_package" {
  description = "Path of the lease manager's `bootstrap.zip`; `null`: where `make lambda` puts it."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_package == null || can(regex("[^\\s]", var.lambda_package))
    error_message = "Write the path of a bootstrap.zip as lambda_package, or leave it out for the one that `make lambda` makes."
  }
}

variable "architecture" {
  description = "The processor that the package was built for: `x86_64` or `arm64`."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Write \"x86_64\" or \"arm64\" as architecture: the processor of the package."
  }
}
