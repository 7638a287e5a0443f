# What calls the lease manager without being a workflow? A clock, and executions that have ended.

locals {
  ended = local.watch_executions ? 1 : 0

  ended_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail = {
      status          = concat(["FAILED", "TIMED_OUT", "ABORTED"], var.free_when_succeeded ? ["SUCCEEDED"] : [])
      stateMachineArn = local.state_machine_arns
    }
  })

  # arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME
  strangers = [
    for arn in local.state_machine_arns : arn
    if split(":", arn)[3] != local.table_region || split(":", arn)[4] != local.table_account
  ]
}

# EventBridge's name as a principal is `events.amazonaws.com` in every partition.

# A rule needs a permission on the function and nothing else; a schedule of EventBridge Scheduler needs a role as well.
resource "aws_cloudwatch_event_rule" "sweep" {
  count = local.create

  region = var.region

  name                = "${var.name_prefix}-lease-sweep"
  description         = "Puts the pool ${var.lease_prefix} in order: takes back what expired, tells waiters, writes the summary"
  schedule_expression = var.sweep_every_minutes == 1 ? "rate(1 minute)" : "rate(${var.sweep_every_minutes} minutes)"
  tags                = var.tags

  # What the settings refuse is refused before anything is made.
  depends_on = [aws_dynamodb_table_item.settings]

  lifecycle {
    precondition {
      condition     = var.longest_hold_seconds == 0 || local.watch_executions
      error_message = "longest_hold_seconds needs state_machine_arns: only for their executions may the sweep ask whether they still run. Write the ARNs of the workflows that use this pool, or longest_hold_seconds = 0."
    }
  }
}

resource "aws_cloudwatch_event_target" "sweep" {
  count = local.create

  region = var.region

  rule      = aws_cloudwatch_event_rule.sweep[0].name
  target_id = "lease-manager"
  arn       = aws_lambda_function.lease_manager[0].arn
  input     = jsonencode({ action = "sweep" })

  # For handing the event over: the next sweep comes soon anyway. Lambda itself calls a function again that failed, twice.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_queue_arn == null ? [] : [var.dead_letter_queue_arn]
    content {
      arn = dead_letter_config.value
    }
  }
}

resource "aws_lambda_permission" "sweep" {
  count = local.create

  region = var.region

  statement_id  = "sweep"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lease_manager[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep[0].arn
}

resource "aws_cloudwatch_event_rule" "ended" {
  count = local.ended

  region = var.region

  name        = "${var.name_prefix}-lease-ended"
  description = "Frees the leases and places of ended executions at once in the pool ${var.lease_prefix}"
  tags        = var.tags

  event_pattern = local.ended_pattern

  depends_on = [aws_dynamodb_table_item.settings]

  lifecycle {
    precondition {
      condition     = length(local.state_machine_arns) > 0
      error_message = "watch_executions is true and state_machine_arns is empty: write the ARNs of the workflows that use this pool, or watch_executions = false."
    }
    precondition {
      condition     = length(local.ended_pattern) <= 2048
      error_message = "The pattern of a rule has at most 2048 characters, and that of these ${length(local.state_machine_arns)} state machines has ${length(local.ended_pattern)}: spread the work over several pools, or name those whose executions end badly most often."
    }
    precondition {
      condition     = length(local.strangers) == 0
      error_message = "State machines of another account or region can not use this pool (${join(", ", local.strangers)}): task tokens, and the events of executions that have ended, stay within one account, and so does the question whether an execution runs. Give their account a pool of its own."
    }
  }
}

# Handed over for up to a day, which is EventBridge's own default; a call that fails is repeated twice by Lambda, after
# one and two minutes. So an end that leaves more behind than one call can free, which fails by name for that reason, is
# gone on with. What fails even then goes to dead_letter_queue_arn, if there is one, and needs nobody: the leases expire by
# themselves, and a place in the queue whose task is gone is passed over at its turn.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
resource "aws_cloudwatch_event_target" "ended" {
  count = local.ended

  region = var.region

  rule      = aws_cloudwatch_event_rule.ended[0].name
  target_id = "lease-manager"
  arn       = aws_lambda_function.lease_manager[0].arn

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_queue_arn == null ? [] : [var.dead_letter_queue_arn]
    content {
      arn = dead_letter_config.value
    }
  }
}

resource "aws_lambda_permission" "ended" {
  count = local.ended

  region = var.region

  statement_id  = "ended"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lease_manager[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.ended[0].arn
}
