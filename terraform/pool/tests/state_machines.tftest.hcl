# Which state machines may use the pool, and how does Terraform count them? Against a mocked provider; needs Terraform 1.7.

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

run "a_list_of_unknown_length_can_be_planned" {
  command = plan

  module {
    source = "./tests/unknown"
  }

  assert {
    condition     = length(output.policies) == 2
    error_message = "The pool was planned as if it had no state machines."
  }
}

run "state_machines_that_are_announced_and_not_named_are_refused" {
  command = plan
  variables { watch_executions = true }
  expect_failures = [aws_cloudwatch_event_rule.ended]
}

run "state_machines_that_are_named_need_not_be_watched" {
  command = plan

  variables {
    watch_executions   = false
    state_machine_arns = ["arn:aws:states:eu-central-1:123456789012:stateMachine:one"]
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.ended) + length(aws_iam_role_policy.executions) == 0
    error_message = "Executions are watched though nobody asked."
  }
}

run "a_state_machine_of_another_account_is_refused" {
  command = plan
  variables { state_machine_arns = ["arn:aws:states:eu-central-1:210987654321:stateMachine:one"] }
  expect_failures = [aws_cloudwatch_event_rule.ended]
}

run "a_state_machine_of_another_region_is_refused" {
  command = plan
  variables { state_machine_arns = ["arn:aws:states:eu-west-1:123456789012:stateMachine:one"] }
  expect_failures = [aws_cloudwatch_event_rule.ended]
}

run "more_state_machines_than_a_rule_holds_are_refused" {
  command = plan
  variables { state_machine_arns = [for i in range(40) : "arn:aws:states:eu-central-1:123456789012:stateMachine:workflow-${i}"] }
  # The policies would be too long as well.
  expect_failures = [aws_cloudwatch_event_rule.ended, aws_iam_role_policy.executions]
}
