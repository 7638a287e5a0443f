# What do the tests choose?

variable "lambda_package" {
  description = "Path of the lease manager's bootstrap.zip."
  type        = string
}

variable "architecture" {
  description = "The processor that it was built for."
  type        = string
}

variable "changing_limit" {
  description = "The limit of the pool `changing`, which is changed while its leases are held."
  type        = number
  default     = 8
}

variable "unreachable_endpoint" {
  description = "An address where nobody listens."
  type        = string
}

variable "busy_endpoint" {
  description = "An address where somebody answers each request as DynamoDB does when it is too busy."
  type        = string
}
