# What is needed to run the workflows and to watch them?

output "analytics_state_machine_arn" {
  description = "The workflow with 30 items and a limit of 15."
  value       = aws_sfn_state_machine.workflow["analytics"].arn
}

output "batch_state_machine_arn" {
  description = "The workflow with 20 items and a limit of 5."
  value       = aws_sfn_state_machine.workflow["batch"].arn
}

output "table_name" {
  description = "The table that both share."
  value       = module.table.dynamodb_table_name
}

output "region" {
  description = "Where everything is, for the AWS CLI's `--region`."
  value       = var.region
}

output "lease_manager_function_names" {
  description = "The lease manager of each pool, for `aws lambda invoke`."
  value = {
    analytics = module.analytics_pool.lease_manager_function_name
    batch     = module.batch_pool.lease_manager_function_name
  }
}

output "watch_command" {
  description = "Opens the dashboard: who holds a lease, who waits, what changes."
  value       = "leasehold watch --table ${module.table.dynamodb_table_name} --region ${var.region}"
}
