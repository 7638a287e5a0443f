# Can a state and the lease manager disagree about how long a call takes? And what is asked again, how often?

variables {
  lease_manager_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager"
  key_path                   = "$.resource_id"
  mode                       = "poll"
}

run "no_call_is_given_up_before_lambda_would_end_it" {
  assert {
    condition = alltrue([
      for state in concat(values(output.states), values(output.release_all_states)) :
      state.TimeoutSeconds > 900 if state.Type == "Task"
    ])
    error_message = "nobody said when the function ends, so it may be Lambda's longest"
  }
}

run "a_call_is_given_up_when_the_function_has_ended" {
  variables {
    lease_manager_timeout_seconds = 120
  }

  assert {
    condition = { for name, state in merge(output.states, output.release_all_states) : name => state.TimeoutSeconds if state.Type == "Task" } == {
      AcquireLease             = 150
      ReleaseLease             = 150
      ReleaseLeaseAfterFailure = 150
      ReleaseAll               = 150
    }
    error_message = "half a minute after the function's own timeout"
  }
}

run "so_it_is_in_jsonata" {
  variables {
    query_language                = "JSONata"
    key_path                      = "$states.input.resource_id"
    lease_manager_timeout_seconds = 30
  }

  assert {
    condition     = toset([for state in concat(values(output.states), values(output.release_all_states)) : state.TimeoutSeconds if state.Type == "Task"]) == toset([60])
    error_message = "half a minute after the function's own timeout"
  }
}

run "a_wait_in_the_queue_is_no_call" {
  variables {
    mode                          = "queue"
    lease_manager_timeout_seconds = 120
  }

  assert {
    condition     = output.states.AcquireLease.TimeoutSeconds == 86580
    error_message = "AcquireLease waits for a slot, not for the function"
  }
}

run "a_timeout_that_lambda_does_not_allow" {
  command = plan

  variables {
    lease_manager_timeout_seconds = 901
  }

  expect_failures = [var.lease_manager_timeout_seconds]
}

run "a_wait_in_the_queue_shorter_than_a_call" {
  command = plan

  variables {
    mode                          = "queue"
    lease_manager_timeout_seconds = 120
    acquire_timeout_seconds       = 120
  }

  expect_failures = [output.states]
}

run "a_patience_longer_than_the_state_waits" {
  command = plan

  variables {
    mode                    = "queue"
    wait_seconds            = 3600
    acquire_timeout_seconds = 3600
  }

  expect_failures = [output.states]
}

run "throttling_has_a_retrier_of_its_own_everywhere" {
  assert {
    condition = alltrue([
      for state in concat(values(output.states), values(output.release_all_states)) : length([
        for retrier in state.Retry : retrier
        if jsonencode(retrier) == jsonencode({
          ErrorEquals     = ["Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException", "Throttled"]
          IntervalSeconds = 1
          BackoffRate     = 2
          MaxDelaySeconds = 60
          JitterStrategy  = "FULL"
          MaxAttempts     = 160
        })
      ]) == 1 if state.Type == "Task"
    ])
    error_message = "who is throttled waits for an hour, whatever else goes wrong meanwhile"
  }

  assert {
    condition     = alltrue([for state in values(output.states) : jsonencode(state.Retry[length(state.Retry) - 1].ErrorEquals) == "[\"States.ALL\"]" if state.Type == "Task" && can(state.Parameters["lease_id.$"])])
    error_message = "AWS takes States.ALL only alone and last"
  }
}
