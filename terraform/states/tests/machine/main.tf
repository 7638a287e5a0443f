# Which whole state machines do the tests read? One for each mode and query language: the module's states around a
# work state, as in an item of a Distributed Map. And one for each query language whose branches hold leases: an inline
# Map with the Catch that gives all of them back.

terraform {
  required_version = "~> 1.6"
}

locals {
  machines = {
    queue-jsonpath = { mode = "queue", query_language = "JSONPath" }
    poll-jsonpath  = { mode = "poll", query_language = "JSONPath" }
    queue-jsonata  = { mode = "queue", query_language = "JSONata" }
    poll-jsonata   = { mode = "poll", query_language = "JSONata" }
  }

  paths = {
    JSONPath = { key = "$.item.id", parent = "$.parent", label = "$$.Execution.Name" }
    JSONata = {
      key    = "$states.input.item.id"
      parent = "$states.input.parent"
      label  = "$states.context.Execution.Name"
    }
  }

  work = {
    JSONPath = {
      Type       = "Task"
      Resource   = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-work"
      Parameters = { "item.$" = "$.item" }
      ResultPath = "$.result"
    }
    JSONata = {
      Type          = "Task"
      QueryLanguage = "JSONata"
      Resource      = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-work"
      Arguments     = { item = "{% $states.input.item %}" }
      Output        = "{% $merge([$states.input, {'result': $states.result}]) %}"
    }
  }
}

module "states" {
  source   = "../.."
  for_each = local.machines

  lease_manager_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager"
  mode                       = each.value.mode
  query_language             = each.value.query_language
  key_path                   = local.paths[each.value.query_language].key
  parent_path                = local.paths[each.value.query_language].parent
  label_path                 = local.paths[each.value.query_language].label
  lease_seconds              = 600
}

# What a Map of each language says of its items.
locals {
  branches = {
    JSONPath = {
      ItemsPath    = "$.items"
      ItemSelector = { "item.$" = "$$.Map.Item.Value" }
      ResultPath   = "$.results"
    }
    JSONata = {
      QueryLanguage = "JSONata"
      Items         = "{% $states.input.items %}"
      ItemSelector  = { item = "{% $states.context.Map.Item.Value %}" }
      Output        = "{% $merge([$states.input, {'results': $states.result}]) %}"
    }
  }

  prefixes = { JSONPath = "$.prefix", JSONata = "$states.input.prefix" }
}

module "branches" {
  source   = "../.."
  for_each = local.branches

  lease_manager_function_arn  = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager"
  query_language              = each.key
  key_path                    = local.paths[each.key].key
  label_path                  = local.paths[each.key].label
  lease_seconds               = 600
  release_all_key_prefix_path = local.prefixes[each.key]
  work_state                  = local.work[each.key]
}

output "definitions" {
  description = "The JSON of each machine."
  value = merge(
    { for name, machine in local.machines : name => jsonencode({
      StartAt = module.states[name].start_at
      States = merge(module.states[name].states, {
        Process = merge(local.work[machine.query_language], {
          Catch = module.states[name].work_catch
          Next  = module.states[name].sfn_release_lease_state_name
        })
      })
    }) },
    { for language, map in local.branches : "branches-${lower(language)}" => jsonencode({
      StartAt = "Items"
      States = merge(module.branches[language].release_all_states, {
        Items = merge(map, {
          Type = "Map"
          ItemProcessor = {
            ProcessorConfig = { Mode = "INLINE" }
            StartAt         = module.branches[language].start_at
            States          = module.branches[language].states
          }
          Catch = module.branches[language].branches_catch
          End   = true
        })
      })
    }) },
  )
}
