# What can be chosen about the lease manager? Its package, its size, its role, its network, its log.

variable "lambda_package" {
  description = "Path of the lease manager's `bootstrap.zip`; `null`: where `make lambda` puts it in this checkout."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_package == null || can(regex("[^\\s]", var.lambda_package))
    error_message = "Write the path of a bootstrap.zip as lambda_package, or leave it out for the one that `make lambda` makes."
  }
}

variable "s3_existing_package" {
  description = "The package as an object in a bucket of the function's region, in place of `lambda_package`. Name its version, or give each its own key: Terraform sees only that these change. The module does not check its processor."
  type = object({
    bucket     = string
    key        = string
    version_id = optional(string)
  })
  default = null

  validation {
    condition     = var.s3_existing_package == null ? true : can(regex("[^\\s]", var.s3_existing_package.bucket)) && can(regex("[^\\s]", var.s3_existing_package.key))
    error_message = "Write the bucket and the key of the package as s3_existing_package, for example { bucket = \"artifacts\", key = \"lease-manager-1.0.zip\" }."
  }
}

variable "code_signing_config_arn" {
  description = "ARN of the code signing configuration that the package must satisfy, where an organisation asks for one; needs `s3_existing_package`, the signed object."
  type        = string
  default     = null

  validation {
    condition     = var.code_signing_config_arn == null || can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:.+$", var.code_signing_config_arn))
    error_message = "Write the configuration's ARN, arn:aws:lambda:REGION:ACCOUNT:code-signing-config:ID, as code_signing_config_arn, or leave it out."
  }
}

variable "architecture" {
  description = "The processor of the package: `x86_64` or `arm64`. `make lambda` builds for this machine's. `scripts/lambda --target arm64` on an x86_64 machine builds for the other: name that package, `target/lambda/lease-manager-arm64/bootstrap.zip`, as `lambda_package`. The plan refuses a package that says it is for the other processor."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Write \"x86_64\" or \"arm64\" as architecture: the processor of the package."
  }
}

variable "memory_size" {
  description = "Memory of the lease manager, in MB. It needs less than 30; the processor's share grows with it."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "Write a whole number of megabytes from 128 to 10240 as memory_size."
  }
}

variable "timeout_seconds" {
  description = "How long one call of the lease manager may take, in seconds. One request to the table may take 5, and a call makes several."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "Write a whole number of seconds from 1 to 900 as timeout_seconds."
  }
}

variable "reserved_concurrent_executions" {
  description = "How many calls of the lease manager may run at once, reserved for it out of the account's; -1 reserves nothing. The account must keep 100 unreserved, and a new one has few (`aws lambda get-account-settings`). Lambda throttles more calls, and the workflows ask again."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = (var.reserved_concurrent_executions == -1 || var.reserved_concurrent_executions >= 2) && floor(var.reserved_concurrent_executions) == var.reserved_concurrent_executions
    error_message = "Write -1 (nothing reserved) or a whole number from 2 (a sweep may be running) as reserved_concurrent_executions. To stop a pool, write max_concurrent_leases = 0."
  }
}

variable "dead_letter_queue_arn" {
  description = "ARN of an SQS queue (not FIFO) for events of the two rules that could not be handed over, or whose calls failed three times. The queue's policy must let `events.amazonaws.com` send from `event_rule_arns`. If a key of yours encrypts the queue, EventBridge and the lease manager's role must be able to use it."
  type        = string
  default     = null

  validation {
    condition     = var.dead_letter_queue_arn == null || can(regex("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}$", var.dead_letter_queue_arn))
    error_message = "Write the ARN of a standard queue, arn:aws:sqs:REGION:ACCOUNT:NAME, as dead_letter_queue_arn, or leave it out."
  }
}

variable "log_level" {
  description = "Level of the lease manager's log: `error`, `warn`, `info` or `debug`."
  type        = string
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["error", "warn", "info", "debug"], var.log_level)
    error_message = "Write \"error\", \"warn\", \"info\" or \"debug\" as log_level."
  }
}

