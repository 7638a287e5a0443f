# Does the work keep to its lease? What can be seen of it, if it was given as `work_state`.

locals {
  # Of the state itself, or else of the machine that these states are for.
  work_speaks = try(var.work_state.QueryLanguage, var.query_language)

  # Without a ResultPath (or Output) a result replaces the state, where the lease's id lies.
  work_keeps_the_lease = anytrue([
    var.work_state == null,
    var.sfn_lease_id_jsonpath != null,
    local.work_speaks == "JSONata" && can(var.work_state.Output),
    local.work_speaks == "JSONPath" && can(var.work_state.ResultPath) && try(var.work_state.ResultPath != "$", true),
  ])

  work_retriers = [for retrier in try(var.work_state.Retry, []) : {
    interval = try(tonumber(retrier.IntervalSeconds), 1)
    rate     = try(tonumber(retrier.BackoffRate), 2)
    attempts = try(tonumber(retrier.MaxAttempts), 3)
    longest  = try(tonumber(retrier.MaxDelaySeconds), 99999999)
  }]

  # All waits of each, none shortened by jitter. After a hundred doublings a wait does not grow any more.
  work_waits = sum(concat([0], [for retrier in local.work_retriers : sum(concat(
    [max(0, retrier.attempts - 100) * min(retrier.interval * pow(retrier.rate, 99), retrier.longest)],
    [for n in range(min(retrier.attempts, 100)) : min(retrier.interval * pow(retrier.rate, n), retrier.longest)],
  ))]))

  # And how long each try may take, where the work says so itself.
  work_attempts = sum(concat([1], local.work_retriers[*].attempts))
  work_tries    = try(tonumber(var.work_state.TimeoutSeconds), 0) * local.work_attempts

  work_seconds = local.work_waits + local.work_tries

  # How long a lease of this workflow lasts, as far as it is known: its own or the pool's, which caps it.
  lease_lasts = try(min([for seconds in [var.lease_seconds, var.max_lease_duration_seconds] : seconds if seconds != null]...), null)

  # Only where the work may go on for longer than the pool's leases last, sweeps extend a lease. (Who does not say how long
  # these last is believed to mean that.) Elsewhere a lease ends when it lasts no longer, whatever other workflows ask for.
  sweeps_extend = try(var.longest_work_seconds > var.max_lease_duration_seconds, var.longest_work_seconds != null)
  held_seconds  = local.sweeps_extend ? var.longest_work_seconds : try(min(local.lease_lasts, coalesce(var.longest_work_seconds, local.lease_lasts)), null)
}

# Not refused, as work may renew its lease by itself.
check "the_work_ends_within_its_lease" {
  assert {
    condition     = local.held_seconds == null ? true : local.work_seconds <= local.held_seconds
    error_message = "${var.sfn_post_acquire_lease_state} may still be tried again ${ceil(local.work_seconds)} s after its lease was granted, and the lease ends after ${coalesce(local.held_seconds, 0)} s: a later try works without one, beside somebody else. Let each try renew the lease first, or acquire anew for each (README, \"Work that is tried again\"); or write fewer or shorter waits, a shorter TimeoutSeconds (with a shorter timeout of the function that it calls, which works on otherwise), or a longer lease."
  }
}
