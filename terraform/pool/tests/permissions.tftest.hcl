# What may the lease manager do, and who may call it? Exactly this: a policy with more in it fails as well.
#
# Emulators of AWS do not enforce these conditions, so here is where they are kept. Needs Terraform 1.7.

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

run "by_itself_it_reaches_its_own_partition_its_waiters_and_its_log" {
  assert {
    condition = jsondecode(aws_iam_role_policy.lease_manager[0].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "OwnRows"
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
        {
          Sid      = "OwnLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/team-lease-manager:*"
        },
      ]
    }
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition     = aws_iam_role_policy.lease_manager[0].role == aws_iam_role.lease_manager[0].id && aws_lambda_function.lease_manager[0].role == aws_iam_role.lease_manager[0].arn
    error_message = "The policy, the role and the function do not belong together."
  }
  assert {
    condition     = output.lease_manager_role_name == aws_iam_role.lease_manager[0].name && output.cloudwatch_log_group_name == "/aws/lambda/team-lease-manager" && output.cloudwatch_log_group_arn == aws_cloudwatch_log_group.lease_manager[0].arn
    error_message = "The role's or the log group's name that comes out is another."
  }
  assert {
    condition     = length(aws_iam_role_policy.executions) == 0
    error_message = "Without state machines it may look at executions."
  }
}

run "only_lambda_may_take_its_role" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.lease_manager[0].assume_role_policy) == {
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
    }
    error_message = "The trust policy is ${aws_iam_role.lease_manager[0].assume_role_policy}."
  }
  assert {
    condition     = aws_iam_role.lease_manager[0].name_prefix == "team-lease-manager-"
    error_message = "The role's name begins with ${aws_iam_role.lease_manager[0].name_prefix}."
  }
}

run "a_long_name_leaves_room_for_the_roles_suffix" {
  command = plan
  variables { name_prefix = "a2345678901234567890123456789012345678901234567890" }

  assert {
    condition     = length(aws_iam_role.lease_manager[0].name_prefix) == 38 && length(aws_lambda_function.lease_manager[0].function_name) == 64
    error_message = "AWS takes 38 characters of a role's prefix and 64 of a function's name."
  }
}

run "it_may_ask_after_the_executions_of_the_named_state_machines_alone" {
  command = plan

  variables {
    state_machine_arns = [
      "arn:aws:states:eu-central-1:123456789012:stateMachine:one",
      "arn:aws:states:eu-central-1:123456789012:stateMachine:two",
      "arn:aws:states:eu-central-1:123456789012:stateMachine:one",
    ]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.executions[0].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "OwnExecutions"
          Effect = "Allow"
          Action = "states:DescribeExecution"
          Resource = [
            "arn:aws:states:eu-central-1:123456789012:execution:one:*",
            "arn:aws:states:eu-central-1:123456789012:execution:one/*:*",
            "arn:aws:states:eu-central-1:123456789012:execution:two:*",
            "arn:aws:states:eu-central-1:123456789012:execution:two/*:*",
          ]
        },
        {
          Sid    = "OwnExecutionsTogether"
          Effect = "Allow"
          Action = "states:ListExecutions"
          Resource = [
            "arn:aws:states:eu-central-1:123456789012:stateMachine:one",
            "arn:aws:states:eu-central-1:123456789012:mapRun:one/*:*",
            "arn:aws:states:eu-central-1:123456789012:stateMachine:two",
            "arn:aws:states:eu-central-1:123456789012:mapRun:two/*:*",
          ]
        },
      ]
    }
    error_message = "The policy is ${aws_iam_role_policy.executions[0].policy}."
  }
}

run "tracing_adds_what_x_ray_needs_and_no_more" {
  variables { lambdas_tracing_enabled = true }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : s.Sid] == ["OwnRows", "TellWaiters", "OwnLogs", "Traces"]
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement[3] == {
      Sid      = "Traces"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = "*"
    }
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].tracing_config[0].mode == "Active"
    error_message = "Tracing was asked for and is off."
  }
}

run "a_table_key_may_be_used_through_dynamodb_only" {
  variables { table_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : s.Sid] == ["OwnRows", "TellWaiters", "OwnLogs", "TableKey"]
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement[3] == {
      Sid       = "TableKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource  = "arn:aws:kms:eu-central-1:123456789012:key/table"
      Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com"] } }
    }
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].kms_key_arn == null && aws_cloudwatch_log_group.lease_manager[0].kms_key_id == null
    error_message = "The table's key is used for something else."
  }
}

