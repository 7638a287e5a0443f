# Which states does a workflow put around its work? Those of ../states, made for this pool's lease manager.

module "states" {
  source = "../states"
  count  = local.create

  lease_manager_function_arn    = aws_lambda_function.lease_manager[0].arn
  lease_manager_timeout_seconds = var.timeout_seconds

  mode           = var.mode
  query_language = var.query_language
  key_path       = var.key_path
  single_holder  = var.single_holder
  parent_path    = var.parent_path
  label_path     = var.label_path
  lease_seconds  = var.lease_seconds
  wait_seconds   = var.wait_seconds

  # The lease manager fails a task that has waited too long, at the latest in the second sweep after; the task's own
  # timeout is for when even that is lost.
  acquire_timeout_seconds = coalesce(var.acquire_timeout_seconds, var.longest_wait_seconds + 2 * local.sweep_every_seconds + 60)

  sfn_acquire_lease_state_name         = var.sfn_acquire_lease_state_name
  sfn_check_lease_state_name           = var.sfn_check_lease_state_name
  sfn_wait_state_name                  = var.sfn_wait_state_name
  sfn_release_lease_state_name         = var.sfn_release_lease_state_name
  sfn_release_after_failure_state_name = var.sfn_release_after_failure_state_name
  sfn_raise_error_state_name           = var.sfn_raise_error_state_name
  sfn_unexpected_answer_state_name     = var.sfn_unexpected_answer_state_name
  sfn_left_to_expire_state_name        = var.sfn_left_to_expire_state_name
  sfn_lease_result_path                = var.sfn_lease_result_path
  sfn_lease_id_jsonpath                = var.sfn_lease_id_jsonpath
  sfn_release_lease_result_path        = var.sfn_release_lease_result_path
  sfn_error_path                       = var.sfn_error_path
  sfn_post_acquire_lease_state         = var.sfn_post_acquire_lease_state
  sfn_post_release_lease_state         = var.sfn_post_release_lease_state
  end_state_after_release_lease        = var.end_state_after_release_lease

  sfn_release_all_state_name        = var.sfn_release_all_state_name
  sfn_check_release_all_state_name  = var.sfn_check_release_all_state_name
  sfn_raise_branch_error_state_name = var.sfn_raise_branch_error_state_name
  sfn_post_release_all_state        = var.sfn_post_release_all_state
  release_all_key_prefix_path       = var.release_all_key_prefix_path
  release_all_parent_path           = var.release_all_parent_path

  # The work, to be checked against how long it may go on: until the lease ends, or as long as sweeps extend it.
  work_state = var.work_state
  longest_work_seconds = max(
    var.longest_hold_seconds,
    min(coalesce(var.lease_seconds, var.max_lease_duration_seconds), var.max_lease_duration_seconds),
  )
}
