# What calls the lease manager without being a workflow? A clock, and executions that have ended.

locals {
  # Known while planning, as the length of a list is even where its elements are not.
  ended = var.create && length(var.state_machine_arns) > 0 ? 1 : 0
}

# A rule needs a permission on the function and nothing else; a schedule of EventBridge Scheduler needs a role as well.
resource "aws_cloudwatch_event_rule" "sweep" {
  count = local.create

  name                = "${var.name_prefix}-lease-sweep"
  description         = "Puts the pool ${var.lease_prefix} in order: takes back what expired, tells waiters, writes the summary"
  schedule_expression = var.sweep_every_minutes == 1 ? "rate(1 minute)" : "rate(${var.sweep_every_minutes} minutes)"
  tags                = var.tags

  lifecycle {
    precondition {
      condition     = var.longest_hold_seconds == 0 || length(var.state_machine_arns) > 0
      error_message = "longest_hold_seconds needs state_machine_arns: only for their executions may the sweep ask whether they still run. Write the ARNs of the workflows that use this pool, or longest_hold_seconds = 0."
    }
  }
}

resource "aws_cloudwatch_event_target" "sweep" {
  count = local.create

  rule      = aws_cloudwatch_event_rule.sweep[0].name
  target_id = "lease-manager"
  arn       = aws_lambda_function.lease_manager[0].arn
  input     = jsonencode({ action = "sweep" })

  # For handing the event over: the next sweep comes soon anyway. Lambda itself calls a function again that failed, twice.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "sweep" {
  count = local.create

  statement_id  = "sweep"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lease_manager[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep[0].arn
}

resource "aws_cloudwatch_event_rule" "ended" {
  count = local.ended

  name        = "${var.name_prefix}-lease-ended"
  description = "Frees at once what an execution that has ended holds or waits for in the pool ${var.lease_prefix}"
  tags        = var.tags

  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail = {
      status          = concat(["FAILED", "TIMED_OUT", "ABORTED"], var.free_when_succeeded ? ["SUCCEEDED"] : [])
      stateMachineArn = local.state_machine_arns
    }
  })
}

# Handed over for up to a day, which is EventBridge's own default; a call that fails is repeated twice by Lambda, after
# one and two minutes. So an end that leaves more behind than one call can free, which fails by name for that reason, is
# gone on with. There is no queue for what fails even then: the leases expire by themselves, and a place in the queue
# whose task is gone is passed over at its turn.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
resource "aws_cloudwatch_event_target" "ended" {
  count = local.ended

  rule      = aws_cloudwatch_event_rule.ended[0].name
  target_id = "lease-manager"
  arn       = aws_lambda_function.lease_manager[0].arn
}

resource "aws_lambda_permission" "ended" {
  count = local.ended

  statement_id  = "ended"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lease_manager[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.ended[0].arn
}
