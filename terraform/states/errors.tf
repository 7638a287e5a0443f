# Which errors are asked again, how often, and which are raised at once?

locals {
  # Lambda's own, as AWS documents them for Step Functions: the call may or may not have run, which is safe to repeat
  # here, as the same holder and attempt get the same lease.
  lambda_transient_errors = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    # A function that ended without an answer: killed, out of memory or out of time.
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
  ]

  # The lease manager's, of which it says itself: try again. InvalidRequest, PoolNotFound and PoolMisconfigured would be
  # the same the next time; HolderBusy means that somebody newer has this name; WaitedTooLong, that it was long enough.
  contract_transient_errors = ["Throttled", "TableUnavailable", "TasksUnavailable", "Internal"]

  transient_errors = concat(local.lambda_transient_errors, local.contract_transient_errors)

  # 1, 2, 4, ... 30 seconds, each time a random part of it, so that a crowd that was throttled does not come back as one.
  acquire_retry = [
    {
      ErrorEquals     = local.transient_errors
      IntervalSeconds = 1
      BackoffRate     = 2
      MaxDelaySeconds = 30
      JitterStrategy  = "FULL"
      MaxAttempts     = 8
    },
    {
      # In queue mode: it was told nothing, or its lease expired before it could be told. It has waited for long already.
      ErrorEquals     = ["States.Timeout", "LeaseLost"]
      IntervalSeconds = 1
      BackoffRate     = 2
      MaxDelaySeconds = 30
      JitterStrategy  = "FULL"
      MaxAttempts     = 2
    },
  ]

  # More often, and whatever it is: until it gets through, the slot stays taken, at worst until the lease expires.
  release_retry = [
    {
      ErrorEquals = local.release_mistakes
      MaxAttempts = 0
    },
    {
      ErrorEquals     = ["States.ALL"]
      IntervalSeconds = 1
      BackoffRate     = 2
      MaxDelaySeconds = 30
      JitterStrategy  = "FULL"
      MaxAttempts     = 12
    },
  ]

  # The release does not name a lease. It never will: say so, rather than leave every slot to expire. It goes by way of
  # ReleaseLeaseAfterFailure, which can be reached so even where the work (a Wait, a Pass) has no Catch that leads to
  # it: AWS refuses a machine with a state that can not be reached.
  release_mistakes = {
    JSONPath = ["InvalidRequest", "States.ParameterPathFailure"]
    JSONata  = ["InvalidRequest", "States.QueryEvaluationError"]
  }[var.query_language]

  # The lease manager answers within seconds; a call that takes longer is lost.
  call_timeout_seconds = 60
}
