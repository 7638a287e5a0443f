# Which rules does a pool get, and which are refused? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix  = "team"
  table_name   = "leases"
  table_arn    = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix = "analytics"
  key_path     = "$.resource_id"

  # Any file will do: only its hash is looked at.
  lambda_package = "versions.tf"
}

run "the_settings_are_the_row_that_the_lease_manager_reads" {
  command = plan

  variables {
    max_concurrent_leases      = 15
    max_lease_duration_seconds = 120
    grace_seconds              = 2
    longest_wait_seconds       = 7200
    longest_hold_seconds       = 3600
    sweep_every_minutes        = 1
    timeout_seconds            = 20
    state_machine_arns         = ["arn:aws:states:eu-central-1:123456789012:stateMachine:w"]
  }

  assert {
    condition = jsondecode(aws_dynamodb_table_item.settings[0].item) == {
      PK              = { S = "LEASES#analytics" }
      SK              = { S = "pool" }
      edition         = { N = "2" }
      limit           = { N = "15" }
      lease_ms        = { N = "120000" }
      grace_ms        = { N = "2000" }
      quiet_ms        = { N = "25000" }
      longest_wait_ms = { N = "7200000" }
      longest_hold_ms = { N = "3600000" }
      sweep_every_ms  = { N = "60000" }
      directory       = { S = "pools" }
      directory_row   = { S = "analytics#pool" }
    }
    error_message = "The row is ${aws_dynamodb_table_item.settings[0].item}."
  }
  assert {
    condition     = aws_dynamodb_table_item.settings[0].table_name == "leases" && aws_dynamodb_table_item.settings[0].hash_key == "PK" && aws_dynamodb_table_item.settings[0].range_key == "SK"
    error_message = "The row is put somewhere else."
  }
}

run "what_is_not_said_has_these_defaults" {
  command = plan

  assert {
    condition = jsondecode(aws_dynamodb_table_item.settings[0].item) == {
      PK              = { S = "LEASES#analytics" }
      SK              = { S = "pool" }
      edition         = { N = "2" }
      limit           = { N = "100" }
      lease_ms        = { N = "600000" }
      grace_ms        = { N = "5000" }
      quiet_ms        = { N = "35000" }
      longest_wait_ms = { N = "86400000" }
      longest_hold_ms = { N = "0" }
      sweep_every_ms  = { N = "60000" }
      directory       = { S = "pools" }
      directory_row   = { S = "analytics#pool" }
    }
    error_message = "The row is ${aws_dynamodb_table_item.settings[0].item}."
  }
}

run "the_largest_values_are_written_as_whole_numbers" {
  command = plan

  variables {
    lease_prefix               = "A.z_0-9-abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-64"
    max_concurrent_leases      = 10000
    max_lease_duration_seconds = 31536000
    grace_seconds              = 3600
    quiet_seconds              = 86400
    longest_wait_seconds       = 31536000
    sweep_every_minutes        = 60
  }

  assert {
    condition     = [for name in ["limit", "lease_ms", "grace_ms", "quiet_ms", "longest_wait_ms", "sweep_every_ms"] : jsondecode(aws_dynamodb_table_item.settings[0].item)[name].N] == ["10000", "31536000000", "3600000", "86400000", "31536000000", "3600000"]
    error_message = "The row is ${aws_dynamodb_table_item.settings[0].item}."
  }
  assert {
    condition     = jsondecode(aws_dynamodb_table_item.settings[0].item).PK.S == "LEASES#A.z_0-9-abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-64"
    error_message = "A prefix of 64 characters is not taken as it is."
  }
}

run "a_limit_of_zero_drains_a_pool" {
  command = plan
  variables { max_concurrent_leases = 0 }

  assert {
    condition     = jsondecode(aws_dynamodb_table_item.settings[0].item).limit.N == "0"
    error_message = "The row is ${aws_dynamodb_table_item.settings[0].item}."
  }
}

