# What does a pool need to know about the table?

output "dynamodb_table_name" {
  description = "The table's name, for each pool's `table_name`."
  value       = one(aws_dynamodb_table.this[*].name)
}

output "dynamodb_table_arn" {
  description = "The table's ARN, for each pool's `table_arn`."
  value       = one(aws_dynamodb_table.this[*].arn)
}

output "dynamodb_index_arn" {
  description = "ARN of the index that lists all pools, for IAM policies of your own (`dynamodb:Query`)."
  value       = one([for arn in aws_dynamodb_table.this[*].arn : "${arn}/index/directory"])
}

output "dynamodb_table_kms_key_arn" {
  description = "The key that encrypts the table, for each pool's `table_kms_key_arn`; `null` if AWS owns it."
  value       = var.kms_key_arn
}

output "watch_policy_json" {
  description = "IAM policy (JSON) for people who watch all pools and change nothing: `leasehold watch`, `pools`, `leases`, `pool show`, `pool history`, `record`, `doctor`."
  value = one([for statements in local.watch_statements : jsonencode({
    Version   = "2012-10-17"
    Statement = concat(statements, local.key_statements)
  })])
}

output "operate_policy_json" {
  description = "IAM policy (JSON) for people who operate all pools: it also lets them set, override and retire pools, free leases, sweep and repair."
  value = one([for index, statements in local.operate_statements : jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.watch_statements[index], statements, local.key_statements)
  })])
}

output "dashboard_name" {
  description = "Name of the dashboard; `null` without one."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}