variable "cloudwatch_logs_retention_in_days" {
  description = "How many days the log is kept; 0 keeps it for ever."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.cloudwatch_logs_retention_in_days)
    error_message = "Write one of CloudWatch's own numbers of days as cloudwatch_logs_retention_in_days: 0 (for ever), 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "cloudwatch_logs_log_group_class" {
  description = "Class of the log group: `STANDARD`, or `INFREQUENT_ACCESS`, which costs half. CloudWatch takes no metrics out of the latter, so write `metrics = []` with it. `null`: AWS's default, `STANDARD`. It can not be changed later."
  type        = string
  default     = null

  validation {
    condition     = var.cloudwatch_logs_log_group_class == null ? true : contains(["STANDARD", "INFREQUENT_ACCESS"], var.cloudwatch_logs_log_group_class)
    error_message = "Write \"STANDARD\" or \"INFREQUENT_ACCESS\" as cloudwatch_logs_log_group_class, or leave it out."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the log and the function's environment; `null`: AWS's own. Its key policy must let CloudWatch Logs use it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Write the key's ARN, arn:aws:kms:REGION:ACCOUNT:key/ID (not an alias), or leave kms_key_arn out for AWS's own."
  }
}

variable "lambdas_tracing_enabled" {
  description = "Whether X-Ray traces the lease manager's calls."
  type        = bool
  default     = false
  nullable    = false
}

variable "state_machine_kms_key_arns" {
  description = "ARNs of the KMS keys that encrypt the state machines of this pool, if they are not AWS's own. The lease manager may then use them through Step Functions. Without that it can tell nobody who waits (the alarm `notice-refused`)."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.state_machine_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "Write the keys' ARNs, arn:aws:kms:REGION:ACCOUNT:key/ID (not aliases), as state_machine_kms_key_arns."
  }
}

# --- Its role ----------------------------------------------------------------------------------------------------

variable "create_role" {
  description = "Whether to make the lease manager's role. If `false`, give `role_arn`; that role needs the policies of the output `lease_manager_policies`."
  type        = bool
  default     = true
  nullable    = false
}

variable "role_arn" {
  description = "ARN of a role that exists, for `create_role = false`. Lambda must be allowed to assume it."
  type        = string
  default     = null

  validation {
    condition     = var.role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.role_arn))
    error_message = "Write the role's ARN, arn:aws:iam::ACCOUNT:role/NAME, as role_arn, or leave it out."
  }
}

variable "role_name" {
  description = "Name of the role that is made; `null`: the function's name and a suffix that makes it unique."
  type        = string
  default     = null

  validation {
    condition     = var.role_name == null || can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", var.role_name))
    error_message = "Write 1 to 64 of A-Z a-z 0-9 _ + = , . @ - as role_name, or leave it out."
  }
}

variable "role_path" {
  description = "Path of the role that is made; `null`: `/`."
  type        = string
  default     = null

  validation {
    condition     = var.role_path == null || can(regex("^/([!-~]{1,510}/)?$", var.role_path))
    error_message = "Write a path that begins and ends with a slash as role_path, for example \"/teams/data/\"."
  }
}

variable "role_permissions_boundary" {
  description = "ARN of the policy that bounds the permissions of the role that is made."
  type        = string
  default     = null

  validation {
    condition     = var.role_permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.role_permissions_boundary))
    error_message = "Write the policy's ARN, arn:aws:iam::ACCOUNT:policy/NAME, as role_permissions_boundary, or leave it out."
  }
}

# --- Its network -------------------------------------------------------------------------------------------------

variable "vpc_subnet_ids" {
  description = "Subnets of a VPC that the lease manager is put into; `null`: none. From there it must reach DynamoDB (a gateway endpoint costs nothing) and Step Functions (an interface endpoint, or NAT)."
  type        = list(string)
  default     = null
}

variable "vpc_security_group_ids" {
  description = "Security groups of the lease manager in a VPC. It opens connections to port 443, and takes none."
  type        = list(string)
  default     = null
}
