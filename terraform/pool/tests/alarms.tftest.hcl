# When does which alarm go off? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix           = "team"
  table_name            = "leases"
  table_arn             = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix          = "analytics"
  key_path              = "$.resource_id"
  lambda_package        = "versions.tf"
  max_concurrent_leases = 15
}

run "alarms_are_made_only_when_asked_for" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0
    error_message = "Alarms cost, and were not asked for."
  }
}

run "each_alarm_watches_what_it_says" {
  command = plan

  variables {
    create_alarms = true
    alarm_actions = ["arn:aws:sns:eu-central-1:123456789012:alarms"]
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name => "${alarm.namespace} ${alarm.metric_name} ${alarm.statistic} ${alarm.period} ${alarm.threshold}"
      } == {
      team-lease-over-limit           = "leasehold Held Maximum 60 15"
      team-lease-oldest-waiter        = "leasehold OldestWait Maximum 60 3600000"
      team-lease-errors               = "leasehold Errors Sum 300 0"
      team-lease-failed-calls         = "AWS/Lambda Errors Sum 300 0"
      team-lease-lost-leases          = "leasehold LeaseLost Sum 300 0"
      team-lease-work-outlasted-lease = "leasehold WorkOutlastedLease Sum 300 0"
      team-lease-extensions-missed    = "leasehold ExtensionsMissed Sum 300 0"
      team-lease-notice-refused       = "leasehold NoticeRefused Sum 300 0"
      team-lease-held-by-ancestor     = "leasehold WaitsForAncestor Sum 60 0"
      team-lease-sweeps-stopped       = "leasehold Sweeps Sum 60 1"
      team-lease-throttles            = "AWS/Lambda Throttles Sum 300 0"
    }
    error_message = "The alarms are not these eleven."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions == tomap({ service = "lease-manager", prefix = "analytics" }) if alarm.namespace == "leasehold"])
    error_message = "An alarm looks at dimensions that the lease manager does not write."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions == tomap({ FunctionName = "team-lease-manager" }) if alarm.namespace == "AWS/Lambda"])
    error_message = "An alarm looks at another function."
  }
  assert {
    condition     = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.comparison_operator == "GreaterThanThreshold" && alarm.treat_missing_data == "notBreaching" && alarm.evaluation_periods == (key == "held-by-ancestor" ? 3 : 1) if key != "sweeps-stopped"])
    error_message = "An alarm goes off without data, or late, or at its threshold."
  }
  assert {
    condition = {
      for argument in ["comparison_operator", "evaluation_periods", "treat_missing_data"] : argument => tostring(aws_cloudwatch_metric_alarm.this["sweeps-stopped"][argument])
      } == {
      comparison_operator = "LessThanThreshold"
      evaluation_periods  = "3"
      treat_missing_data  = "breaching"
    }
    error_message = "Where nobody sweeps there is no metric either: the alarm must go off without data, after three sweeps' time."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:alarms"]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "Nobody is told when an alarm goes off, or when it is over."
  }
}

run "thresholds_and_the_namespace_can_be_chosen" {
  command = plan

  variables {
    create_alarms               = true
    sweep_every_minutes         = 5
    metrics_namespace           = "team/leases"
    over_limit_alarm_threshold  = 20
    oldest_waiter_alarm_seconds = 60
    errors_alarm_threshold      = 1
    lost_leases_alarm_threshold = 2
    throttles_alarm_threshold   = 3

    work_outlasted_lease_alarm_threshold = 4
    extensions_missed_alarm_threshold    = 5
    notice_refused_alarm_threshold       = 6
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this : key => "${alarm.namespace} ${alarm.period} ${alarm.threshold}"
      } == {
      over-limit           = "team/leases 300 20"
      oldest-waiter        = "team/leases 300 60000"
      errors               = "team/leases 300 1"
      failed-calls         = "AWS/Lambda 300 1"
      lost-leases          = "team/leases 300 2"
      work-outlasted-lease = "team/leases 300 4"
      extensions-missed    = "team/leases 300 5"
      notice-refused       = "team/leases 300 6"
      held-by-ancestor     = "team/leases 300 0"
      sweeps-stopped       = "team/leases 300 1"
      throttles            = "AWS/Lambda 300 3"
    }
    error_message = "The thresholds, periods or namespaces are not as asked."
  }
}

run "a_drained_pool_is_over_its_limit_with_one_lease" {
  command = plan

  variables {
    create_alarms         = true
    max_concurrent_leases = 0
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["over-limit"].threshold == 0
    error_message = "The threshold is ${aws_cloudwatch_metric_alarm.this["over-limit"].threshold}."
  }
}

run "an_alarm_that_could_not_go_off_is_refused" {
  command = plan

  variables {
    create_alarms = true
    metrics       = ["Held", "Waiting"]
  }

  expect_failures = [aws_cloudwatch_metric_alarm.this]
}

run "alarms_need_no_more_than_what_they_watch" {
  command = plan

  variables {
    create_alarms = true
    metrics       = ["Held", "OldestWait", "Errors", "LeaseLost", "WorkOutlastedLease", "ExtensionsMissed", "NoticeRefused", "WaitsForAncestor", "Sweeps"]
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 11
    error_message = "The alarms are not eleven."
  }
  assert {
    condition     = join(" ", keys(output.alarm_arns)) == "errors extensions-missed failed-calls held-by-ancestor lost-leases notice-refused oldest-waiter over-limit sweeps-stopped throttles work-outlasted-lease"
    error_message = "Those that come out are ${join(", ", keys(output.alarm_arns))}."
  }
}
