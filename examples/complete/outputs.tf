# What is needed to run the workflows, to watch them and to be told of alarms?

output "reports_state_machine_arn" {
  description = "The workflow that makes the reports of its input."
  value       = aws_sfn_state_machine.reports.arn
}

output "archive_state_machine_arn" {
  description = "The workflow that archives."
  value       = aws_sfn_state_machine.archive.arn
}

output "alarms_topic_arn" {
  description = "The topic that is told of alarms; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "lease_manager_function_name" {
  description = "The pool's lease manager, for `aws lambda invoke`."
  value       = module.pool.lease_manager_function_name
}

output "dashboard_names" {
  description = "The dashboards of the pool and of the table, in CloudWatch."
  value       = [module.pool.dashboard_name, module.table.dashboard_name]
}

output "table_name" {
  description = "The table."
  value       = module.table.dynamodb_table_name
}

output "region" {
  description = "Where everything is, for the AWS CLI's `--region`."
  value       = var.region
}

output "watch_command" {
  description = "Opens the dashboard: who holds a lease, who waits, what changes."
  value       = "leasehold watch --table ${module.table.dynamodb_table_name} --region ${var.region}"
}
