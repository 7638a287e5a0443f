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

variable "name" {
  description = "Beginning of all names."
  type        = string
  default     = "complete"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,50}$", var.name))
    error_message = "Write 1 to 50 of A-Z a-z 0-9 _ - as name, for example \"complete\"."
  }
}

variable "max_concurrent_leases" {
  description = "How many reports are made at once, the archive included."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.max_concurrent_leases >= 0 && var.max_concurrent_leases <= 10000 && floor(var.max_concurrent_leases) == var.max_concurrent_leases
    error_message = "Write a whole number from 0 to 10000 as max_concurrent_leases."
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
