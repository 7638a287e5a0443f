# Which pools get into trouble? All on one table, each with the settings that its scenario needs.

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

locals {
  pools = {
    # Work that fails, executions that are stopped, workers that die. A sweep looks after leases that end soon.
    small = {
      limit           = 3
      lease_seconds   = 120
      longest_hold    = 600
      acquire_timeout = 60
      timeout         = 30
    }
    # Lease managers that are killed: a task whose call died waits for its own timeout on the local AWS.
    killed = {
      limit           = 5
      lease_seconds   = 60
      longest_hold    = 0
      acquire_timeout = 20
      timeout         = 10
    }
    # The shortest quiet period there can be: the settings cache of 5 s and the shortest timeout. A task whose call was not
    # answered asks again soon.
    changing = {
      limit           = var.changing_limit
      lease_seconds   = 60
      longest_hold    = 0
      acquire_timeout = 90
      timeout         = 10
    }
    large = {
      limit           = 15
      lease_seconds   = 60
      longest_hold    = 0
      acquire_timeout = 200
      timeout         = 30
    }
    # Who waits for two seconds has waited too long.
    impatient = {
      limit           = 1
      lease_seconds   = 60
      longest_hold    = 0
      acquire_timeout = 60
      timeout         = 30
    }
    jsonata = {
      limit           = 1
      lease_seconds   = 60
      longest_hold    = 0
      acquire_timeout = 60
      timeout         = 30
    }
  }

  # Which machines use which pool; their executions' ends are told to its lease manager.
  users = {
    small     = [aws_sfn_state_machine.one["small"].arn, aws_sfn_state_machine.failing.arn]
    killed    = [aws_sfn_state_machine.map["killed"].arn]
    changing  = [aws_sfn_state_machine.map["changing"].arn]
    large     = [aws_sfn_state_machine.map["large"].arn]
    impatient = [aws_sfn_state_machine.one["impatient"].arn]
    jsonata   = [aws_sfn_state_machine.jsonata.arn]
  }
}

module "table" {
  source = "../../../../terraform/table"

  name                        = "leases-in-trouble"
  deletion_protection_enabled = false
}

module "pool" {
  source   = "../../../../terraform/pool"
  for_each = local.pools

  name_prefix                = "trouble-${each.key}"
  table_name                 = module.table.dynamodb_table_name
  table_arn                  = module.table.dynamodb_table_arn
  lease_prefix               = each.key
  max_concurrent_leases      = each.value.limit
  max_lease_duration_seconds = each.value.lease_seconds
  longest_hold_seconds       = each.value.longest_hold
  longest_wait_seconds       = each.key == "impatient" ? 2 : 86400
  grace_seconds              = 1
  timeout_seconds            = each.value.timeout
  acquire_timeout_seconds    = each.value.acquire_timeout
  state_machine_arns         = local.users[each.key]
  lambda_package             = var.lambda_package
  architecture               = var.architecture

  query_language = each.key == "jsonata" ? "JSONata" : "JSONPath"
  key_path       = each.key == "jsonata" ? "$states.input.item.id" : "$.item.id"
  parent_path    = each.key == "jsonata" ? "$states.input.parent" : "$.parent"
}
