# Do the states say what the workflow asked for, in both modes and both query languages?

variables {
  lease_manager_function_arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:batch-lease-manager:live"
  key_path                   = "$.resource_id"
}

run "queue_mode_takes_three_transitions" {
  assert {
    condition = (
      output.start_at == "AcquireLease"
      && output.states.AcquireLease.Next == "Process"
      && output.states.ReleaseLease.End
      && !can(output.states.ReleaseLease.Next)
    )
    error_message = "AcquireLease -> the work -> ReleaseLease, and nothing between them"
  }

  assert {
    condition     = output.states.AcquireLease.Resource == "arn:aws-cn:states:::lambda:invoke.waitForTaskToken"
    error_message = "the resource is one of the function's own partition"
  }

  assert {
    condition = (
      output.states.AcquireLease.Parameters.FunctionName == var.lease_manager_function_arn
      && output.states.ReleaseLease.Resource == var.lease_manager_function_arn
      && output.states.ReleaseLeaseAfterFailure.Resource == var.lease_manager_function_arn
    )
    error_message = "every call goes to this lease manager"
  }

  assert {
    condition = jsonencode(output.states.AcquireLease.Parameters.Payload) == jsonencode({
      action        = "acquire"
      mode          = "queue"
      "execution.$" = "$$.Execution.Id"
      "key.$"       = "$.resource_id"
      attempt = {
        "entered.$" = "$$.State.EnteredTime"
        "redrive.$" = "$$.Execution.RedriveCount"
        "retry.$"   = "$$.State.RetryCount"
      }
      "task_token.$" = "$$.Task.Token"
    })
    error_message = "the acquire event has exactly these fields; parent, label and lease_seconds only where they are given"
  }

  assert {
    condition     = output.states.AcquireLease.TimeoutSeconds == 86580
    error_message = "the default is the default longest wait and a minute"
  }

  assert {
    condition     = output.check_lease_status_state == "{}" && output.wait_for_lease_state == "{}"
    error_message = "queue mode has no Choice and no Wait"
  }

  assert {
    condition     = contains(keys(output.states.ReleaseLease), "ResultPath") && output.states.ReleaseLease.ResultPath == null
    error_message = "the state's input flows on after the release"
  }
}

run "poll_mode_asks_again_after_a_wait" {
  variables {
    mode = "poll"
  }

  assert {
    condition = (
      output.states.AcquireLease.Next == "CheckLeaseStatus"
      && output.states.CheckLeaseStatus.Choices[0].Next == "Process"
      && output.states.CheckLeaseStatus.Choices[1].Next == "WaitForLease"
      && output.states.CheckLeaseStatus.Default == "UnexpectedLeaseAnswer"
      && output.states.WaitForLease.Next == "AcquireLease"
      && output.states.UnexpectedLeaseAnswer.Type == "Fail"
    )
    error_message = "only the first choice leads to the work, and whatever is neither a lease nor a wait fails"
  }

  assert {
    condition     = output.states.WaitForLease.SecondsPath == "$.lease.retry_after_seconds"
    error_message = "it waits as long as the lease manager suggests"
  }

  assert {
    condition = (
      output.states.AcquireLease.Resource == var.lease_manager_function_arn
      && output.states.AcquireLease.Parameters.mode == "poll"
      && !can(output.states.AcquireLease.Parameters["task_token.$"])
    )
    error_message = "a plain call, without a task token"
  }
}