run "numbers_below_the_lease_managers_bounds_are_refused" {
  command = plan

  variables {
    max_concurrent_leases       = -1
    max_lease_duration_seconds  = 0
    grace_seconds               = 0
    quiet_seconds               = 4
    longest_wait_seconds        = 0
    longest_hold_seconds        = -1
    sweep_every_minutes         = 0
    memory_size                 = 127
    timeout_seconds             = 0
    over_limit_alarm_threshold  = -1
    oldest_waiter_alarm_seconds = 0
    errors_alarm_threshold      = -1
    lost_leases_alarm_threshold = -1
    throttles_alarm_threshold   = -1
  }

  expect_failures = [
    var.max_concurrent_leases, var.max_lease_duration_seconds, var.grace_seconds, var.quiet_seconds,
    var.longest_wait_seconds, var.longest_hold_seconds, var.sweep_every_minutes, var.memory_size, var.timeout_seconds,
    var.over_limit_alarm_threshold, var.oldest_waiter_alarm_seconds, var.errors_alarm_threshold,
    var.lost_leases_alarm_threshold, var.throttles_alarm_threshold,
  ]
}

run "numbers_above_the_lease_managers_bounds_are_refused" {
  command = plan

  variables {
    max_concurrent_leases       = 10001
    max_lease_duration_seconds  = 31536001
    grace_seconds               = 3601
    quiet_seconds               = 86401
    longest_wait_seconds        = 31536001
    longest_hold_seconds        = 31536001
    sweep_every_minutes         = 61
    memory_size                 = 10241
    timeout_seconds             = 901
    over_limit_alarm_threshold  = 10001
    oldest_waiter_alarm_seconds = 31536001
  }

  expect_failures = [
    var.max_concurrent_leases, var.max_lease_duration_seconds, var.grace_seconds, var.quiet_seconds,
    var.longest_wait_seconds, var.longest_hold_seconds, var.sweep_every_minutes, var.memory_size, var.timeout_seconds,
    var.over_limit_alarm_threshold, var.oldest_waiter_alarm_seconds,
  ]
}

run "fractions_are_refused" {
  command = plan

  variables {
    max_concurrent_leases      = 1.5
    max_lease_duration_seconds = 1.5
    grace_seconds              = 1.5
    quiet_seconds              = 40.5
    longest_wait_seconds       = 1.5
    longest_hold_seconds       = 1000.5
    sweep_every_minutes        = 1.5
    memory_size                = 128.5
    timeout_seconds            = 30.5
  }

  expect_failures = [
    var.max_concurrent_leases, var.max_lease_duration_seconds, var.grace_seconds, var.quiet_seconds,
    var.longest_wait_seconds, var.longest_hold_seconds, var.sweep_every_minutes, var.memory_size, var.timeout_seconds,
  ]
}

run "texts_that_are_no_such_thing_are_refused" {
  command = plan

  variables {
    name_prefix                       = "no.dots"
    table_name                        = "no spaces"
    table_arn                         = "leases"
    table_kms_key_arn                 = "alias/leases"
    lease_prefix                      = "no/slashes"
    state_machine_arns                = ["arn:aws:states:eu-central-1:123456789012:execution:w:1"]
    lambda_package                    = " "
    architecture                      = "i386"
    log_level                         = "verbose"
    cloudwatch_logs_retention_in_days = 15
    kms_key_arn                       = "0a1b"
    metrics_namespace                 = "AWS/Lambda"
    alarm_actions                     = ["me@example.com"]
    tags                              = { "aws:x" = "y" }
  }

  expect_failures = [
    var.name_prefix, var.table_name, var.table_arn, var.table_kms_key_arn, var.lease_prefix, var.state_machine_arns,
    var.lambda_package, var.architecture, var.log_level, var.cloudwatch_logs_retention_in_days, var.kms_key_arn,
    var.metrics_namespace, var.alarm_actions, var.tags,
  ]
}

