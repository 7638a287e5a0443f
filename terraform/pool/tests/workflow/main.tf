# Can a workflow be made of the pool's states while the pool is told of the workflow? Both ways in one configuration.

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

  name_prefix          = "team"
  table_name           = "leases"
  table_arn            = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix         = "analytics"
  lambda_package       = var.lambda_package
  key_path             = "$.resource_id"
  longest_hold_seconds = 3600
  create_alarms        = true
  state_machine_arns   = [aws_sfn_state_machine.workflow.arn]
}

resource "aws_iam_role" "workflow" {
  name_prefix        = "workflow-"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_sfn_state_machine" "workflow" {
  name     = "team-workflow"
  role_arn = aws_iam_role.workflow.arn
  definition = jsonencode({
    StartAt = module.pool.start_at
    States = merge(module.pool.states, {
      Process = { Type = "Wait", Seconds = 1, Next = module.pool.sfn_release_lease_state_name }
    })
  })
}

output "definition" {
  description = "What the workflow is made of."
  value       = aws_sfn_state_machine.workflow.definition
}
