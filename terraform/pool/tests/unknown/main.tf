# Can a pool be planned whose state machines Terraform can not count yet?

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "lambda_package" {
  description = "Any file."
  type        = string
}

module "pool" {
  source = "../.."

  name_prefix    = "team"
  table_name     = "leases"
  table_arn      = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix   = "analytics"
  lambda_package = var.lambda_package
  key_path       = "$.resource_id"

  # Whether an ARN is empty is known only when it is.
  state_machine_arns = compact([aws_sfn_state_machine.workflow.arn])
  watch_executions   = true
}

resource "aws_sfn_state_machine" "workflow" {
  name       = "team-workflow"
  role_arn   = "arn:aws:iam::123456789012:role/workflow"
  definition = jsonencode({ StartAt = "Done", States = { Done = { Type = "Succeed" } } })
}

output "policies" {
  description = "What the lease manager may do."
  value       = module.pool.lease_manager_policies
}