run "what_would_widen_a_policy_is_refused" {
  command = plan

  variables {
    lease_prefix       = "*"
    table_arn          = "arn:aws:dynamodb:eu-central-1:123456789012:table/*"
    state_machine_arns = ["arn:aws:states:eu-central-1:123456789012:stateMachine:*"]
  }

  expect_failures = [var.lease_prefix, var.table_arn, var.state_machine_arns]
}

run "names_that_are_empty_or_too_long_are_refused" {
  command = plan

  variables {
    name_prefix        = "a23456789012345678901234567890123456789012345678901"
    lease_prefix       = "a2345678901234567890123456789012345678901234567890123456789012345"
    state_machine_arns = ["arn:aws:states:eu-central-1:123456789012:stateMachine:w:1"]
    metrics_namespace  = ""
  }

  expect_failures = [var.name_prefix, var.lease_prefix, var.state_machine_arns, var.metrics_namespace]
}

run "a_name_and_an_arn_of_two_tables_are_refused" {
  command = plan
  variables { table_name = "other" }
  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_table_of_another_region_is_refused" {
  command = plan
  variables { table_arn = "arn:aws:dynamodb:us-east-1:123456789012:table/leases" }
  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_quiet_period_shorter_than_a_call_and_the_settings_cache_is_refused" {
  command = plan
  variables { quiet_seconds = 34 }
  expect_failures = [aws_dynamodb_table_item.settings]
}

run "the_quiet_period_grows_with_the_longest_call" {
  command = plan
  variables { timeout_seconds = 60 }

  assert {
    condition     = jsondecode(aws_dynamodb_table_item.settings[0].item).quiet_ms.N == "65000"
    error_message = "The row is ${aws_dynamodb_table_item.settings[0].item}."
  }
}

run "a_longest_hold_that_is_no_longer_than_a_lease_is_refused" {
  command = plan

  variables {
    longest_hold_seconds = 600
    state_machine_arns   = ["arn:aws:states:eu-central-1:123456789012:stateMachine:w"]
  }

  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_lease_too_short_to_be_kept_alive_by_sweeps_is_refused" {
  command = plan

  variables {
    max_lease_duration_seconds = 119
    longest_hold_seconds       = 3600
    state_machine_arns         = ["arn:aws:states:eu-central-1:123456789012:stateMachine:w"]
  }

  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_workflow_whose_leases_are_too_short_to_be_kept_alive_is_refused" {
  command = plan

  variables {
    lease_seconds        = 119
    longest_hold_seconds = 3600
    state_machine_arns   = ["arn:aws:states:eu-central-1:123456789012:stateMachine:w"]
  }

  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_grace_as_long_as_a_lease_is_warned_of" {
  command = plan
  variables { max_lease_duration_seconds = 5 }
  expect_failures = [check.the_settings_suit_each_other]
}

run "a_wait_shorter_than_a_sweep_is_warned_of" {
  command = plan
  variables { longest_wait_seconds = 59 }
  expect_failures = [check.the_settings_suit_each_other]
}

run "keeping_leases_alive_without_knowing_whose_is_refused" {
  command = plan
  variables { longest_hold_seconds = 3600 }
  expect_failures = [aws_cloudwatch_event_rule.sweep]
}

run "a_workflow_that_asks_for_longer_leases_than_the_pool_gives_is_refused" {
  command = plan
  variables { lease_seconds = 601 }
  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_workflow_that_waits_longer_than_the_pool_lets_it_is_refused" {
  command = plan
  variables { wait_seconds = 86401 }
  expect_failures = [aws_dynamodb_table_item.settings]
}

run "a_package_that_was_not_made_is_refused_before_anything_is_done" {
  command = plan
  variables { lambda_package = "no/such/bootstrap.zip" }
  expect_failures = [aws_lambda_function.lease_manager]
}

run "a_folder_is_not_a_package" {
  command = plan
  variables { lambda_package = "tests" }
  expect_failures = [aws_lambda_function.lease_manager]
}