run "jsonata_stands_on_each_state_that_says_something_in_it" {
  variables {
    mode           = "poll"
    query_language = "JSONata"
    key_path       = "$states.input.resource_id"
  }

  assert {
    condition = alltrue([
      for name, state in output.states : try(state.QueryLanguage, "") == "JSONata" || state.Type == "Succeed"
    ])
    error_message = "each state must be readable in a JSONPath machine too"
  }

  assert {
    condition = alltrue([
      for field in ["Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "SecondsPath", "ErrorPath", "CausePath"] :
      alltrue([for state in output.states : !can(state[field])])
    ])
    error_message = "no field of JSONPath is left"
  }

  assert {
    condition     = output.states.AcquireLease.Arguments.key == "{% $states.input.resource_id %}"
    error_message = "the key is the expression that was given"
  }
}

run "jsonata_checks_the_answer_in_queue_mode_too" {
  variables {
    query_language        = "JSONata"
    key_path              = "$states.input.resource_id"
    sfn_lease_result_path = "$.job.lease"
  }

  assert {
    condition = strcontains(
      output.states.AcquireLease.Output,
      "$merge([$states.input, {'job': $merge([$states.input.job, {'lease': $states.result}])}])",
    )
    error_message = "the lease goes where ResultPath would put it, and keeps what lies beside it"
  }

  assert {
    condition     = output.states.ReleaseLease.Arguments.lease_id == "{% $states.input.job.lease.lease_id %}"
    error_message = "the release finds the lease where it was put"
  }
}

run "a_release_says_which_lease_and_its_time" {
  variables {
    sfn_lease_result_path = "$.job.lease"
  }

  assert {
    condition = alltrue([
      for state in [output.states.ReleaseLease, output.states.ReleaseLeaseAfterFailure] :
      jsonencode(state.Parameters) == jsonencode({
        action             = "release"
        "lease_id.$"       = "$.job.lease.lease_id"
        "acquired_at_ms.$" = "$.job.lease.acquired_at_ms"
        "expires_at_ms.$"  = "$.job.lease.expires_at_ms"
      })
    ])
    error_message = "the release event has exactly these fields, from where the lease lies"
  }
}

run "a_release_says_which_lease_and_its_time_in_jsonata" {
  variables {
    query_language        = "JSONata"
    key_path              = "$states.input.resource_id"
    sfn_lease_result_path = "$.job.lease"
  }

  assert {
    condition = alltrue([
      for state in [output.states.ReleaseLease, output.states.ReleaseLeaseAfterFailure] :
      state.Arguments == {
        action         = "release"
        lease_id       = "{% $states.input.job.lease.lease_id %}"
        acquired_at_ms = "{% $exists($states.input.job.lease.acquired_at_ms) ? $states.input.job.lease.acquired_at_ms : null %}"
        expires_at_ms  = "{% $exists($states.input.job.lease.expires_at_ms) ? $states.input.job.lease.expires_at_ms : null %}"
      }
    ])
    error_message = "the release event has exactly these fields, from where the lease lies, and a time that is not there fails nothing"
  }
}

run "a_release_of_a_lease_that_was_moved_says_no_time" {
  variables {
    sfn_lease_id_jsonpath = "$.moved.lease_id"
  }

  assert {
    condition = alltrue([
      for state in [output.states.ReleaseLease, output.states.ReleaseLeaseAfterFailure] :
      jsonencode(state.Parameters) == jsonencode({ action = "release", "lease_id.$" = "$.moved.lease_id" })
    ])
    error_message = "only the id is known to be there"
  }
}

run "a_release_of_a_lease_that_was_moved_says_no_time_in_jsonata" {
  variables {
    query_language        = "JSONata"
    key_path              = "$states.input.resource_id"
    sfn_lease_id_jsonpath = "$states.input.moved.lease_id"
  }

  assert {
    condition = alltrue([
      for state in [output.states.ReleaseLease, output.states.ReleaseLeaseAfterFailure] :
      state.Arguments == { action = "release", lease_id = "{% $states.input.moved.lease_id %}" }
    ])
    error_message = "only the id is known to be there"
  }
}

run "a_task_says_how_long_it_waits" {
  variables {
    wait_seconds = 90
  }

  assert {
    condition     = output.states.AcquireLease.Parameters.Payload.wait_seconds == 90
    error_message = "wait_seconds is in the event"
  }

  assert {
    condition     = !anytrue([for retrier in output.states.AcquireLease.Retry : contains(retrier.ErrorEquals, "WaitedTooLong") || contains(retrier.ErrorEquals, "States.ALL")])
    error_message = "who has waited too long does not ask again"
  }
}

run "a_task_says_how_long_it_waits_in_jsonata" {
  variables {
    query_language = "JSONata"
    key_path       = "$states.input.resource_id"
    wait_seconds   = 90
  }

  assert {
    condition     = output.states.AcquireLease.Arguments.Payload.wait_seconds == 90
    error_message = "wait_seconds is in the event"
  }
}

run "what_is_given_is_passed_on" {
  variables {
    mode                    = "poll"
    parent_path             = "$.parent"
    label_path              = "$$.Execution.Name"
    lease_seconds           = 300
    acquire_timeout_seconds = 3660
  }

  assert {
    condition = (
      output.states.AcquireLease.Parameters["parent.$"] == "$.parent"
      && output.states.AcquireLease.Parameters["label.$"] == "$$.Execution.Name"
      && output.states.AcquireLease.Parameters.lease_seconds == 300
    )
    error_message = "parent, label and lease_seconds are in the event"
  }

  assert {
    condition     = output.states.AcquireLease.TimeoutSeconds == 930
    error_message = "poll mode does not wait for a slot within the call"
  }
}

run "the_queue_waits_as_long_as_it_may" {
  variables {
    acquire_timeout_seconds = 3660
  }

  assert {
    condition     = output.states.AcquireLease.TimeoutSeconds == 3660
    error_message = "acquire_timeout_seconds is the task's timeout"
  }
}

run "a_single_holder_needs_no_key" {
  variables {
    key_path      = null
    single_holder = true
  }

  assert {
    condition     = !can(output.states.AcquireLease.Parameters.Payload["key.$"])
    error_message = "the execution alone is the holder"
  }
}

run "a_key_can_be_computed" {
  variables {
    key_path = "States.Format('{}-{}', $.customer, $.id)"
  }

  assert {
    condition     = output.states.AcquireLease.Parameters.Payload["key.$"] == "States.Format('{}-{}', $.customer, $.id)"
    error_message = "an intrinsic function is a path too"
  }
}

run "every_name_path_and_next_state_can_be_chosen" {
  variables {
    mode                                 = "poll"
    sfn_acquire_lease_state_name         = "Acquire (left)"
    sfn_check_lease_state_name           = "Check (left)"
    sfn_wait_state_name                  = "Wait (left)"
    sfn_unexpected_answer_state_name     = "Unexpected (left)"
    sfn_release_lease_state_name         = "Release (left)"
    sfn_release_after_failure_state_name = "Release after failure (left)"
    sfn_raise_error_state_name           = "Raise (left)"
    sfn_post_acquire_lease_state         = "Work (left)"
    sfn_post_release_lease_state         = "Notify"
    end_state_after_release_lease        = false
    sfn_lease_result_path                = "$.leases.left"
    sfn_lease_id_jsonpath                = "$.moved.lease_id"
    sfn_release_lease_result_path        = "$.released"
    sfn_error_path                       = "$.left_error"
  }

  assert {
    condition = toset(keys(output.states)) == toset([
      "Acquire (left)", "Check (left)", "Wait (left)", "Unexpected (left)", "Release (left)",
      "Release after failure (left)", "Raise (left)",
    ])
    error_message = "the states have the names that were chosen; LeaseLeftToExpire is only there where ReleaseLease is the end"
  }

  assert {
    condition = (
      output.start_at == "Acquire (left)"
      && output.sfn_acquire_lease_state_name == "Acquire (left)"
      && output.sfn_check_lease_state_name == "Check (left)"
      && output.sfn_wait_state_name == "Wait (left)"
      && output.sfn_release_lease_state_name == "Release (left)"
      && output.sfn_release_after_failure_state_name == "Release after failure (left)"
    )
    error_message = "the names are outputs"
  }

  assert {
    condition = (
      output.states["Acquire (left)"].Next == "Check (left)"
      && output.states["Check (left)"].Choices[0].Next == "Work (left)"
      && output.states["Check (left)"].Choices[1].Next == "Wait (left)"
      && output.states["Check (left)"].Default == "Unexpected (left)"
      && output.states["Wait (left)"].Next == "Acquire (left)"
      && output.states["Release (left)"].Next == "Notify"
      && !can(output.states["Release (left)"].End)
      && output.states["Release after failure (left)"].Next == "Raise (left)"
      && output.states["Release after failure (left)"].Catch[0].Next == "Raise (left)"
      && output.work_catch[0].Next == "Release after failure (left)"
    )
    error_message = "the states lead to each other by the names that were chosen"
  }

  assert {
    condition = (
      output.states["Acquire (left)"].ResultPath == "$.leases.left"
      && output.states["Check (left)"].Choices[0].And[0].Variable == "$.leases.left.status"
      && output.states["Wait (left)"].SecondsPath == "$.leases.left.retry_after_seconds"
      && output.states["Release (left)"].Parameters["lease_id.$"] == "$.moved.lease_id"
      && output.states["Release after failure (left)"].Parameters["lease_id.$"] == "$.moved.lease_id"
      && output.states["Release (left)"].ResultPath == "$.released"
      && output.work_catch[0].ResultPath == "$.left_error"
      && output.states["Raise (left)"].ErrorPath == "$.left_error.Error"
      && output.states["Raise (left)"].CausePath == "$.left_error.Cause"
    )
    error_message = "things lie where they were asked to"
  }

  assert {
    condition = (
      output.states["Release (left)"].Catch[1].Next == "Notify"
      && output.states["Release (left)"].Catch[1].ResultPath == "$.released"
      && output.states["Release (left)"].Catch[1].ErrorEquals == ["States.ALL"]
    )
    error_message = "a release that fails for good leads on as one that works does"
  }
}

run "the_outputs_by_state_are_the_merged_states" {
  variables {
    mode = "poll"
  }

  assert {
    condition = jsonencode(output.states) == jsonencode(merge(
      jsondecode(output.acquire_lease_state),
      jsondecode(output.check_lease_status_state),
      jsondecode(output.wait_for_lease_state),
      jsondecode(output.release_lease_state),
    ))
    error_message = "the four JSON outputs together are `states`"
  }

  assert {
    condition     = toset(keys(jsondecode(output.check_lease_status_state))) == toset(["CheckLeaseStatus", "UnexpectedLeaseAnswer"])
    error_message = "what CheckLeaseStatus leads to comes with it"
  }

  assert {
    condition = toset(keys(jsondecode(output.release_lease_state))) == toset([
      "ReleaseLease", "ReleaseLeaseAfterFailure", "RaiseOriginalError", "LeaseLeftToExpire",
    ])
    error_message = "all that a release may lead to comes with it"
  }
}

run "a_null_result_path_survives_the_way_into_a_definition" {
  assert {
    condition     = strcontains(jsonencode({ States = merge(output.states, { Process = {} }) }), "\"ResultPath\":null")
    error_message = "without it the release would replace the state's input"
  }
}
