# Which errors are asked again, how often, and which are raised at once?

locals {
  # Too many calls at once, which is no fault of the call: Lambda's concurrency is used up (for the whole account, the
  # function, or its scaling just now), EC2 is busy where the function has a VPC, or the pool's partition of the table is.
  # These are the names of Lambda's Invoke API (2024); Step Functions puts `Lambda.` before them, whether the function is
  # called by its ARN or by lambda:invoke. A call that was refused so has not run.
  throttled_errors = ["Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException", "Throttled"]

  # Lambda's own, as AWS documents them for Step Functions: the call may or may not have run, which is safe to repeat
  # here, as the same holder and attempt get the same lease.
  lambda_transient_errors = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    # The function is being made, updated, or woken after weeks without a call.
    "Lambda.ResourceConflictException",
    "Lambda.ResourceNotReadyException",
    # A function that ended without an answer: killed, out of memory or out of time.
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
  ]

  # The lease manager's, of which it says itself: try again. InvalidRequest, PoolNotFound and PoolMisconfigured would be
  # the same the next time; HolderBusy means that somebody newer has this name; WaitedTooLong, that it was long enough.
  contract_transient_errors = ["TableUnavailable", "TasksUnavailable", "Internal"]

  # Each retrier counts for itself, as Step Functions does: who was throttled fifty times may still meet eight broken
  # connections.

  # A crowd comes in as fast as it is served, however long that takes; nobody is lost for having been one of many. With
  # full jitter a wait is anything from nothing to the delay, half of it on average: 1, 2, 4, ... 60 seconds, 160 times,
  # is an hour and a quarter on average, and less than an hour for one in a million. More attempts, sooner,
  # would fill the history of an inline Map: each is three of the 25,000 events that an execution may have.
  throttled_retrier = {
    ErrorEquals     = local.throttled_errors
    IntervalSeconds = 1
    BackoffRate     = 2
    MaxDelaySeconds = 60
    JitterStrategy  = "FULL"
    MaxAttempts     = 160
  }

  # 1, 2, 4, ... 30 seconds, each time a random part of it: two minutes at most. What lasts longer is to be seen.
  acquire_retry = [
    local.throttled_retrier,
    {
      ErrorEquals     = concat(local.lambda_transient_errors, local.contract_transient_errors)
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

  # Whatever it is, and more often: until it gets through, the slot stays taken, at worst until the lease expires.
  release_retry = [
    {
      ErrorEquals = local.release_mistakes
      MaxAttempts = 0
    },
    local.throttled_retrier,
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

  # A call is lost if there is no answer when the function has ended, and half a minute for the way there and back. So
  # a state never gives up a call that is still at work. Nobody said when the function ends: then no later than Lambda
  # lets any function run.
  call_timeout_seconds = coalesce(var.lease_manager_timeout_seconds, 900) + 30
}
