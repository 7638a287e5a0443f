# Which workflows get into trouble? Maps over items of their input, lone ones, and one that calls a function plainly.
#
# An item is `{"id": ..., "seconds": ...}` and says how long its work takes.

locals {
  # Each pool's output by its own name: `module.pool[each.key]` would mean all of the module, its rules too, and those
  # depend on the machines.
  states = {
    small     = module.pool["small"].states
    killed    = module.pool["killed"].states
    changing  = module.pool["changing"].states
    large     = module.pool["large"].states
    impatient = module.pool["impatient"].states
  }
  start_at = module.pool["small"].start_at
  release  = module.pool["small"].sfn_release_lease_state_name

  # The work of each item: to wait.
  waiting = { for name, states in local.states : name => merge(states, {
    Process = {
      Type        = "Wait"
      SecondsPath = "$.item.seconds"
      Next        = local.release
    }
  }) }

  # Work that fails if the item says with what: as a Task would, but with any error and cause.
  failing = merge(local.states["small"], {
    Process = {
      Type = "Parallel"
      Branches = [{
        StartAt = "Work"
        States = {
          Work = { Type = "Wait", SecondsPath = "$.item.seconds", Next = "Fails" }
          Fails = {
            Type    = "Choice"
            Choices = [{ Variable = "$.item.error", IsPresent = true, Next = "Fail" }]
            Default = "Done"
          }
          Fail = { Type = "Fail", ErrorPath = "$.item.error", CausePath = "$.item.cause" }
          Done = { Type = "Pass", End = true }
        }
      }]
      ResultPath = null
      Catch      = module.pool["small"].work_catch
      Next       = local.release
    }
  })
}

resource "aws_sfn_state_machine" "map" {
  # How many items at a time: more than any of the limits, as that they wait in the queue is what is tried. All of them ask at
  # once when a map begins. A call that a busy machine does not answer within the function's timeout costs the task its own
  # timeout on the local AWS: so there are fewer where that stops the test.
  for_each = { killed = 40, changing = 24, large = 40 }

  name     = "trouble-map-${each.key}"
  role_arn = aws_iam_role.workflow.arn
  definition = jsonencode({
    StartAt = "Items"
    States = {
      Items = {
        Type      = "Map"
        ItemsPath = "$.items"
        ItemSelector = {
          "parent.$" = "$$.Execution.Id"
          "item.$"   = "$$.Map.Item.Value"
        }
        MaxConcurrency             = each.value
        ToleratedFailurePercentage = 100
        ItemProcessor = {
          ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "STANDARD" }
          StartAt         = local.start_at
          States          = local.waiting[each.key]
        }
        End = true
      }
    }
  })
}

resource "aws_sfn_state_machine" "failing" {
  name     = "trouble-map-failing"
  role_arn = aws_iam_role.workflow.arn
  definition = jsonencode({
    StartAt = "Items"
    States = {
      Items = {
        Type      = "Map"
        ItemsPath = "$.items"
        ItemSelector = {
          "parent.$" = "$$.Execution.Id"
          "item.$"   = "$$.Map.Item.Value"
        }
        ToleratedFailurePercentage = 100
        ItemProcessor = {
          ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "STANDARD" }
          StartAt         = local.start_at
          States          = local.failing
        }
        End = true
      }
    }
  })
}

resource "aws_sfn_state_machine" "one" {
  for_each = toset(["small", "impatient"])

  name     = "trouble-one-${each.key}"
  role_arn = aws_iam_role.workflow.arn
  definition = jsonencode({
    StartAt = local.start_at
    States  = local.waiting[each.key]
  })
}

resource "aws_sfn_state_machine" "jsonata" {
  name     = "trouble-jsonata"
  role_arn = aws_iam_role.workflow.arn
  definition = jsonencode({
    QueryLanguage = "JSONata"
    StartAt       = module.pool["jsonata"].start_at
    States = merge(module.pool["jsonata"].states, {
      Process = {
        Type    = "Wait"
        Seconds = "{% $states.input.item.seconds %}"
        Next    = module.pool["jsonata"].sfn_release_lease_state_name
      }
    })
  })
}

# Calls a function with an event and ends as the call does: its error is the execution's error.
resource "aws_sfn_state_machine" "call" {
  name     = "trouble-call"
  role_arn = aws_iam_role.workflow.arn
  definition = jsonencode({
    StartAt = "Call"
    States = {
      Call = {
        Type     = "Task"
        Resource = "arn:aws:states:::lambda:invoke"
        Parameters = {
          "FunctionName.$" = "$.function"
          "Payload.$"      = "$.event"
        }
        OutputPath = "$.Payload"
        End        = true
      }
    }
  })
}

# The local AWS does not ask what a workflow's role may do; terraform/pool's own tests say what it must.
resource "aws_iam_role" "workflow" {
  name = "trouble-workflow"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "states.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "function" {
  name = "trouble-function"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}
