# What may people and programs do that are given one of the pool's policies? Exactly this: a policy with more in it fails as
# well.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix    = "team"
  table_name     = "leases"
  table_arn      = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix   = "analytics"
  key_path       = "$.resource_id"
  lambda_package = "versions.tf"
}

run "whoever_watches_reads_this_pools_rows_and_the_list_of_pools" {
  assert {
    condition = jsondecode(output.watch_policy_json) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "ReadRows"
          Effect   = "Allow"
          Action   = ["dynamodb:GetItem", "dynamodb:Query"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
          Condition = {
            "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["LEASES#analytics"] }
            Null                        = { "dynamodb:LeadingKeys" = "false" }
          }
        },
        {
          Sid      = "ListPools"
          Effect   = "Allow"
          Action   = "dynamodb:Query"
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases/index/directory"
        },
        {
          Sid      = "DescribeTable"
          Effect   = "Allow"
          Action   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
        },
      ]
    }
    error_message = "The policy is ${output.watch_policy_json}."
  }
}

run "whoever_operates_also_writes_this_pools_rows_and_tells_waiters" {
  assert {
    condition = jsondecode(output.operate_policy_json) == {
      Version = "2012-10-17"
      Statement = concat(
        [
          {
            Sid      = "OperateRows"
            Effect   = "Allow"
            Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"]
            Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
            Condition = {
              "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["LEASES#analytics"] }
              Null                        = { "dynamodb:LeadingKeys" = "false" }
            }
          },
          {
            Sid      = "TellWaiters"
            Effect   = "Allow"
            Action   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
            Resource = "*"
          },
        ],
        slice(jsondecode(output.watch_policy_json).Statement, 1, 3),
      )
    }
    error_message = "The policy is ${output.operate_policy_json}."
  }
}

run "whoever_runs_commands_under_leases_reaches_this_pools_rows_and_its_waiters_alone" {
  assert {
    condition = jsondecode(output.run_policy_json) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "RunRows"
          Effect   = "Allow"
          Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
          Condition = {
            "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["LEASES#analytics"] }
            Null                        = { "dynamodb:LeadingKeys" = "false" }
          }
        },
        {
          Sid      = "TellWaiters"
          Effect   = "Allow"
          Action   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
          Resource = "*"
        },
      ]
    }
    error_message = "The policy is ${output.run_policy_json}."
  }
}

run "keys_of_ones_own_may_be_used_by_those_who_need_them" {
  variables {
    table_kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/table"
    state_machine_kms_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/workflow"]
  }

  assert {
    condition = {
      for who, policy in { watch = output.watch_policy_json, operate = output.operate_policy_json, run = output.run_policy_json } :
      who => [for s in jsondecode(policy).Statement : s.Sid]
      } == {
      watch   = ["ReadRows", "ListPools", "DescribeTable", "TableKey"]
      operate = ["OperateRows", "TellWaiters", "ListPools", "DescribeTable", "TableKey", "StateMachineKeys"]
      run     = ["RunRows", "TellWaiters", "TableKey", "StateMachineKeys"]
    }
    error_message = "The policies are ${output.watch_policy_json}, ${output.operate_policy_json} and ${output.run_policy_json}."
  }
  assert {
    condition = [for s in jsondecode(output.run_policy_json).Statement : s if contains(["TableKey", "StateMachineKeys"], s.Sid)] == [
      for s in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : s if contains(["TableKey", "StateMachineKeys"], s.Sid)
    ]
    error_message = "The keys are used otherwise than by the lease manager: ${output.run_policy_json}."
  }
}

run "without_a_pool_there_is_no_policy" {
  command = plan
  variables { create = false }

  assert {
    condition     = output.watch_policy_json == null && output.operate_policy_json == null && output.run_policy_json == null
    error_message = "A policy came out for a pool that is not there."
  }
}
