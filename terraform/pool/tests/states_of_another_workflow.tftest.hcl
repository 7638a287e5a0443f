# Can the pool and the states of its workflows disagree about how long a call, or a lease, lasts? Needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix    = "team"
  table_name     = "leases"
  table_arn      = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix   = "analytics"
  lambda_package = "versions.tf"
  key_path       = "$.resource_id"
}

run "no_state_gives_up_a_call_that_is_still_at_work" {
  variables {
    mode            = "poll"
    timeout_seconds = 900
  }

  assert {
    condition     = alltrue([for state in concat(values(output.states), values(output.release_all_states)) : state.TimeoutSeconds == 930 if state.Type == "Task"])
    error_message = "Each call has half a minute more than the function."
  }
  assert {
    condition     = output.lease_manager_timeout_seconds == 900
    error_message = "The states of another workflow would not know."
  }
}

run "the_work_may_go_on_for_as_long_as_its_lease" {
  variables {
    max_lease_duration_seconds = 600
    lease_seconds              = 300
    work_state                 = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke", ResultPath = null }
  }

  assert {
    condition     = output.states.Process.Next == "ReleaseLease" && output.longest_work_seconds == 600 && output.max_lease_duration_seconds == 600
    error_message = "The work is not part of the states, or another workflow is not told how long leases last."
  }
}

run "or_for_as_long_as_sweeps_keep_it_alive" {
  variables {
    longest_hold_seconds = 3600
    state_machine_arns   = ["arn:aws:states:eu-central-1:123456789012:stateMachine:analytics"]
  }

  assert {
    condition     = output.longest_work_seconds == 3600
    error_message = "Work may go on for an hour."
  }
}

run "every_choice_about_cancelled_branches_is_handed_on" {
  variables {
    sfn_release_all_state_name        = "Free"
    sfn_check_release_all_state_name  = "IsAllFree"
    sfn_raise_branch_error_state_name = "Raise"
    sfn_post_release_all_state        = "Report"
    release_all_key_prefix_path       = "$.customer"
    release_all_parent_path           = "$.parent"
  }

  assert {
    condition = (
      toset(keys(output.release_all_states)) == toset(["Free", "IsAllFree", "Raise"])
      && output.release_all_states.IsAllFree.Default == "Report"
      && output.release_all_states.Free.Parameters["key_prefix.$"] == "$.customer"
      && output.release_all_states.Free.Parameters["parent.$"] == "$.parent"
      && output.branches_catch[0].Next == "Free" && output.sfn_release_all_state_name == "Free"
    )
    error_message = "A choice is lost on the way: ${jsonencode(output.release_all_states)}."
  }
}
