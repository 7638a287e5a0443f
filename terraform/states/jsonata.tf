# What does each state say in JSONata? The same as in jsonpath.tf; where JSONata can check more, it does.

locals {
  # `{% $states.input.lease %}` and so on.
  jsonata_lease        = "$states.input.${local.lease_field}"
  jsonata_lease_id     = coalesce(var.sfn_lease_id_jsonpath, "${local.jsonata_lease}.lease_id")
  jsonata_released_all = "$states.input.${trimprefix(local.release_all_result_path, "$.")}"
  jsonata_error        = "$states.input.${trimprefix(var.sfn_error_path, "$.")}"

  # What ResultPath does: the state's input with one field put into it, for each field that is written so.
  # `$.a.b` becomes $merge([$states.input, {'a': $merge([$states.input.a, {'b': VALUE}])}]).
  jsonata_put = { for what, path in {
    lease        = var.sfn_lease_result_path
    released     = coalesce(var.sfn_release_lease_result_path, "$.unused")
    error        = var.sfn_error_path
    released_all = local.release_all_result_path
    } : what => {
    opening = join("", [
      for depth, field in split(".", trimprefix(path, "$.")) :
      "$merge([${join(".", concat(["$states.input"], slice(split(".", trimprefix(path, "$.")), 0, depth)))}, {'${field}': "
    ])
    closing = join("", [for field in split(".", trimprefix(path, "$.")) : "}])"])
  } }

  # An answer that is a grant. The first line keeps an array of one apart, which JSONata would look into.
  jsonata_granted = { for what, answer in { result = "$states.result", lease = local.jsonata_lease } : what => join(" and ", [
    "$type(${answer}) = 'object'",
    "${answer}.status = 'acquired'",
    "$type(${answer}.lease_id) = 'string'",
    "${answer}.lease_id != ''",
  ]) }

  jsonata_wait = join(" and ", [
    "$type(${local.jsonata_lease}) = 'object'",
    "${local.jsonata_lease}.status = 'wait'",
    "($type(${local.jsonata_lease}.retry_after_seconds) = 'number' ? ${local.jsonata_lease}.retry_after_seconds > 0 : false)",
  ])

  jsonata_acquire = { for field, value in {
    "action"    = "acquire"
    "mode"      = var.mode
    "execution" = "{% $states.context.Execution.Id %}"
    "key"       = var.key_path == null ? null : "{% ${var.key_path} %}"
    "parent"    = var.parent_path == null ? null : "{% ${var.parent_path} %}"
    # JSONata can ask whether the context has a count of redrives: there is none in an Express workflow.
    "attempt" = {
      "entered" = "{% $states.context.State.EnteredTime %}"
      "redrive" = "{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}"
      "retry"   = "{% $states.context.State.RetryCount %}"
    }
    "task_token"    = local.queue ? "{% $states.context.Task.Token %}" : null
    "lease_seconds" = var.lease_seconds
    "wait_seconds"  = var.wait_seconds
    "label"         = var.label_path == null ? null : "{% ${var.label_path} %}"
  } : field => value if value != null }

  # A lease can be given back without its time; an expression that finds nothing would fail the release.
  jsonata_release = merge(
    {
      "action"   = "release"
      "lease_id" = "{% ${local.jsonata_lease_id} %}"
    },
    { for time in local.release_times :
      time => "{% $exists(${local.jsonata_lease}.${time}) ? ${local.jsonata_lease}.${time} : null %}"
    },
  )

  jsonata_release_all = { for field, value in {
    "action"     = "release"
    "all"        = true
    "execution"  = "{% $states.context.Execution.Id %}"
    "parent"     = var.release_all_parent_path == null ? null : "{% ${var.release_all_parent_path} %}"
    "key_prefix" = var.release_all_key_prefix_path == null ? null : "{% ${var.release_all_key_prefix_path} %}"
    "attempt" = {
      "entered" = local.jsonata_acquire.attempt.entered
      "redrive" = local.jsonata_acquire.attempt.redrive
    }
  } : field => value if value != null }

  # A release whose answer is not wanted lets the input flow on.
  jsonata_released = { for what, value in { Output = "$states.result", Catch = "$states.errorOutput" } : what => (
    var.sfn_release_lease_result_path == null
    ? "{% $states.input %}"
    : "{% ${local.jsonata_put.released.opening}${value}${local.jsonata_put.released.closing} %}"
  ) }

  jsonata_states = {
    acquire = {
      queue = {
        Type          = "Task"
        QueryLanguage = "JSONata"
        Comment       = local.comments.acquire
        Resource      = local.queue_resource
        Arguments = {
          FunctionName = var.lease_manager_function_arn
          Payload      = local.jsonata_acquire
        }
        TimeoutSeconds = var.acquire_timeout_seconds
        Output = join("", [
          "{% ${local.jsonata_granted.result}",
          " ? ${local.jsonata_put.lease.opening}$states.result${local.jsonata_put.lease.closing}",
          " : $error('expected a lease, the lease manager answered: ' & $string($states.result)) %}",
        ])
        Retry = local.acquire_retry
        Next  = var.sfn_post_acquire_lease_state
      }
      poll = {
        Type           = "Task"
        QueryLanguage  = "JSONata"
        Comment        = local.comments.acquire
        Resource       = local.call_resource
        Arguments      = local.jsonata_acquire
        TimeoutSeconds = local.call_timeout_seconds
        Output         = "{% ${local.jsonata_put.lease.opening}$states.result${local.jsonata_put.lease.closing} %}"
        Retry          = local.acquire_retry
        Next           = var.sfn_check_lease_state_name
      }
    }

    check = {
      Type          = "Choice"
      QueryLanguage = "JSONata"
      Comment       = local.comments.check
      Choices = [
        {
          Condition = "{% ${local.jsonata_granted.lease} %}"
          Next      = var.sfn_post_acquire_lease_state
        },
        {
          Condition = "{% ${local.jsonata_wait} %}"
          Next      = var.sfn_wait_state_name
        },
      ]
      Default = var.sfn_unexpected_answer_state_name
    }

    unexpected = {
      Type          = "Fail"
      QueryLanguage = "JSONata"
      Comment       = local.comments.unexpected
      Error         = "UnexpectedLeaseAnswer"
      Cause         = "{% 'expected a lease or a time to wait, the lease manager answered: ' & $string(${local.jsonata_lease}) %}"
    }

    wait = {
      Type          = "Wait"
      QueryLanguage = "JSONata"
      Comment       = local.comments.wait
      Seconds       = "{% ${local.jsonata_lease}.retry_after_seconds %}"
      Next          = var.sfn_acquire_lease_state_name
    }

    release = merge(
      {
        Type           = "Task"
        QueryLanguage  = "JSONata"
        Comment        = local.comments.release
        Resource       = local.call_resource
        Arguments      = local.jsonata_release
        TimeoutSeconds = local.call_timeout_seconds
        Output         = local.jsonata_released.Output
        Retry          = local.release_retry
        Catch = [
          {
            ErrorEquals = local.release_mistakes
            Output      = "{% ${local.jsonata_put.error.opening}$states.errorOutput${local.jsonata_put.error.closing} %}"
            Next        = var.sfn_release_after_failure_state_name
          },
          {
            ErrorEquals = ["States.ALL"]
            Output      = local.jsonata_released.Catch
            Next        = local.after_failed_release
          },
        ]
      },
      local.after_release,
    )

    release_after_failure = {
      Type           = "Task"
      QueryLanguage  = "JSONata"
      Comment        = local.comments.release_after_failure
      Resource       = local.call_resource
      Arguments      = local.jsonata_release
      TimeoutSeconds = local.call_timeout_seconds
      Output         = "{% $states.input %}"
      Retry          = local.release_retry
      Catch = [
        {
          ErrorEquals = ["States.ALL"]
          Output      = "{% $states.input %}"
          Next        = var.sfn_raise_error_state_name
        },
      ]
      Next = var.sfn_raise_error_state_name
    }

    raise = {
      Type          = "Fail"
      QueryLanguage = "JSONata"
      Comment       = local.comments.raise
      Error         = "{% ${local.jsonata_error}.Error %}"
      # A task can be failed without a cause.
      Cause = "{% $type(${local.jsonata_error}.Cause) = 'string' ? ${local.jsonata_error}.Cause : '' %}"
    }

    work_catch = [
      {
        ErrorEquals = ["States.ALL"]
        Output      = "{% ${local.jsonata_put.error.opening}$states.errorOutput${local.jsonata_put.error.closing} %}"
        Next        = var.sfn_release_after_failure_state_name
      },
    ]

    release_all = {
      Type           = "Task"
      QueryLanguage  = "JSONata"
      Comment        = local.comments.release_all
      Resource       = local.call_resource
      Arguments      = local.jsonata_release_all
      TimeoutSeconds = local.call_timeout_seconds
      Output         = "{% ${local.jsonata_put.released_all.opening}$states.result${local.jsonata_put.released_all.closing} %}"
      Retry          = local.release_retry
      Catch = [
        {
          ErrorEquals = local.release_mistakes
          Output      = "{% ${local.jsonata_put.error.opening}$states.errorOutput${local.jsonata_put.error.closing} %}"
          Next        = var.sfn_raise_branch_error_state_name
        },
        {
          ErrorEquals = ["States.ALL"]
          Output      = "{% ${local.jsonata_put.released_all.opening}$states.errorOutput${local.jsonata_put.released_all.closing} %}"
          Next        = local.after_release_all
        },
      ]
      Next = var.sfn_check_release_all_state_name
    }

    check_release_all = {
      Type          = "Choice"
      QueryLanguage = "JSONata"
      Comment       = local.comments.check_release_all
      Choices = [
        {
          Condition = "{% ($type(${local.jsonata_released_all}) = 'object' ? ${local.jsonata_released_all}.more = true : false) %}"
          Next      = var.sfn_release_all_state_name
        },
      ]
      Default = local.after_release_all
    }

    branches_catch = [
      {
        ErrorEquals = ["States.ALL"]
        Output      = "{% ${local.jsonata_put.error.opening}$states.errorOutput${local.jsonata_put.error.closing} %}"
        Next        = var.sfn_release_all_state_name
      },
    ]
  }
}
