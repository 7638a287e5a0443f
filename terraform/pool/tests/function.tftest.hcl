# What is the lease manager given, and who calls it by itself? Against a mocked provider; needs Terraform 1.7.

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

run "the_function_is_the_package_with_its_table_and_prefix" {
  command = plan

  assert {
    condition     = aws_lambda_function.lease_manager[0].function_name == "team-lease-manager" && aws_lambda_function.lease_manager[0].handler == "bootstrap" && aws_lambda_function.lease_manager[0].runtime == "provided.al2023"
    error_message = "The function's name, handler or runtime is wrong."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].filename == "versions.tf" && aws_lambda_function.lease_manager[0].source_code_hash == filebase64sha256("versions.tf")
    error_message = "The function is not made of the package, or would not be made again of another."
  }
  assert {
    condition = aws_lambda_function.lease_manager[0].environment[0].variables == tomap({
      LEASE_TABLE_NAME        = "leases"
      LEASE_PREFIX            = "analytics"
      LEASE_METRICS_NAMESPACE = "leasehold"
      LEASE_LOG_LEVEL         = "info"
    })
    error_message = "The environment is not what the lease manager reads."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].architectures == tolist(["x86_64"]) && aws_lambda_function.lease_manager[0].memory_size == 256 && aws_lambda_function.lease_manager[0].timeout == 30
    error_message = "Processor, memory or timeout changed."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].tracing_config[0].mode == "PassThrough"
    error_message = "Tracing is on by default."
  }
}

run "its_log_is_its_own_and_is_not_kept_for_ever" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.lease_manager[0].name == "/aws/lambda/team-lease-manager" && aws_cloudwatch_log_group.lease_manager[0].retention_in_days == 14
    error_message = "The log group's name or retention is wrong."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].logging_config[0].log_group == "/aws/lambda/team-lease-manager" && aws_lambda_function.lease_manager[0].logging_config[0].log_format == "Text"
    error_message = "The function logs somewhere else, or in Lambda's own format around its own."
  }
}

run "what_is_asked_for_is_set" {
  command = plan

  variables {
    architecture                      = "arm64"
    memory_size                       = 512
    timeout_seconds                   = 60
    log_level                         = "debug"
    metrics_namespace                 = "team/leases"
    cloudwatch_logs_retention_in_days = 0
    tags                              = { Team = "data" }
  }

  assert {
    condition     = aws_lambda_function.lease_manager[0].architectures == tolist(["arm64"]) && aws_lambda_function.lease_manager[0].memory_size == 512 && aws_lambda_function.lease_manager[0].timeout == 60
    error_message = "Processor, memory or timeout are not as asked."
  }
  assert {
    condition     = aws_lambda_function.lease_manager[0].environment[0].variables["LEASE_LOG_LEVEL"] == "debug" && aws_lambda_function.lease_manager[0].environment[0].variables["LEASE_METRICS_NAMESPACE"] == "team/leases"
    error_message = "Log level or namespace are not as asked."
  }
  assert {
    condition     = aws_cloudwatch_log_group.lease_manager[0].retention_in_days == 0
    error_message = "The log is not kept for ever though asked to."
  }
  assert {
    condition = alltrue([for tags in [
      aws_lambda_function.lease_manager[0].tags, aws_cloudwatch_log_group.lease_manager[0].tags,
      aws_iam_role.lease_manager[0].tags, aws_cloudwatch_event_rule.sweep[0].tags,
    ] : tags == tomap({ Team = "data" })])
    error_message = "Not everything has the tags."
  }
}

run "the_pool_is_swept_every_minute" {
  assert {
    condition     = aws_cloudwatch_event_rule.sweep[0].name == "team-lease-sweep" && aws_cloudwatch_event_rule.sweep[0].schedule_expression == "rate(1 minute)"
    error_message = "The sweep's rule is ${aws_cloudwatch_event_rule.sweep[0].name}: ${aws_cloudwatch_event_rule.sweep[0].schedule_expression}."
  }
  assert {
    condition     = aws_cloudwatch_event_target.sweep[0].rule == "team-lease-sweep" && aws_cloudwatch_event_target.sweep[0].arn == aws_lambda_function.lease_manager[0].arn && jsondecode(aws_cloudwatch_event_target.sweep[0].input) == { action = "sweep" }
    error_message = "The rule does not ask the lease manager for a sweep."
  }
  assert {
    condition     = aws_cloudwatch_event_target.sweep[0].retry_policy[0].maximum_retry_attempts == 0 && aws_cloudwatch_event_target.sweep[0].retry_policy[0].maximum_event_age_in_seconds == 60
    error_message = "A sweep that could not be delivered is delivered later, beside the next."
  }
  assert {
    condition     = "${aws_lambda_permission.sweep[0].action} ${aws_lambda_permission.sweep[0].function_name} ${aws_lambda_permission.sweep[0].principal} ${aws_lambda_permission.sweep[0].source_arn}" == "lambda:InvokeFunction team-lease-manager events.amazonaws.com arn:aws:events:eu-central-1:123456789012:rule/mocked"
    error_message = "Something else than this rule may call the function, or not even it."
  }
}

