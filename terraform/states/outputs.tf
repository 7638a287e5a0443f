# What does a workflow author put into a state machine? What several variables can get wrong together is refused here.

locals {
  paths = { for name, path in {
    key_path              = var.key_path
    parent_path           = var.parent_path
    label_path            = var.label_path
    sfn_lease_id_jsonpath = var.sfn_lease_id_jsonpath

    release_all_key_prefix_path = var.release_all_key_prefix_path
    release_all_parent_path     = var.release_all_parent_path
  } : name => path if path != null }

  not_jsonpath = [for name, path in local.paths : name if !can(regex("^(\\$\\.[^$]|\\$\\$\\.[^$]|\\$\\[|States\\.)", path))]
  not_jsonata  = [for name, path in local.paths : name if can(regex("^(\\$\\.|\\$\\$\\.|\\$\\[|States\\.)", path))]

  # Not the keys of `states`: a name given twice is there once.
  own_names = compact([
    var.sfn_acquire_lease_state_name,
    local.queue ? "" : var.sfn_check_lease_state_name,
    local.queue ? "" : var.sfn_wait_state_name,
    local.queue ? "" : var.sfn_unexpected_answer_state_name,
    var.sfn_release_lease_state_name,
    var.sfn_release_after_failure_state_name,
    var.sfn_raise_error_state_name,
    var.end_state_after_release_lease ? var.sfn_left_to_expire_state_name : "",
  ])

  release_all_names = compact([
    var.sfn_release_all_state_name,
    var.sfn_check_release_all_state_name,
    var.sfn_raise_branch_error_state_name,
    var.sfn_post_release_all_state,
  ])
}

output "states" {
  description = "All states in one object, for `merge(module.<this>.states, { Process = ... })`; with `work_state`, the work too."
  value       = local.states

  precondition {
    condition     = var.key_path != null || var.single_holder
    error_message = "key_path is missing: write the path of the name of the item or branch, such as key_path = \"$.resource_id\" (JSONata: \"$states.input.resource_id\"). Iterations of an inline Map and branches of a Parallel share their execution's id, and without a key they would be one holder. If each execution asks for one lease at a time, write single_holder = true."
  }

  precondition {
    condition     = var.key_path == null || !var.single_holder
    error_message = "key_path and single_holder exclude each other: leave out single_holder = true, as the key tells the holders of one execution apart, or leave out key_path."
  }

  precondition {
    condition     = var.wait_seconds == null || local.queue
    error_message = "wait_seconds is for mode = \"queue\": leave it out. Who polls gives up by itself, by a Choice that counts or by the execution's own timeout."
  }

  precondition {
    condition     = !local.queue || var.acquire_timeout_seconds > coalesce(var.wait_seconds, 0)
    error_message = "acquire_timeout_seconds must be longer than wait_seconds: AcquireLease would fail with States.Timeout and ask again before it could be told WaitedTooLong. Write wait_seconds, two sweeps and a minute more, or leave acquire_timeout_seconds out."
  }

  precondition {
    condition     = !local.queue || var.acquire_timeout_seconds > coalesce(var.lease_manager_timeout_seconds, 0)
    error_message = "acquire_timeout_seconds must be longer than lease_manager_timeout_seconds: AcquireLease would ask again while the lease manager is still at work on its first call."
  }

  precondition {
    condition     = var.end_state_after_release_lease != (var.sfn_post_release_lease_state != null)
    error_message = "Give the state after ReleaseLease once: write sfn_post_release_lease_state = \"<the next state>\" together with end_state_after_release_lease = false, or neither of the two if ReleaseLease is the end."
  }

  precondition {
    condition     = local.jsonata || length(local.not_jsonpath) == 0
    error_message = "${join(", ", local.not_jsonpath)}: with query_language = \"JSONPath\" write a path that starts with $., $[ or $$., or an intrinsic function such as States.Format('{}', $.id)."
  }

  precondition {
    condition     = !local.jsonata || length(local.not_jsonata) == 0
    error_message = "${join(", ", local.not_jsonata)}: with query_language = \"JSONata\" write an expression without its {% %}, such as $states.input.resource_id or $states.context.Execution.Name, not a JSONPath."
  }

  precondition {
    condition = (
      length(distinct(local.own_names)) == length(local.own_names)
      && !contains(local.own_names, var.sfn_post_acquire_lease_state)
      && !contains(local.own_names, coalesce(var.sfn_post_release_lease_state, " "))
    )
    error_message = "Two states have the same name: write a different name for each of ${join(", ", local.own_names)}, for the work (sfn_post_acquire_lease_state) and for the state after the release (sfn_post_release_lease_state)."
  }

  precondition {
    condition     = !startswith("${var.sfn_lease_result_path}.", "${var.sfn_error_path}.")
    error_message = "sfn_error_path would overwrite the lease, which the release still needs: write a field beside sfn_lease_result_path, such as $.lease_error."
  }

  precondition {
    condition     = var.work_state == null || contains(["Task", "Parallel", "Map"], try(var.work_state.Type, ""))
    error_message = "work_state must be a state whose Type is Task, Parallel or Map: only these can have the Catch that gives the lease back. Wrap several states, or a Wait, in a Parallel with one branch."
  }

  precondition {
    condition     = length([for field in ["Next", "End", "Catch"] : field if can(var.work_state[field])]) == 0
    error_message = "work_state: leave out Next, End and Catch. The module puts in Next and Catch. To catch an error of a part of the work, put that Catch inside of the work."
  }

  precondition {
    condition     = local.work_keeps_the_lease
    error_message = "work_state would replace the state, and the lease's id with it, so that nothing could be released: write ResultPath = \"$.result\" (or null), with JSONata Output = \"{% $merge([$states.input, {'result': $states.result}]) %}\"; or say where the work puts the lease's id, as sfn_lease_id_jsonpath."
  }
}

