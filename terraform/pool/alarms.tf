# When is somebody told that the pool is in trouble?

locals {
  own_metrics    = { service = "lease-manager", prefix = var.lease_prefix }
  lambda_metrics = { FunctionName = local.function_name }

  alarms = {
    over-limit = {
      description = "More leases are held than the limit. Also so while leases above a lowered limit end, or if an operator's override allows more than over_limit_alarm_threshold."
      namespace   = var.metrics_namespace
      metric_name = "Held"
      dimensions  = local.own_metrics
      statistic   = "Maximum"
      period      = local.sweep_every_seconds
      threshold   = coalesce(var.over_limit_alarm_threshold, var.max_concurrent_leases)
    }
    oldest-waiter = {
      description = "Somebody has waited too long for a lease: the pool is too small for its work, or its leases are not released."
      namespace   = var.metrics_namespace
      metric_name = "OldestWait"
      dimensions  = local.own_metrics
      statistic   = "Maximum"
      period      = local.sweep_every_seconds
      threshold   = var.oldest_waiter_alarm_seconds * 1000
    }
    errors = {
      description = "The lease manager could not carry out a request: its log says why."
      namespace   = var.metrics_namespace
      metric_name = "Errors"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.errors_alarm_threshold
    }
    failed-calls = {
      description = "Calls of the lease manager failed. Unlike its own count of errors, this knows of crashes and timeouts."
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = local.lambda_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.errors_alarm_threshold
    }
    lost-leases = {
      description = "A lease was not its caller's any more. At a renewal: it worked longer than its lease lasted, or somebody freed the lease by force. At an acquire: the grant ended before its task was told, and nobody worked."
      namespace   = var.metrics_namespace
      metric_name = "LeaseLost"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.lost_leases_alarm_threshold
    }
    work-outlasted-lease = {
      description = "Work went on after its lease had expired, so more may have been at work than the limit: make leases longer than the work, or set longest_hold_seconds."
      namespace   = var.metrics_namespace
      metric_name = "WorkOutlastedLease"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.work_outlasted_lease_alarm_threshold
    }
    extensions-missed = {
      description = "Leases would have been extended, but a sweep could not find out in time whether their executions run (no time left, no permission, or throttled): they may expire under running work."
      namespace   = var.metrics_namespace
      metric_name = "ExtensionsMissed"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.extensions_missed_alarm_threshold
    }
    notice-refused = {
      description = "Waiting workflows may not be told of their leases, and none is until a person mends a permission or a key: see state_machine_kms_key_arns, and the lease manager's log."
      namespace   = var.metrics_namespace
      metric_name = "NoticeRefused"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.notice_refused_alarm_threshold
    }
    held-by-ancestor = {
      description = "Every lease is held by an execution that has started others which wait for one in the same pool. If they wait for each other, nobody gets on before a lease expires: let only one of the two ask. The lease manager's log names them (HeldByAncestor)."
      namespace   = var.metrics_namespace
      metric_name = "WaitsForAncestor"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = local.sweep_every_seconds
      # An execution that only starts others, and waits for none, gives its lease back soon.
      periods   = 3
      threshold = 0
    }
    sweeps-stopped = {
      description = "No sweep has come to its end: expired leases are taken back late, waiters are told late, and long work is not extended. The rule does not call, or the calls fail."
      namespace   = var.metrics_namespace
      metric_name = "Sweeps"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = local.sweep_every_seconds
      # A rule's minutes and a metric's are not the same, so that one of them may have none.
      periods    = 3
      comparison = "LessThanThreshold"
      threshold  = 1
      missing    = "breaching"
    }
    throttles = {
      description = "Lambda refused calls of the lease manager: the account's concurrency, or what is reserved for it, is used up."
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = local.lambda_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.throttles_alarm_threshold
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for key, alarm in local.alarms : key => alarm if var.create && var.create_alarms }

  region = var.region

  alarm_name          = "${var.name_prefix}-lease-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = try(each.value.periods, 1)
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = each.value.threshold
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  lifecycle {
    precondition {
      condition     = each.value.namespace == "AWS/Lambda" || try(contains(var.metrics, each.value.metric_name), true)
      error_message = "The alarm ${each.key} watches ${each.value.metric_name}, which is not one of metrics: add it, leave metrics out, or write create_alarms = false."
    }
  }
}
