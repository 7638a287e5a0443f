# What does the Catch of a Map or Parallel lead to, so that cancelled branches hold nothing any more?

variables {
  lease_manager_function_arn    = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager"
  key_path                      = "$.resource_id"
  lease_manager_timeout_seconds = 30
}

run "the_catch_leads_to_a_release_of_all" {
  assert {
    condition = jsonencode(output.branches_catch) == jsonencode([
      { ErrorEquals = ["States.ALL"], ResultPath = "$.lease_error", Next = "ReleaseAll" },
    ])
    error_message = "whatever failed a branch is caught"
  }

  assert {
    condition = jsonencode(output.release_all_states.ReleaseAll.Parameters) == jsonencode({
      action        = "release"
      all           = true
      "execution.$" = "$$.Execution.Id"
      attempt       = { "entered.$" = "$$.State.EnteredTime", "redrive.$" = "$$.Execution.RedriveCount" }
    })
    error_message = "all that this execution had before this state was entered"
  }

  assert {
    condition     = output.release_all_states.ReleaseAll.Next == "CheckReleaseAll" && output.release_all_states.CheckReleaseAll.Choices[0].Next == "ReleaseAll" && output.release_all_states.CheckReleaseAll.Default == "RaiseBranchError"
    error_message = "it asks again while there is more, and then fails as the branch did"
  }

  assert {
    condition     = output.release_all_states.RaiseBranchError.Type == "Fail" && output.release_all_states.RaiseBranchError.ErrorPath == "$.lease_error.Error" && output.release_all_states.RaiseBranchError.CausePath == "$.lease_error.Cause"
    error_message = "the branch's own error is raised again"
  }

  assert {
    condition     = output.release_all_states.ReleaseAll.Catch[1].Next == "RaiseBranchError" && output.release_all_states.ReleaseAll.Catch[1].ResultPath == "$.released_all"
    error_message = "a release that fails for good hides no error"
  }

  assert {
    condition     = length(setintersection(keys(output.states), keys(output.release_all_states))) == 0 && output.sfn_release_all_state_name == "ReleaseAll"
    error_message = "these states stand outside the Map or Parallel"
  }
}

run "the_workflow_may_go_on_although_a_branch_failed" {
  variables {
    sfn_release_all_state_name        = "Free (left)"
    sfn_check_release_all_state_name  = "Is all free (left)"
    sfn_raise_branch_error_state_name = "Raise (left)"
    sfn_post_release_all_state        = "Report"
    sfn_error_path                    = "$.left_error"
    release_all_key_prefix_path       = "$.customer"
    release_all_parent_path           = "$.parent"
  }

  assert {
    condition     = toset(keys(output.release_all_states)) == toset(["Free (left)", "Is all free (left)", "Raise (left)"]) && output.branches_catch[0].Next == "Free (left)" && output.sfn_release_all_state_name == "Free (left)"
    error_message = "the states have the names that were chosen"
  }

  assert {
    condition = (
      output.release_all_states["Is all free (left)"].Default == "Report"
      && output.release_all_states["Free (left)"].Catch[1].Next == "Report"
      && output.release_all_states["Free (left)"].Catch[0].Next == "Raise (left)"
      && output.release_all_states["Free (left)"].Catch[0].ResultPath == "$.left_error"
    )
    error_message = "it goes on, but a release that names nothing is a mistake in the definition"
  }

  assert {
    condition     = output.release_all_states["Free (left)"].Parameters["key_prefix.$"] == "$.customer" && output.release_all_states["Free (left)"].Parameters["parent.$"] == "$.parent"
    error_message = "only what was asked for is freed"
  }
}

run "where_the_context_has_no_count_of_redrives_none_is_sent" {
  variables {
    mode = "poll"
  }

  assert {
    condition     = !can(output.release_all_states.ReleaseAll.Parameters.attempt["redrive.$"])
    error_message = "a path that is not there would fail the state"
  }
}

run "a_release_of_all_in_jsonata" {
  variables {
    query_language              = "JSONata"
    key_path                    = "$states.input.resource_id"
    release_all_key_prefix_path = "'left-'"
    release_all_parent_path     = "$states.input.parent"
  }

  assert {
    condition = jsonencode(output.release_all_states.ReleaseAll.Arguments) == jsonencode({
      action     = "release"
      all        = true
      execution  = "{% $states.context.Execution.Id %}"
      parent     = "{% $states.input.parent %}"
      key_prefix = "{% 'left-' %}"
      attempt = {
        entered = "{% $states.context.State.EnteredTime %}"
        redrive = "{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}"
      }
    })
    error_message = "the same in the other language"
  }

  assert {
    condition     = output.branches_catch[0].Output == "{% $merge([$states.input, {'lease_error': $states.errorOutput}]) %}" && alltrue([for state in output.release_all_states : state.QueryLanguage == "JSONata"])
    error_message = "each state says its language"
  }
}

run "two_states_of_one_name" {
  command = plan

  variables {
    sfn_raise_branch_error_state_name = "RaiseOriginalError"
  }

  expect_failures = [output.release_all_states]
}

run "a_state_after_it_that_is_one_of_its_own" {
  command = plan

  variables {
    sfn_post_release_all_state = "CheckReleaseAll"
  }

  expect_failures = [output.release_all_states]
}

run "a_prefix_in_the_other_language" {
  command = plan

  variables {
    release_all_key_prefix_path = "$states.input.customer"
  }

  expect_failures = [output.states]
}
