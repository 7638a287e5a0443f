# What does the author of a workflow need next?

# --- The states: those of ../states, under the same names. Empty with create = false. -----------------------------

output "states" {
  description = "All the states as one object, to be merged with the workflow's own: `merge(module.pool.states, { Process = ... })`."
  value       = try(module.states[0].states, {})
}

output "start_at" {
  description = "Name of the first state: the workflow goes there to get a lease."
  value       = one(module.states[*].start_at)
}

output "work_catch" {
  description = "The `Catch` of the work state: it releases the lease, then raises the error again."
  value       = try(module.states[0].work_catch, [])
}

output "release_all_states" {
  description = "The states that free the leases of a Map's or Parallel's cancelled branches, to be merged beside it."
  value       = try(module.states[0].release_all_states, {})
}

output "branches_catch" {
  description = "The `Catch` of a Map or Parallel whose branches hold leases: it leads to `release_all_states`."
  value       = try(module.states[0].branches_catch, [])
}

output "sfn_release_all_state_name" {
  description = "Name of the state that frees the leases of cancelled branches: `branches_catch` leads to it."
  value       = one(module.states[*].sfn_release_all_state_name)
}

output "acquire_lease_state" {
  description = "AcquireLease, as JSON of `{name: state}`."
  value       = try(module.states[0].acquire_lease_state, "{}")
}

output "check_lease_status_state" {
  description = "CheckLeaseStatus and where it leads when the answer is unexpected, as JSON of `{name: state}`; `{}` in queue mode."
  value       = try(module.states[0].check_lease_status_state, "{}")
}

output "wait_for_lease_state" {
  description = "WaitForLease, as JSON of `{name: state}`; `{}` in queue mode."
  value       = try(module.states[0].wait_for_lease_state, "{}")
}

output "release_lease_state" {
  description = "ReleaseLease and the states that release after a failure and raise the error again, as JSON of `{name: state}`."
  value       = try(module.states[0].release_lease_state, "{}")
}

output "sfn_acquire_lease_state_name" {
  description = "Name of the state that acquires."
  value       = one(module.states[*].sfn_acquire_lease_state_name)
}

output "sfn_check_lease_state_name" {
  description = "Name of the state that looks at the answer (poll mode)."
  value       = one(module.states[*].sfn_check_lease_state_name)
}

output "sfn_wait_state_name" {
  description = "Name of the state that waits before asking again (poll mode)."
  value       = one(module.states[*].sfn_wait_state_name)
}

output "sfn_release_lease_state_name" {
  description = "Name of the state that releases: the work's `Next`."
  value       = one(module.states[*].sfn_release_lease_state_name)
}

output "sfn_release_after_failure_state_name" {
  description = "Name of the state that releases when the work has failed: the work's `Catch` leads to it."
  value       = one(module.states[*].sfn_release_after_failure_state_name)
}

# --- The lease manager -------------------------------------------------------------------------------------------

output "lambda_permissions" {
  description = "IAM policy (JSON) that the workflow's role needs to call the lease manager."
  value = var.create ? jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "CallLeaseManager"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = [aws_lambda_function.lease_manager[0].arn, "${aws_lambda_function.lease_manager[0].arn}:*"]
    }]
  }) : null
}

output "lease_manager_function_arn" {
  description = "ARN of the lease manager, for terraform/states where another workflow shares this pool."
  value       = one(aws_lambda_function.lease_manager[*].arn)
}

output "lease_manager_function_name" {
  description = "Name of the lease manager, for `aws lambda invoke`."
  value       = one(aws_lambda_function.lease_manager[*].function_name)
}

output "lease_manager_timeout_seconds" {
  description = "How long a call of the lease manager may take, in seconds, for terraform/states where another workflow shares this pool."
  value       = var.timeout_seconds
}

output "longest_work_seconds" {
  description = "How long work may go on under one lease without renewing it, in seconds, for terraform/states where another workflow shares this pool. Without `longest_hold_seconds` it is less for a workflow with shorter leases (`lease_seconds`)."
  value       = max(var.longest_hold_seconds, var.max_lease_duration_seconds)
}

output "max_lease_duration_seconds" {
  description = "How long this pool's leases last unless a workflow asks for less, in seconds, for terraform/states where another workflow shares this pool."
  value       = var.max_lease_duration_seconds
}

output "lease_prefix" {
  description = "The pool's name."
  value       = var.lease_prefix
}

# --- For people and programs -------------------------------------------------------------------------------------

output "watch_policy_json" {
  description = "IAM policy (JSON) for people who watch this pool and change nothing: `leasehold leases`, `pool show`, `pool history`, `doctor PREFIX`, and the list of all pools. `watch`, `record` and `pools --check` read the rows of all pools: terraform/table has the policy for them."
  value       = local.access_policies.watch
}

output "operate_policy_json" {
  description = "IAM policy (JSON) for people who operate this pool: it also lets them set, override and retire it, free leases, sweep and repair."
  value       = local.access_policies.operate
}

output "run_policy_json" {
  description = "IAM policy (JSON) for programs that hold leases of this pool without a workflow: `leasehold run`, and services with the client library."
  value       = local.access_policies.run
}

# --- For what the module does not make ---------------------------------------------------------------------------

output "lease_manager_policies" {
  description = "IAM policies (JSON) that the lease manager's role needs, by name: for a role of your own (`create_role = false`)."
  value = var.create ? merge(
    { lease-manager = local.lease_manager_policy },
    local.watch_executions ? { executions = local.executions_policy } : {},
  ) : {}
}

output "lease_manager_role_arn" {
  description = "ARN of the lease manager's role."
  value       = var.create ? local.role_arn : null
}

output "lease_manager_role_name" {
  description = "Name of the role that was made, for more policies of yours; `null` without one."
  value       = one(aws_iam_role.lease_manager[*].name)
}

output "cloudwatch_log_group_name" {
  description = "Name of the lease manager's log group, for subscription filters."
  value       = one(aws_cloudwatch_log_group.lease_manager[*].name)
}

output "cloudwatch_log_group_arn" {
  description = "ARN of the lease manager's log group, for policies and log destinations."
  value       = one(aws_cloudwatch_log_group.lease_manager[*].arn)
}

output "alarm_arns" {
  description = "ARNs of the alarms by name (`over-limit` and so on), for composite alarms."
  value       = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.arn }
}

output "event_rule_arns" {
  description = "ARNs of the rules that call the lease manager: those that the policy of `dead_letter_queue_arn` must let send."
  value       = concat(aws_cloudwatch_event_rule.sweep[*].arn, aws_cloudwatch_event_rule.ended[*].arn)
}

output "dashboard_name" {
  description = "Name of the dashboard; `null` without one."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}
