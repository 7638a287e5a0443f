# Is every wrong value refused at plan, by the variable that has it or by the sentence that says what to write?

variables {
  lease_manager_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager"
  key_path                   = "$.resource_id"
}

# --- One variable alone ---------------------------------------------------------------------------------------------

run "a_function_by_name_alone" {
  command = plan

  variables {
    lease_manager_function_arn = "analytics-lease-manager"
  }

  expect_failures = [var.lease_manager_function_arn]
}

run "an_arn_of_something_else" {
  command = plan

  variables {
    lease_manager_function_arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:analytics"
  }

  expect_failures = [var.lease_manager_function_arn]
}

run "an_arn_with_a_space" {
  command = plan

  variables {
    lease_manager_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:a b"
  }

  expect_failures = [var.lease_manager_function_arn]
}

run "a_mode_that_is_none" {
  command = plan

  variables {
    mode = "wait"
  }

  expect_failures = [var.mode]
}

run "a_mode_in_capitals" {
  command = plan

  variables {
    mode = "Queue"
  }

  expect_failures = [var.mode]
}

run "a_query_language_in_small_letters" {
  command = plan

  variables {
    query_language = "jsonata"
  }

  expect_failures = [var.query_language]
}

run "a_query_language_that_is_none" {
  command = plan

  variables {
    query_language = "JMESPath"
  }

  expect_failures = [var.query_language]
}

run "a_key_path_in_braces" {
  command = plan

  variables {
    key_path = "{% $states.input.id %}"
  }

  expect_failures = [var.key_path]
}

run "an_empty_key_path" {
  command = plan

  variables {
    key_path = ""
  }

  expect_failures = [var.key_path]
}

run "a_key_path_of_two_lines" {
  command = plan

  variables {
    key_path = "$.a\nb"
  }

  expect_failures = [var.key_path]
}

run "a_parent_path_in_braces" {
  command = plan

  variables {
    parent_path = "{% $states.input.parent %}"
  }

  expect_failures = [var.parent_path]
}

run "an_empty_label_path" {
  command = plan

  variables {
    label_path = ""
  }

  expect_failures = [var.label_path]
}

run "a_lease_of_no_time" {
  command = plan

  variables {
    lease_seconds = 0
  }

  expect_failures = [var.lease_seconds]
}

run "a_lease_of_half_a_second" {
  command = plan

  variables {
    lease_seconds = 0.5
  }

  expect_failures = [var.lease_seconds]
}

run "a_lease_of_more_than_a_year" {
  command = plan

  variables {
    lease_seconds = 31536001
  }

  expect_failures = [var.lease_seconds]
}

run "a_wait_of_no_time" {
  command = plan

  variables {
    wait_seconds = 0
  }

  expect_failures = [var.wait_seconds]
}

run "a_wait_of_half_a_second" {
  command = plan

  variables {
    wait_seconds = 0.5
  }

  expect_failures = [var.wait_seconds]
}

run "a_wait_of_more_than_a_year" {
  command = plan

  variables {
    wait_seconds = 31536001
  }

  expect_failures = [var.wait_seconds]
}

run "a_wait_in_a_queue_by_who_polls" {
  command = plan

  variables {
    mode         = "poll"
    wait_seconds = 60
  }

  expect_failures = [output.states]
}

run "a_timeout_of_no_time" {
  command = plan

  variables {
    acquire_timeout_seconds = 0
  }

  expect_failures = [var.acquire_timeout_seconds]
}

run "a_timeout_of_a_fraction" {
  command = plan

  variables {
    acquire_timeout_seconds = 1.5
  }

  expect_failures = [var.acquire_timeout_seconds]
}

run "a_timeout_longer_than_step_functions_allow" {
  command = plan

  variables {
    acquire_timeout_seconds = 100000000
  }

  expect_failures = [var.acquire_timeout_seconds]
}

run "the_whole_state_as_the_lease" {
  command = plan

  variables {
    sfn_lease_result_path = "$"
  }

  expect_failures = [var.sfn_lease_result_path]
}

run "a_field_without_its_path" {
  command = plan

  variables {
    sfn_lease_result_path = "lease"
  }

  expect_failures = [var.sfn_lease_result_path]
}

run "an_element_of_an_array_as_the_lease" {
  command = plan

  variables {
    sfn_lease_result_path = "$.lease[0]"
  }

  expect_failures = [var.sfn_lease_result_path]
}

run "the_context_as_the_lease" {
  command = plan

  variables {
    sfn_lease_result_path = "$$.lease"
  }

  expect_failures = [var.sfn_lease_result_path]
}

run "an_expression_as_the_lease" {
  command = plan

  variables {
    sfn_lease_result_path = "$states.input.lease"
  }

  expect_failures = [var.sfn_lease_result_path]
}

