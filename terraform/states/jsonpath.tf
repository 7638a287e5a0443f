# What does each state say in JSONPath?

locals {
  # `$.lease.lease_id`, unless the work moved it.
  jsonpath_lease_id = coalesce(var.sfn_lease_id_jsonpath, "${var.sfn_lease_result_path}.lease_id")

  # The contract's acquire event, without the fields that were not asked for.
  jsonpath_acquire = { for field, value in {
    "action"      = "acquire"
    "mode"        = var.mode
    "execution.$" = "$$.Execution.Id"
    "key.$"       = var.key_path
    "parent.$"    = var.parent_path
    # Orders the repeats of this request: a retry is newer than what it repeats, and a copy that comes late is older. A
    # redrive keeps the time of entry and begins the retries anew. Poll mode does not say how many redrives came before: the
    # context of an Express workflow lacks the count, and a path that is not there would fail the state.
    "attempt" = { for field, value in {
      "entered.$" = "$$.State.EnteredTime"
      "redrive.$" = local.queue ? "$$.Execution.RedriveCount" : null
      "retry.$"   = "$$.State.RetryCount"
    } : field => value if value != null }
    "task_token.$"  = local.queue ? "$$.Task.Token" : null
    "lease_seconds" = var.lease_seconds
    "wait_seconds"  = var.wait_seconds
    "label.$"       = var.label_path
  } : field => value if value != null }

  jsonpath_release = merge(
    {
      "action"     = "release"
      "lease_id.$" = local.jsonpath_lease_id
    },
    { for time in local.release_times : "${time}.$" => "${var.sfn_lease_result_path}.${time}" },
  )

  # All that this execution has, up to the attempt that says so.
  jsonpath_release_all = { for field, value in {
    "action"       = "release"
    "all"          = true
    "execution.$"  = "$$.Execution.Id"
    "parent.$"     = var.release_all_parent_path
    "key_prefix.$" = var.release_all_key_prefix_path
    "attempt" = { for field, value in {
      "entered.$" = "$$.State.EnteredTime"
      "redrive.$" = local.queue ? "$$.Execution.RedriveCount" : null
    } : field => value if value != null }
  } : field => value if value != null }

  jsonpath = {
    acquire = {
      queue = {
        Type     = "Task"
        Comment  = local.comments.acquire
        Resource = local.queue_resource
        Parameters = {
          FunctionName = var.lease_manager_function_arn
          Payload      = local.jsonpath_acquire
        }
        TimeoutSeconds = var.acquire_timeout_seconds
        # A path that is not there fails the state: an answer that is no grant does not get past this.
        ResultSelector = { for field in local.grant_fields : "${field}.$" => "$.${field}" }
        ResultPath     = var.sfn_lease_result_path
        Retry          = local.acquire_retry
        Next           = var.sfn_post_acquire_lease_state
      }
      poll = {
        Type           = "Task"
        Comment        = local.comments.acquire
        Resource       = local.call_resource
        Parameters     = local.jsonpath_acquire
        TimeoutSeconds = local.call_timeout_seconds
        ResultPath     = var.sfn_lease_result_path
        Retry          = local.acquire_retry
        Next           = var.sfn_check_lease_state_name
      }
    }

    check = {
      Type    = "Choice"
      Comment = local.comments.check
      Choices = [
        {
          And = concat(
            [
              { Variable = "${var.sfn_lease_result_path}.status", IsPresent = true },
              { Variable = "${var.sfn_lease_result_path}.status", StringEquals = "acquired" },
              { Variable = "${var.sfn_lease_result_path}.lease_id", IsPresent = true },
              { Variable = "${var.sfn_lease_result_path}.lease_id", IsString = true },
              { Variable = "${var.sfn_lease_result_path}.lease_id", StringGreaterThan = "" },
            ],
            # The release reads them by their paths, and could not leave one out.
            [for time in local.release_times : { Variable = "${var.sfn_lease_result_path}.${time}", IsPresent = true }],
          )
          Next = var.sfn_post_acquire_lease_state
        },
        {
          And = [
            { Variable = "${var.sfn_lease_result_path}.status", IsPresent = true },
            { Variable = "${var.sfn_lease_result_path}.status", StringEquals = "wait" },
            { Variable = "${var.sfn_lease_result_path}.retry_after_seconds", IsPresent = true },
            { Variable = "${var.sfn_lease_result_path}.retry_after_seconds", IsNumeric = true },
            { Variable = "${var.sfn_lease_result_path}.retry_after_seconds", NumericGreaterThan = 0 },
          ]
          Next = var.sfn_wait_state_name
        },
      ]
      Default = var.sfn_unexpected_answer_state_name
    }

    unexpected = {
      Type      = "Fail"
      Comment   = local.comments.unexpected
      Error     = "UnexpectedLeaseAnswer"
      CausePath = "States.Format('expected a lease or a time to wait, the lease manager answered: {}', States.JsonToString(${var.sfn_lease_result_path}))"
    }

    wait = {
      Type        = "Wait"
      Comment     = local.comments.wait
      SecondsPath = "${var.sfn_lease_result_path}.retry_after_seconds"
      Next        = var.sfn_acquire_lease_state_name
    }

    release = merge(
      {
        Type           = "Task"
        Comment        = local.comments.release
        Resource       = local.call_resource
        Parameters     = local.jsonpath_release
        TimeoutSeconds = local.call_timeout_seconds
        ResultPath     = var.sfn_release_lease_result_path
        Retry          = local.release_retry
        Catch = [
          {
            ErrorEquals = local.release_mistakes
            ResultPath  = var.sfn_error_path
            Next        = var.sfn_release_after_failure_state_name
          },
          {
            ErrorEquals = ["States.ALL"]
            ResultPath  = var.sfn_release_lease_result_path
            Next        = local.after_failed_release
          },
        ]
      },
      local.after_release,
    )

    release_after_failure = {
      Type           = "Task"
      Comment        = local.comments.release_after_failure
      Resource       = local.call_resource
      Parameters     = local.jsonpath_release
      TimeoutSeconds = local.call_timeout_seconds
      ResultPath     = null
      Retry          = local.release_retry
      Catch = [
        {
          ErrorEquals = ["States.ALL"]
          ResultPath  = null
          Next        = var.sfn_raise_error_state_name
        },
      ]
      Next = var.sfn_raise_error_state_name
    }

    raise = {
      Type      = "Fail"
      Comment   = local.comments.raise
      ErrorPath = "${var.sfn_error_path}.Error"
      CausePath = "${var.sfn_error_path}.Cause"
    }

    work_catch = [
      {
        ErrorEquals = ["States.ALL"]
        ResultPath  = var.sfn_error_path
        Next        = var.sfn_release_after_failure_state_name
      },
    ]

    release_all = {
      Type           = "Task"
      Comment        = local.comments.release_all
      Resource       = local.call_resource
      Parameters     = local.jsonpath_release_all
      TimeoutSeconds = local.call_timeout_seconds
      ResultPath     = local.release_all_result_path
      Retry          = local.release_retry
      Catch = [
        {
          ErrorEquals = local.release_mistakes
          ResultPath  = var.sfn_error_path
          Next        = var.sfn_raise_branch_error_state_name
        },
        {
          ErrorEquals = ["States.ALL"]
          ResultPath  = local.release_all_result_path
          Next        = local.after_release_all
        },
      ]
      Next = var.sfn_check_release_all_state_name
    }

    check_release_all = {
      Type    = "Choice"
      Comment = local.comments.check_release_all
      Choices = [
        {
          And = [
            { Variable = "${local.release_all_result_path}.more", IsPresent = true },
            { Variable = "${local.release_all_result_path}.more", IsBoolean = true },
            { Variable = "${local.release_all_result_path}.more", BooleanEquals = true },
          ]
          Next = var.sfn_release_all_state_name
        },
      ]
      Default = local.after_release_all
    }

    branches_catch = [
      {
        ErrorEquals = ["States.ALL"]
        ResultPath  = var.sfn_error_path
        Next        = var.sfn_release_all_state_name
      },
    ]
  }
}
