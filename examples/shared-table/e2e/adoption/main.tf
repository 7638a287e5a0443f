# Whose is a pool that is there already? A pool of the module on a table that something else made, and a second one of the same prefix.

terraform {
  required_version = "~> 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

module "pool" {
  source = "../../../../terraform/pool"

  name_prefix           = "adopting"
  table_name            = var.table_name
  table_arn             = var.table_arn
  lease_prefix          = var.lease_prefix
  max_concurrent_leases = 7
  lambda_package        = var.lambda_package
  architecture          = var.architecture
  single_holder         = true
}

module "second" {
  source = "../../../../terraform/pool"
  count  = var.second ? 1 : 0

  name_prefix           = "adopting-second"
  table_name            = var.table_name
  table_arn             = var.table_arn
  lease_prefix          = var.lease_prefix
  max_concurrent_leases = 9
  lambda_package        = var.lambda_package
  architecture          = var.architecture
  single_holder         = true
}

variable "table_name" {
  description = "Name of the table that is there."
  type        = string
}

variable "table_arn" {
  description = "Its ARN."
  type        = string
}

variable "lease_prefix" {
  description = "The prefix of the pool that is there."
  type        = string
}

variable "second" {
  description = "Whether a second module names the same pool."
  type        = bool
  default     = false
}

variable "lambda_package" {
  description = "Path of the lease manager's bootstrap.zip."
  type        = string
}

variable "architecture" {
  description = "The processor that it was built for."
  type        = string
}
