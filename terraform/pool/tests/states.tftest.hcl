# Are the states that come out those of terraform/states, for this pool's lease manager? Needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix    = "team"
  table_name     = "leases"
  table_arn      = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix   = "analytics"
  lambda_package = "versions.tf"

  # As in tests/mocks.
  lease_manager_function_arn    = "arn:aws:lambda:eu-central-1:123456789012:function:team-lease-manager"
  lease_manager_timeout_seconds = 30
}

run "states_by_default" {
  module { source = "../states" }
  variables { key_path = "$.resource_id" }
}

run "by_default_they_are_the_defaults_of_terraform_states" {
  variables { key_path = "$.resource_id" }

  assert {
    condition     = output.states == run.states_by_default.states && output.start_at == run.states_by_default.start_at && output.work_catch == run.states_by_default.work_catch
    error_message = "The states are ${jsonencode(output.states)}, not ${jsonencode(run.states_by_default.states)}."
  }
  assert {
    condition = [
      output.acquire_lease_state, output.check_lease_status_state, output.wait_for_lease_state, output.release_lease_state,
      output.sfn_acquire_lease_state_name, output.sfn_check_lease_state_name, output.sfn_wait_state_name,
      output.sfn_release_lease_state_name, output.sfn_release_after_failure_state_name,
      ] == [
      run.states_by_default.acquire_lease_state, run.states_by_default.check_lease_status_state, run.states_by_default.wait_for_lease_state, run.states_by_default.release_lease_state,
      run.states_by_default.sfn_acquire_lease_state_name, run.states_by_default.sfn_check_lease_state_name, run.states_by_default.sfn_wait_state_name,
      run.states_by_default.sfn_release_lease_state_name, run.states_by_default.sfn_release_after_failure_state_name,
    ]
    error_message = "A state or a name of one is lost on the way."
  }
  assert {
    condition     = output.states[output.start_at].TimeoutSeconds == 86580
    error_message = "AcquireLease does not wait as long as the pool lets it and a minute."
  }
}

run "a_workflow_says_how_long_it_waits" {
  variables {
    key_path     = "$.resource_id"
    wait_seconds = 90
  }

  assert {
    condition     = output.states.AcquireLease.Parameters.Payload.wait_seconds == 90
    error_message = "wait_seconds is in the event"
  }
}

run "states_of_another_choice" {
  module { source = "../states" }

  variables {
    mode                                 = "poll"
    key_path                             = "$.item.id"
    parent_path                          = "$.parent"
    label_path                           = "$.item.name"
    lease_seconds                        = 60
    sfn_acquire_lease_state_name         = "A"
    sfn_check_lease_state_name           = "B"
    sfn_wait_state_name                  = "C"
    sfn_release_lease_state_name         = "D"
    sfn_release_after_failure_state_name = "E"
    sfn_raise_error_state_name           = "F"
    sfn_unexpected_answer_state_name     = "G"
    sfn_left_to_expire_state_name        = "H"
    sfn_lease_result_path                = "$.mine"
    sfn_lease_id_jsonpath                = "$.mine.lease_id"
    sfn_release_lease_result_path        = "$.given"
    sfn_error_path                       = "$.oops"
    sfn_post_acquire_lease_state         = "Work"
    sfn_post_release_lease_state         = "After"
    end_state_after_release_lease        = false
  }
}

run "every_choice_is_handed_on" {
  variables {
    mode                                 = "poll"
    key_path                             = "$.item.id"
    parent_path                          = "$.parent"
    label_path                           = "$.item.name"
    lease_seconds                        = 60
    sfn_acquire_lease_state_name         = "A"
    sfn_check_lease_state_name           = "B"
    sfn_wait_state_name                  = "C"
    sfn_release_lease_state_name         = "D"
    sfn_release_after_failure_state_name = "E"
    sfn_raise_error_state_name           = "F"
    sfn_unexpected_answer_state_name     = "G"
    sfn_left_to_expire_state_name        = "H"
    sfn_lease_result_path                = "$.mine"
    sfn_lease_id_jsonpath                = "$.mine.lease_id"
    sfn_release_lease_result_path        = "$.given"
    sfn_error_path                       = "$.oops"
    sfn_post_acquire_lease_state         = "Work"
    sfn_post_release_lease_state         = "After"
    end_state_after_release_lease        = false
  }

  assert {
    condition     = output.states == run.states_of_another_choice.states && output.start_at == "A" && output.work_catch == run.states_of_another_choice.work_catch
    error_message = "The states are ${jsonencode(output.states)}, not ${jsonencode(run.states_of_another_choice.states)}."
  }
}

run "states_in_jsonata" {
  module { source = "../states" }

  variables {
    query_language          = "JSONata"
    single_holder           = true
    acquire_timeout_seconds = 7380
  }
}

run "the_query_language_the_single_holder_and_the_longest_wait_are_handed_on" {
  variables {
    query_language       = "JSONata"
    single_holder        = true
    longest_wait_seconds = 7200
  }

  assert {
    condition     = output.states == run.states_in_jsonata.states
    error_message = "The states are ${jsonencode(output.states)}, not ${jsonencode(run.states_in_jsonata.states)}."
  }
}

run "the_task_of_a_waiter_may_be_given_a_timeout_of_its_own" {
  variables {
    key_path                = "$.resource_id"
    acquire_timeout_seconds = 900
  }

  assert {
    condition     = output.states[output.start_at].TimeoutSeconds == 900
    error_message = "AcquireLease has another timeout."
  }
}

run "a_workflow_and_its_pool_know_of_each_other_without_a_cycle" {
  module { source = "./tests/workflow" }

  assert {
    condition     = jsondecode(output.definition).States[jsondecode(output.definition).StartAt].Type == "Task"
    error_message = "The workflow does not begin with the lease: ${output.definition}."
  }
}