run "a_lease_id_path_in_braces" {
  command = plan

  variables {
    sfn_lease_id_jsonpath = "{% $states.input.lease.lease_id %}"
  }

  expect_failures = [var.sfn_lease_id_jsonpath]
}

run "the_whole_state_as_the_answer" {
  command = plan

  variables {
    sfn_release_lease_result_path = "$"
  }

  expect_failures = [var.sfn_release_lease_result_path]
}

run "an_answer_without_its_path" {
  command = plan

  variables {
    sfn_release_lease_result_path = "released"
  }

  expect_failures = [var.sfn_release_lease_result_path]
}

run "the_whole_state_as_the_error" {
  command = plan

  variables {
    sfn_error_path = "$"
  }

  expect_failures = [var.sfn_error_path]
}

run "an_error_path_with_a_hyphen" {
  command = plan

  variables {
    sfn_error_path = "$.lease-error"
  }

  expect_failures = [var.sfn_error_path]
}

run "sfn_post_acquire_lease_state_empty" {
  command = plan

  variables {
    sfn_post_acquire_lease_state = ""
  }

  expect_failures = [var.sfn_post_acquire_lease_state]
}

run "sfn_post_acquire_lease_state_too_long" {
  command = plan

  variables {
    sfn_post_acquire_lease_state = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_post_acquire_lease_state]
}

run "sfn_post_acquire_lease_state_of_two_lines" {
  command = plan

  variables {
    sfn_post_acquire_lease_state = "two\nlines"
  }

  expect_failures = [var.sfn_post_acquire_lease_state]
}

run "sfn_post_release_lease_state_empty" {
  command = plan

  variables {
    end_state_after_release_lease = false
    sfn_post_release_lease_state  = ""
  }

  expect_failures = [var.sfn_post_release_lease_state]
}

run "sfn_post_release_lease_state_too_long" {
  command = plan

  variables {
    end_state_after_release_lease = false
    sfn_post_release_lease_state  = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_post_release_lease_state]
}

run "sfn_post_release_lease_state_of_two_lines" {
  command = plan

  variables {
    end_state_after_release_lease = false
    sfn_post_release_lease_state  = "two\nlines"
  }

  expect_failures = [var.sfn_post_release_lease_state]
}

run "sfn_acquire_lease_state_name_empty" {
  command = plan

  variables {
    sfn_acquire_lease_state_name = ""
  }

  expect_failures = [var.sfn_acquire_lease_state_name]
}

run "sfn_acquire_lease_state_name_too_long" {
  command = plan

  variables {
    sfn_acquire_lease_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_acquire_lease_state_name]
}

run "sfn_acquire_lease_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_acquire_lease_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_acquire_lease_state_name]
}

run "sfn_check_lease_state_name_empty" {
  command = plan

  variables {
    sfn_check_lease_state_name = ""
  }

  expect_failures = [var.sfn_check_lease_state_name]
}

run "sfn_check_lease_state_name_too_long" {
  command = plan

  variables {
    sfn_check_lease_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_check_lease_state_name]
}

run "sfn_check_lease_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_check_lease_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_check_lease_state_name]
}

run "sfn_wait_state_name_empty" {
  command = plan

  variables {
    sfn_wait_state_name = ""
  }

  expect_failures = [var.sfn_wait_state_name]
}

run "sfn_wait_state_name_too_long" {
  command = plan

  variables {
    sfn_wait_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_wait_state_name]
}

run "sfn_wait_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_wait_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_wait_state_name]
}

run "sfn_unexpected_answer_state_name_empty" {
  command = plan

  variables {
    sfn_unexpected_answer_state_name = ""
  }

  expect_failures = [var.sfn_unexpected_answer_state_name]
}

run "sfn_unexpected_answer_state_name_too_long" {
  command = plan

  variables {
    sfn_unexpected_answer_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_unexpected_answer_state_name]
}

run "sfn_unexpected_answer_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_unexpected_answer_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_unexpected_answer_state_name]
}

run "sfn_release_lease_state_name_empty" {
  command = plan

  variables {
    sfn_release_lease_state_name = ""
  }

  expect_failures = [var.sfn_release_lease_state_name]
}

run "sfn_release_lease_state_name_too_long" {
  command = plan

  variables {
    sfn_release_lease_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_release_lease_state_name]
}

run "sfn_release_lease_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_release_lease_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_release_lease_state_name]
}

run "sfn_left_to_expire_state_name_empty" {
  command = plan

  variables {
    sfn_left_to_expire_state_name = ""
  }

  expect_failures = [var.sfn_left_to_expire_state_name]
}

