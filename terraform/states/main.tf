# Which states are there, and how are they joined? What each of them says is in jsonpath.tf and jsonata.tf.
#
#   queue   AcquireLease ----------------------------> work -> ReleaseLease
#   poll    AcquireLease -> CheckLeaseStatus --------> work -> ReleaseLease
#               ^                |       \
#               `- WaitForLease <´        `-> UnexpectedLeaseAnswer
#
#   the work fails               -> ReleaseLeaseAfterFailure -> RaiseOriginalError
#   ReleaseLease fails for good  -> the next state, or LeaseLeftToExpire
#
# Around a Map or Parallel whose branches hold leases, where its Catch leads (their own output, not part of `states`):
#
#   ReleaseAll -> CheckReleaseAll -> what comes after it, or RaiseBranchError
#       ^                |
#       `--- more <------´

locals {
  queue   = var.mode == "queue"
  jsonata = var.query_language == "JSONata"

  partition = split(":", var.lease_manager_function_arn)[1]

  # Only a call by this resource takes a task token along. Every other call names the function itself as its resource:
  # its result is then the answer alone, which can lie at the result path without another state.
  queue_resource = "arn:${local.partition}:states:::lambda:invoke.waitForTaskToken"
  call_resource  = var.lease_manager_function_arn

  lease_field = trimprefix(var.sfn_lease_result_path, "$.")

  # The fields of a grant. No other answer of the lease manager has them all.
  grant_fields = [
    "status", "lease_id", "fence", "slot", "prefix", "acquired_at_ms", "expires_at_ms", "lease_expires_at",
  ]

  # What a release says of its lease's time, for the pool's metrics. Only the id's new place is known of a lease that the
  # work moved.
  release_times = var.sfn_lease_id_jsonpath == null ? ["acquired_at_ms", "expires_at_ms"] : []

  # What ReleaseLease is followed by. A job whose work is done is never failed because its release was: the lease
  # expires by itself.
  after_release = { for field, value in {
    End  = var.end_state_after_release_lease ? true : null
    Next = var.end_state_after_release_lease ? null : var.sfn_post_release_lease_state
  } : field => value if value != null }
  after_failed_release = var.end_state_after_release_lease ? var.sfn_left_to_expire_state_name : var.sfn_post_release_lease_state

  # The states of a Catch stand outside the Map or Parallel: the answer is kept, as it says whether there is more.
  release_all_result_path = "$.released_all"
  after_release_all       = coalesce(var.sfn_post_release_all_state, var.sfn_raise_branch_error_state_name)

  comments = {
    acquire = {
      queue = "Waits in the lease manager's queue until a slot is granted"
      poll  = "Asks the lease manager for a slot"
    }[var.mode]
    check                 = "Only a granted lease leads to the work"
    wait                  = "As long as the lease manager suggests"
    unexpected            = "Neither a lease nor a time to wait"
    release               = "Gives the lease back"
    left_to_expire        = "The work is done; its lease could not be given back and expires by itself"
    release_after_failure = "Gives the lease back although the work failed"
    raise                 = "Raises the work's own error again"
    release_all           = "Gives back what the branches had that were cancelled"
    check_release_all     = "Thousands may not fit one call"
    raise_branch_error    = "Raises the failed branch's own error again"
  }

  # What each query language makes of them.
  said = { JSONPath = local.jsonpath, JSONata = local.jsonata_states }[var.query_language]

  acquire_lease_state = {
    (var.sfn_acquire_lease_state_name) = local.said.acquire[var.mode]
  }

  check_lease_status_state = { for name, state in {
    (var.sfn_check_lease_state_name)       = local.said.check
    (var.sfn_unexpected_answer_state_name) = local.said.unexpected
  } : name => state if !local.queue }

  wait_for_lease_state = { for name, state in {
    (var.sfn_wait_state_name) = local.said.wait
  } : name => state if !local.queue }

  release_lease_state = merge(
    {
      (var.sfn_release_lease_state_name)         = local.said.release
      (var.sfn_release_after_failure_state_name) = local.said.release_after_failure
      (var.sfn_raise_error_state_name)           = local.said.raise
    },
    { for name, state in {
      (var.sfn_left_to_expire_state_name) = { Type = "Succeed", Comment = local.comments.left_to_expire }
    } : name => state if var.end_state_after_release_lease },
  )

  # The work, if it was given: it comes back with where it leads, done or failed.
  work_state = { for name, state in {
    (var.sfn_post_acquire_lease_state) = merge(var.work_state, {
      Catch = local.said.work_catch
      Next  = var.sfn_release_lease_state_name
    })
  } : name => state if var.work_state != null }

  states = merge(
    local.acquire_lease_state,
    local.check_lease_status_state,
    local.wait_for_lease_state,
    local.release_lease_state,
    local.work_state,
  )

  release_all_states = {
    (var.sfn_release_all_state_name)        = local.said.release_all
    (var.sfn_check_release_all_state_name)  = local.said.check_release_all
    (var.sfn_raise_branch_error_state_name) = merge(local.said.raise, { Comment = local.comments.raise_branch_error })
  }
}
