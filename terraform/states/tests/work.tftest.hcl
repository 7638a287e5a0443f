# What of the work can be seen, if it is given? Where it leads, that it keeps the lease, and that it ends within it.

variables {
  lease_manager_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager"
  key_path                   = "$.resource_id"
  lease_seconds              = 600

  work_state = {
    Type       = "Task"
    Resource   = "arn:aws:states:::lambda:invoke"
    Parameters = { FunctionName = "analytics-work", "Payload.$" = "$" }
    ResultPath = "$.result"
    Retry      = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 100, BackoffRate = 2, MaxAttempts = 2 }]
  }
}

run "the_work_comes_back_with_where_it_leads" {
  assert {
    condition = jsonencode(output.states.Process) == jsonencode(merge(var.work_state, {
      Catch = output.work_catch
      Next  = "ReleaseLease"
    }))
    error_message = "done or failed, its lease is given back"
  }
}

run "without_it_the_states_are_the_lease_s_alone" {
  variables {
    work_state = null
  }

  assert {
    condition     = !contains(keys(output.states), "Process")
    error_message = "the work is merged by whoever has it"
  }
}

# 400 s and 800 s: the third try begins 1,200 s after the grant.
run "a_retry_that_outlives_the_lease" {
  command = plan

  variables {
    work_state = {
      Type       = "Task"
      Resource   = "arn:aws:states:::lambda:invoke"
      ResultPath = null
      Retry      = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 400, MaxAttempts = 2 }]
    }
  }

  expect_failures = [check.the_work_ends_within_its_lease]
}

run "a_backoff_that_is_capped" {
  variables {
    work_state = {
      Type       = "Task"
      Resource   = "arn:aws:states:::lambda:invoke"
      ResultPath = null
      Retry      = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 300, BackoffRate = 10, MaxDelaySeconds = 300, MaxAttempts = 2 }]
    }
  }

  assert {
    condition     = output.states.Process.Retry[0].MaxAttempts == 2
    error_message = "two waits of 300 s end when the lease does"
  }
}

run "tries_that_outlive_the_lease_together" {
  command = plan

  variables {
    work_state = {
      Type           = "Task"
      Resource       = "arn:aws:states:::lambda:invoke"
      ResultPath     = null
      TimeoutSeconds = 250
      Retry          = [{ ErrorEquals = ["States.Timeout"], IntervalSeconds = 1 }]
    }
  }

  expect_failures = [check.the_work_ends_within_its_lease]
}

run "a_work_that_is_tried_again_for_ever" {
  command = plan

  variables {
    work_state = {
      Type       = "Task"
      Resource   = "arn:aws:states:::lambda:invoke"
      ResultPath = null
      Retry      = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 1, MaxDelaySeconds = 10, MaxAttempts = 99999999 }]
    }
  }

  expect_failures = [check.the_work_ends_within_its_lease]
}

run "the_pool_may_keep_the_lease_alive_for_longer" {
  variables {
    longest_work_seconds = 3600
    work_state = {
      Type       = "Task"
      Resource   = "arn:aws:states:::lambda:invoke"
      ResultPath = null
      Retry      = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 400, MaxAttempts = 2 }]
    }
  }

  assert {
    condition     = output.states.Process.Retry[0].IntervalSeconds == 400
    error_message = "1,200 s are within the hour"
  }
}

run "a_lease_that_is_shorter_than_the_pools_ends_sooner" {
  command = plan

  variables {
    lease_seconds              = 60
    longest_work_seconds       = 600
    max_lease_duration_seconds = 600
    work_state = {
      Type           = "Task"
      Resource       = "arn:aws:states:::lambda:invoke"
      ResultPath     = null
      TimeoutSeconds = 61
    }
  }

  expect_failures = [check.the_work_ends_within_its_lease]
}

run "the_pools_lease_ends_where_nothing_else_is_said" {
  command = plan

  variables {
    lease_seconds              = null
    max_lease_duration_seconds = 600
    work_state = {
      Type           = "Task"
      Resource       = "arn:aws:states:::lambda:invoke"
      ResultPath     = null
      TimeoutSeconds = 601
    }
  }

  expect_failures = [check.the_work_ends_within_its_lease]
}

run "sweeps_extend_a_lease_that_is_shorter_than_the_pools" {
  variables {
    lease_seconds              = 120
    longest_work_seconds       = 3600
    max_lease_duration_seconds = 600
    work_state = {
      Type           = "Task"
      Resource       = "arn:aws:states:::lambda:invoke"
      ResultPath     = null
      TimeoutSeconds = 3600
    }
  }

  assert {
    condition     = output.states.Process.TimeoutSeconds == 3600
    error_message = "an hour is what sweeps allow"
  }
}

run "work_in_jsonata_within_jsonpath" {
  variables {
    work_state = {
      Type          = "Task"
      QueryLanguage = "JSONata"
      Resource      = "arn:aws:states:::lambda:invoke"
      Output        = "{% $states.input %}"
      # An expression can not be counted.
      TimeoutSeconds = "{% $states.input.seconds %}"
    }
  }

  assert {
    condition     = output.states.Process.QueryLanguage == "JSONata"
    error_message = "each state may speak its own language in a JSONPath machine"
  }
}

# --- Refused --------------------------------------------------------------------------------------------------------

run "a_work_that_replaces_the_state" {
  command = plan

  variables {
    work_state = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke" }
  }

  expect_failures = [output.states]
}

run "a_work_whose_result_is_the_state" {
  command = plan

  variables {
    work_state = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke", ResultPath = "$" }
  }

  expect_failures = [output.states]
}

run "a_work_in_jsonata_that_replaces_the_state" {
  command = plan

  variables {
    query_language = "JSONata"
    key_path       = "$states.input.resource_id"
    work_state     = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke" }
  }

  expect_failures = [output.states]
}

run "a_work_that_says_where_it_put_the_lease" {
  variables {
    sfn_lease_id_jsonpath = "$.moved.lease_id"
    work_state            = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke" }
  }

  assert {
    condition     = output.states.ReleaseLease.Parameters["lease_id.$"] == "$.moved.lease_id"
    error_message = "the release finds it there"
  }
}

run "a_work_that_can_have_no_catch" {
  command = plan

  variables {
    work_state = { Type = "Wait", Seconds = 5 }
  }

  expect_failures = [output.states]
}

run "a_work_with_a_catch_of_its_own" {
  command = plan

  variables {
    work_state = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke", ResultPath = null, Catch = [] }
  }

  expect_failures = [output.states]
}

run "a_work_that_leads_elsewhere" {
  command = plan

  variables {
    work_state = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke", ResultPath = null, End = true }
  }

  expect_failures = [output.states]
}