run "sfn_left_to_expire_state_name_too_long" {
  command = plan

  variables {
    sfn_left_to_expire_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_left_to_expire_state_name]
}

run "sfn_left_to_expire_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_left_to_expire_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_left_to_expire_state_name]
}

run "sfn_release_after_failure_state_name_empty" {
  command = plan

  variables {
    sfn_release_after_failure_state_name = ""
  }

  expect_failures = [var.sfn_release_after_failure_state_name]
}

run "sfn_release_after_failure_state_name_too_long" {
  command = plan

  variables {
    sfn_release_after_failure_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_release_after_failure_state_name]
}

run "sfn_release_after_failure_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_release_after_failure_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_release_after_failure_state_name]
}

run "sfn_raise_error_state_name_empty" {
  command = plan

  variables {
    sfn_raise_error_state_name = ""
  }

  expect_failures = [var.sfn_raise_error_state_name]
}

run "sfn_raise_error_state_name_too_long" {
  command = plan

  variables {
    sfn_raise_error_state_name = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
  }

  expect_failures = [var.sfn_raise_error_state_name]
}

run "sfn_raise_error_state_name_of_two_lines" {
  command = plan

  variables {
    sfn_raise_error_state_name = "two\nlines"
  }

  expect_failures = [var.sfn_raise_error_state_name]
}

# --- Several together -----------------------------------------------------------------------------------------------

run "neither_a_key_nor_a_single_holder" {
  command = plan

  variables {
    key_path = null
  }

  expect_failures = [output.states]
}

run "a_key_and_a_single_holder" {
  command = plan

  variables {
    single_holder = true
  }

  expect_failures = [output.states]
}

run "no_state_after_the_release" {
  command = plan

  variables {
    end_state_after_release_lease = false
  }

  expect_failures = [output.states]
}

run "an_end_with_a_state_after_it" {
  command = plan

  variables {
    sfn_post_release_lease_state = "Notify"
  }

  expect_failures = [output.states]
}

run "a_jsonata_expression_as_jsonpath" {
  command = plan

  variables {
    key_path = "$states.input.id"
  }

  expect_failures = [output.states]
}

run "a_plain_text_as_jsonpath" {
  command = plan

  variables {
    parent_path = "parent"
  }

  expect_failures = [output.states]
}

run "the_whole_input_as_jsonpath" {
  command = plan

  variables {
    label_path = "$."
  }

  expect_failures = [output.states]
}

run "a_jsonpath_as_jsonata" {
  command = plan

  variables {
    query_language = "JSONata"
    key_path       = "$.id"
  }

  expect_failures = [output.states]
}

run "a_context_path_as_jsonata" {
  command = plan

  variables {
    query_language = "JSONata"
    key_path       = "$states.input.id"
    label_path     = "$$.Execution.Name"
  }

  expect_failures = [output.states]
}

run "an_intrinsic_function_as_jsonata" {
  command = plan

  variables {
    query_language = "JSONata"
    key_path       = "States.Format('{}', $.id)"
  }

  expect_failures = [output.states]
}

run "two_states_of_one_name" {
  command = plan

  variables {
    sfn_release_after_failure_state_name = "ReleaseLease"
  }

  expect_failures = [output.states]
}

run "the_work_named_like_a_state_of_the_module" {
  command = plan

  variables {
    sfn_post_acquire_lease_state = "ReleaseLease"
  }

  expect_failures = [output.states]
}

run "the_next_state_named_like_a_state_of_the_module" {
  command = plan

  variables {
    sfn_post_release_lease_state  = "AcquireLease"
    end_state_after_release_lease = false
  }

  expect_failures = [output.states]
}

run "an_error_that_overwrites_the_lease" {
  command = plan

  variables {
    sfn_error_path = "$.lease"
  }

  expect_failures = [output.states]
}

run "an_error_that_overwrites_what_the_lease_lies_in" {
  command = plan

  variables {
    sfn_lease_result_path = "$.job.lease"
    sfn_error_path        = "$.job"
  }

  expect_failures = [output.states]
}

# --- Not refused ----------------------------------------------------------------------------------------------------

run "an_error_beside_or_within_the_lease" {
  variables {
    sfn_error_path = "$.lease.error"
  }

  assert {
    condition     = output.work_catch[0].ResultPath == "$.lease.error"
    error_message = "the lease's own fields stay where they are"
  }
}

run "a_name_of_a_state_that_is_not_there" {
  variables {
    sfn_post_acquire_lease_state = "CheckLeaseStatus"
  }

  assert {
    condition     = output.states.AcquireLease.Next == "CheckLeaseStatus"
    error_message = "queue mode has no CheckLeaseStatus of its own"
  }
}