run "a_slower_sweep_is_a_rate_in_the_plural" {
  command = plan
  variables { sweep_every_minutes = 5 }

  assert {
    condition     = aws_cloudwatch_event_rule.sweep[0].schedule_expression == "rate(5 minutes)"
    error_message = "The rate is ${aws_cloudwatch_event_rule.sweep[0].schedule_expression}."
  }
}

run "without_state_machines_no_rule_listens_to_executions" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_event_rule.ended) + length(aws_cloudwatch_event_target.ended) + length(aws_lambda_permission.ended) == 0
    error_message = "Executions of unknown state machines are listened to."
  }
}

run "executions_of_the_named_state_machines_that_end_are_reported" {
  variables {
    state_machine_arns = [
      "arn:aws:states:eu-central-1:123456789012:stateMachine:one",
      "arn:aws:states:eu-central-1:123456789012:stateMachine:two",
    ]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.ended[0].event_pattern) == {
      source      = ["aws.states"]
      detail-type = ["Step Functions Execution Status Change"]
      detail = {
        status = ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"]
        stateMachineArn = [
          "arn:aws:states:eu-central-1:123456789012:stateMachine:one",
          "arn:aws:states:eu-central-1:123456789012:stateMachine:two",
        ]
      }
    }
    error_message = "The pattern is ${aws_cloudwatch_event_rule.ended[0].event_pattern}."
  }
  assert {
    condition     = aws_cloudwatch_event_target.ended[0].rule == "team-lease-ended" && aws_cloudwatch_event_target.ended[0].arn == aws_lambda_function.lease_manager[0].arn && aws_cloudwatch_event_target.ended[0].input == null && aws_cloudwatch_event_target.ended[0].input_path == null
    error_message = "The event does not reach the lease manager as AWS sends it."
  }
  assert {
    condition     = "${aws_lambda_permission.ended[0].action} ${aws_lambda_permission.ended[0].function_name} ${aws_lambda_permission.ended[0].principal} ${aws_lambda_permission.ended[0].source_arn}" == "lambda:InvokeFunction team-lease-manager events.amazonaws.com arn:aws:events:eu-central-1:123456789012:rule/mocked"
    error_message = "Something else than this rule may call the function, or not even it."
  }
}

run "with_create_off_nothing_is_made_and_empty_outputs_come_out" {
  variables {
    create             = false
    create_alarms      = true
    lambda_package     = "no/such/bootstrap.zip"
    state_machine_arns = ["arn:aws:states:eu-central-1:123456789012:stateMachine:one"]
  }

  assert {
    condition = 0 == sum([for made in [
      aws_dynamodb_table_item.settings, aws_lambda_function.lease_manager, aws_cloudwatch_log_group.lease_manager,
      aws_iam_role.lease_manager, aws_iam_role_policy.lease_manager, aws_iam_role_policy.executions,
      aws_cloudwatch_event_rule.sweep, aws_cloudwatch_event_target.sweep, aws_lambda_permission.sweep,
      aws_cloudwatch_event_rule.ended, aws_cloudwatch_event_target.ended, aws_lambda_permission.ended,
      aws_cloudwatch_metric_alarm.this,
    ] : length(made)])
    error_message = "Something was made."
  }
  assert {
    condition     = output.states == {} && output.work_catch == [] && output.acquire_lease_state == "{}" && output.start_at == null && output.lease_manager_function_arn == null && output.lambda_permissions == null
    error_message = "The outputs are not empty."
  }
}

run "executions_that_succeed_need_not_be_reported" {
  variables {
    state_machine_arns  = ["arn:aws:states:eu-central-1:123456789012:stateMachine:one"]
    free_when_succeeded = false
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.ended[0].event_pattern).detail.status == ["FAILED", "TIMED_OUT", "ABORTED"]
    error_message = "The pattern is ${aws_cloudwatch_event_rule.ended[0].event_pattern}."
  }
}

run "a_description_that_would_be_too_long_is_cut" {
  command = plan

  variables {
    table_name   = join("", [for i in range(255) : "t"])
    table_arn    = "arn:aws:dynamodb:eu-central-1:123456789012:table/${join("", [for i in range(255) : "t"])}"
    lease_prefix = join("", [for i in range(64) : "p"])
  }

  assert {
    condition     = length(aws_lambda_function.lease_manager[0].description) == 256
    error_message = "Lambda takes 256 characters, and this has ${length(aws_lambda_function.lease_manager[0].description)}."
  }
}