output "start_at" {
  description = "Name of the first state, for `StartAt`."
  value       = var.sfn_acquire_lease_state_name
}

output "work_catch" {
  description = "The `Catch` of the work state (a Task, Parallel or Map): releases the lease, then raises the same error again."
  value       = local.said.work_catch
}

output "release_all_states" {
  description = "The states that give back the leases of cancelled branches; `branches_catch` leads to them: `merge({ Reports = { Type = \"Map\", Catch = module.<this>.branches_catch, ... } }, module.<this>.release_all_states)`. Not part of `states`, as they stand outside the Map or Parallel."
  value       = local.release_all_states

  precondition {
    condition = (
      length(distinct(local.release_all_names)) == length(local.release_all_names)
      && length(setintersection(local.own_names, local.release_all_names)) == 0
    )
    error_message = "Two states have the same name, and names are unique in a whole state machine: write a different name for each of ${join(", ", local.release_all_names)} (release all) and ${join(", ", local.own_names)}."
  }
}

output "branches_catch" {
  description = "The `Catch` of a Map or Parallel whose branches hold leases: it frees the leases of cancelled branches, then raises the same error again or goes on."
  value       = local.said.branches_catch
}

output "sfn_release_all_state_name" {
  description = "Name of the state that gives back the leases of cancelled branches: `branches_catch` leads to it."
  value       = var.sfn_release_all_state_name
}

output "acquire_lease_state" {
  description = "JSON of an object with the state that asks for a lease, for `merge(jsondecode(...), ...)`."
  value       = jsonencode(local.acquire_lease_state)
}

output "check_lease_status_state" {
  description = "JSON of an object with the Choice that lets only a granted lease through, and the Fail state for unexpected answers; `{}` in queue mode."
  value       = jsonencode(local.check_lease_status_state)
}

output "wait_for_lease_state" {
  description = "JSON of an object with the Wait between two questions; `{}` in queue mode."
  value       = jsonencode(local.wait_for_lease_state)
}

output "release_lease_state" {
  description = "JSON of an object with the states that give the lease back: after the work, after it failed, and the ends of both."
  value       = jsonencode(local.release_lease_state)
}

output "sfn_acquire_lease_state_name" {
  description = "Name of the state that asks for a lease."
  value       = var.sfn_acquire_lease_state_name
}

output "sfn_check_lease_state_name" {
  description = "Name of the Choice that lets only a granted lease through (poll mode)."
  value       = var.sfn_check_lease_state_name
}

output "sfn_wait_state_name" {
  description = "Name of the Wait between two questions (poll mode)."
  value       = var.sfn_wait_state_name
}

output "sfn_release_lease_state_name" {
  description = "Name of the state that gives the lease back: `Next` of the work."
  value       = var.sfn_release_lease_state_name
}

output "sfn_release_after_failure_state_name" {
  description = "Name of the state that gives the lease back after the work failed: where `work_catch` leads."
  value       = var.sfn_release_after_failure_state_name
}