run "a_key_of_its_own_encrypts_the_log_and_the_environment" {
  variables { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/own" }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : s.Sid] == ["OwnRows", "TellWaiters", "OwnLogs", "EnvironmentKey"]
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement[3] == {
      Sid      = "EnvironmentKey"
      Effect   = "Allow"
      Action   = "kms:Decrypt"
      Resource = "arn:aws:kms:eu-central-1:123456789012:key/own"
    }
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/own" && aws_cloudwatch_log_group.lease_manager[0].kms_key_id == "arn:aws:kms:eu-central-1:123456789012:key/own"
    error_message = "The key that was given encrypts nothing."
  }
}

run "a_workflow_is_told_what_its_role_needs" {
  assert {
    condition = jsondecode(output.lambda_permissions) == {
      Version = "2012-10-17"
      Statement = [{
        Sid    = "CallLeaseManager"
        Effect = "Allow"
        Action = "lambda:InvokeFunction"
        Resource = [
          "arn:aws:lambda:eu-central-1:123456789012:function:team-lease-manager",
          "arn:aws:lambda:eu-central-1:123456789012:function:team-lease-manager:*",
        ]
      }]
    }
    error_message = "The policy is ${output.lambda_permissions}."
  }
}

run "state_machines_under_a_customers_key_can_be_told" {
  variables { state_machine_kms_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/workflow"] }

  assert {
    condition = jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement[3] == {
      Sid       = "StateMachineKeys"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = ["arn:aws:kms:eu-central-1:123456789012:key/workflow"]
      Condition = { StringEquals = { "kms:ViaService" = ["states.eu-central-1.amazonaws.com"] } }
    }
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
}

run "in_china_services_are_named_as_they_are_there" {
  variables {
    table_arn                  = "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/leases"
    table_kms_key_arn          = "arn:aws-cn:kms:cn-north-1:123456789012:key/table"
    state_machine_kms_key_arns = ["arn:aws-cn:kms:cn-north-1:123456789012:key/workflow"]
    state_machine_arns         = ["arn:aws-cn:states:cn-north-1:123456789012:stateMachine:one"]
    vpc_subnet_ids             = ["subnet-1"]
    vpc_security_group_ids     = ["sg-1"]
  }

  override_data {
    target = data.aws_partition.this[0]
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }
  override_data {
    target = data.aws_region.this[0]
    values = { id = "cn-north-1" }
  }

  assert {
    condition = [for s in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : s.Condition.StringEquals["kms:ViaService"] if contains(["TableKey", "StateMachineKeys"], s.Sid)] == [
      ["dynamodb.cn-north-1.amazonaws.com", "dynamodb.cn-north-1.amazonaws.com.cn"],
      ["states.cn-north-1.amazonaws.com", "states.cn-north-1.amazonaws.com.cn"],
    ]
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : s.Condition.ArnEquals["lambda:SourceFunctionArn"] if s.Sid == "NotByTheCodeItself"] == ["arn:aws-cn:lambda:cn-north-1:123456789012:function:team-lease-manager"]
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
  assert {
    condition = flatten([for s in jsondecode(aws_iam_role_policy.executions[0].policy).Statement : s.Resource]) == [
      "arn:aws-cn:states:cn-north-1:123456789012:execution:one:*",
      "arn:aws-cn:states:cn-north-1:123456789012:execution:one/*:*",
      "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:one",
      "arn:aws-cn:states:cn-north-1:123456789012:mapRun:one/*:*",
    ]
    error_message = "The policy is ${aws_iam_role_policy.executions[0].policy}."
  }
  assert {
    condition     = jsondecode(aws_iam_role.lease_manager[0].assume_role_policy).Statement[0].Principal.Service == "lambda.amazonaws.com" && aws_lambda_permission.sweep[0].principal == "events.amazonaws.com"
    error_message = "These two principals are the same in every partition."
  }
}

run "in_a_vpc_lambda_may_place_the_function_and_the_code_may_not" {
  variables {
    vpc_subnet_ids         = ["subnet-1", "subnet-2"]
    vpc_security_group_ids = ["sg-1"]
  }

  assert {
    condition = slice(jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement, 3, 5) == [
      {
        Sid      = "Network"
        Effect   = "Allow"
        Action   = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"]
        Resource = "*"
      },
      {
        Sid       = "NotByTheCodeItself"
        Effect    = "Deny"
        Action    = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"]
        Resource  = "*"
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-central-1:123456789012:function:team-lease-manager" } }
      },
    ]
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
}

run "what_failed_for_good_may_go_to_one_queue" {
  variables { dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:lost" }

  assert {
    condition = jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement[3] == {
      Sid      = "DeadLetters"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = "arn:aws:sqs:eu-central-1:123456789012:lost"
    }
    error_message = "The policy is ${aws_iam_role_policy.lease_manager[0].policy}."
  }
}

run "the_role_can_be_named_placed_and_bounded" {
  command = plan

  variables {
    role_name                 = "data-leases"
    role_path                 = "/teams/data/"
    role_permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.lease_manager[0].name == "data-leases" && aws_iam_role.lease_manager[0].path == "/teams/data/" && aws_iam_role.lease_manager[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role's name, path or boundary is not as asked."
  }
}

run "a_role_of_ones_own_is_told_what_it_needs" {
  variables {
    create_role        = false
    role_arn           = "arn:aws:iam::123456789012:role/teams/data/leases"
    state_machine_arns = ["arn:aws:states:eu-central-1:123456789012:stateMachine:one"]
  }

  assert {
    condition     = length(aws_iam_role.lease_manager) + length(aws_iam_role_policy.lease_manager) + length(aws_iam_role_policy.executions) == 0
    error_message = "Something was made of or for a role that was brought."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].role == "arn:aws:iam::123456789012:role/teams/data/leases" && output.lease_manager_role_arn == aws_lambda_function.lease_manager[0].role && output.lease_manager_role_name == null
    error_message = "The function runs under another role."
  }
  assert {
    condition = { for name, policy in output.lease_manager_policies : name => [for s in jsondecode(policy).Statement : s.Sid] } == {
      lease-manager = ["OwnRows", "TellWaiters", "OwnLogs"]
      executions    = ["OwnExecutions", "OwnExecutionsTogether"]
    }
    error_message = "The policies are ${jsonencode(output.lease_manager_policies)}."
  }
}

run "no_role_at_all_is_refused" {
  command = plan
  variables { create_role = false }
  expect_failures = [aws_lambda_function.lease_manager]
}

run "two_roles_are_refused" {
  command = plan
  variables { role_arn = "arn:aws:iam::123456789012:role/leases" }
  expect_failures = [aws_lambda_function.lease_manager]
}

run "policies_longer_than_iam_takes_are_refused" {
  command = plan

  variables {
    state_machine_arns         = [for n in range(12) : format("arn:aws:states:eu-central-1:123456789012:stateMachine:%080d", n)]
    state_machine_kms_key_arns = [for n in range(40) : format("arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-%012d", n)]
  }

  expect_failures = [aws_iam_role_policy.executions]
}

run "more_keys_than_a_policy_holds_are_refused" {
  command = plan

  variables {
    state_machine_kms_key_arns = [for n in range(120) : format("arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-%012d", n)]
  }

  expect_failures = [aws_iam_role_policy.lease_manager]
}

run "as_many_state_machines_as_a_rule_takes_fit_the_policies" {
  variables {
    state_machine_arns     = [for n in range(13) : format("arn:aws:states:eu-central-1:123456789012:stateMachine:%080d", n)]
    vpc_subnet_ids         = ["subnet-1"]
    vpc_security_group_ids = ["sg-1"]
    kms_key_arn            = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition     = length(aws_iam_role_policy.lease_manager[0].policy) + length(aws_iam_role_policy.executions[0].policy) <= 10240
    error_message = "They have ${length(aws_iam_role_policy.lease_manager[0].policy) + length(aws_iam_role_policy.executions[0].policy)} characters."
  }
  assert {
    condition     = length(aws_iam_role_policy.lease_manager[0].policy) <= 350 + length(jsonencode([for statement in jsondecode(aws_iam_role_policy.lease_manager[0].policy).Statement : statement if statement.Sid != "OwnLogs"]))
    error_message = "The statement about the log is longer than was counted with."
  }
}