run "what_enterprises_ask_for_is_set" {
  variables {
    region                          = "eu-central-1"
    reserved_concurrent_executions  = 20
    dead_letter_queue_arn           = "arn:aws:sqs:eu-central-1:123456789012:lost"
    vpc_subnet_ids                  = ["subnet-1", "subnet-2"]
    vpc_security_group_ids          = ["sg-1"]
    metrics                         = []
    cloudwatch_logs_log_group_class = "INFREQUENT_ACCESS"
    state_machine_arns              = ["arn:aws:states:eu-central-1:123456789012:stateMachine:one"]
  }

  assert {
    condition     = aws_lambda_function.lease_manager[0].reserved_concurrent_executions == 20
    error_message = "No concurrency is reserved."
  }
  assert {
    condition     = one(aws_lambda_function.lease_manager[0].vpc_config).subnet_ids == toset(["subnet-1", "subnet-2"]) && one(aws_lambda_function.lease_manager[0].vpc_config).security_group_ids == toset(["sg-1"])
    error_message = "The function is not in the VPC."
  }
  assert {
    condition     = [for target in [aws_cloudwatch_event_target.sweep[0].dead_letter_config[0].arn, aws_cloudwatch_event_target.ended[0].dead_letter_config[0].arn, aws_lambda_function.lease_manager[0].dead_letter_config[0].target_arn] : target if target == "arn:aws:sqs:eu-central-1:123456789012:lost"] == ["arn:aws:sqs:eu-central-1:123456789012:lost", "arn:aws:sqs:eu-central-1:123456789012:lost", "arn:aws:sqs:eu-central-1:123456789012:lost"]
    error_message = "What can not be handed over, or fails three times, is lost."
  }
  assert {
    condition     = length(output.event_rule_arns) == 2
    error_message = "The queue's owner is not told which rules send."
  }
  assert {
    condition     = aws_cloudwatch_log_group.lease_manager[0].log_group_class == "INFREQUENT_ACCESS" && aws_lambda_function.lease_manager[0].environment[0].variables["LEASE_METRICS"] == "none"
    error_message = "The class of the log, or that no metrics are written, is not as asked."
  }
  assert {
    condition = alltrue([for region in [
      aws_lambda_function.lease_manager[0].region, aws_cloudwatch_log_group.lease_manager[0].region, aws_dynamodb_table_item.settings[0].region,
      aws_cloudwatch_event_rule.sweep[0].region, aws_cloudwatch_event_target.sweep[0].region, aws_lambda_permission.sweep[0].region,
      aws_cloudwatch_event_rule.ended[0].region, aws_cloudwatch_event_target.ended[0].region, aws_lambda_permission.ended[0].region,
    ] : region == "eu-central-1"])
    error_message = "Something is made in the provider's region, not in the module's."
  }
}

run "nothing_of_that_is_so_unless_it_is_asked_for" {
  command = plan

  assert {
    condition     = aws_lambda_function.lease_manager[0].reserved_concurrent_executions == -1 && length(aws_lambda_function.lease_manager[0].vpc_config) == 0 && length(aws_lambda_function.lease_manager[0].dead_letter_config) == 0 && length(aws_cloudwatch_event_target.sweep[0].dead_letter_config) == 0
    error_message = "Something is reserved, in a VPC, or sent to a queue."
  }
}

run "some_metrics_are_named_to_the_lease_manager" {
  command = plan
  variables { metrics = ["OldestWait", "Held"] }

  assert {
    condition     = aws_lambda_function.lease_manager[0].environment[0].variables["LEASE_METRICS"] == "Held,OldestWait"
    error_message = "The environment is ${jsonencode(aws_lambda_function.lease_manager[0].environment[0].variables)}."
  }
}

run "metrics_out_of_a_log_that_gives_none_are_refused" {
  command = plan
  variables { cloudwatch_logs_log_group_class = "INFREQUENT_ACCESS" }
  expect_failures = [aws_cloudwatch_log_group.lease_manager]
}

run "half_a_vpc_is_refused" {
  command = plan
  variables { vpc_subnet_ids = ["subnet-1"] }
  expect_failures = [aws_lambda_function.lease_manager]
}

run "what_makes_no_sense_is_refused" {
  command = plan

  variables {
    region                          = "frankfurt"
    reserved_concurrent_executions  = 0
    dead_letter_queue_arn           = "arn:aws:sqs:eu-central-1:123456789012:lost.fifo"
    s3_existing_package             = { bucket = "artifacts", key = " " }
    cloudwatch_logs_log_group_class = "CHEAP"
    state_machine_kms_key_arns      = ["arn:aws:kms:eu-central-1:123456789012:alias/workflows"]
    metrics                         = ["Held", "Hold"]
    role_arn                        = "leases"
    role_name                       = "no/slashes"
    role_path                       = "teams"
    role_permissions_boundary       = "boundary"

    work_outlasted_lease_alarm_threshold = -1
    extensions_missed_alarm_threshold    = -1
    notice_refused_alarm_threshold       = -1
  }

  expect_failures = [
    var.region, var.reserved_concurrent_executions, var.dead_letter_queue_arn, var.s3_existing_package,
    var.cloudwatch_logs_log_group_class, var.state_machine_kms_key_arns, var.metrics, var.role_arn, var.role_name, var.role_path,
    var.role_permissions_boundary, var.work_outlasted_lease_alarm_threshold, var.extensions_missed_alarm_threshold,
    var.notice_refused_alarm_threshold,
  ]
}
