# What can be chosen about the table?

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
