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
      description = "The lease manager could not do what it was asked: its log says why."
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
      description = "A holder wanted to renew a lease that was no longer its own: it worked longer than its lease lasted."
      namespace   = var.metrics_namespace
      metric_name = "LeaseLost"
      dimensions  = local.own_metrics
      statistic   = "Sum"
      period      = 300
      threshold   = var.lost_leases_alarm_threshold
    }
    throttles = {
      description = "Lambda refused calls of the lease manager: the account's concurrency is used up."
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
  for_each = var.create && var.create_alarms ? local.alarms : {}

  alarm_name          = "${var.name_prefix}-lease-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
