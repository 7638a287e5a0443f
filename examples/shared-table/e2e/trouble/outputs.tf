# What do the tests need to find?

output "table_name" {
  description = "The shared table."
  value       = module.table.dynamodb_table_name
}

output "machines" {
  description = "ARNs of the state machines by their names in the scenarios."
  value = merge({ for name, machine in aws_sfn_state_machine.map : name => machine.arn }, {
    failing   = aws_sfn_state_machine.failing.arn
    one       = aws_sfn_state_machine.one["small"].arn
    impatient = aws_sfn_state_machine.one["impatient"].arn
    jsonata   = aws_sfn_state_machine.jsonata.arn
    call      = aws_sfn_state_machine.call.arn
  })
}

output "lease_managers" {
  description = "Function names of the pools' lease managers."
  value       = { for name, pool in module.pool : name => pool.lease_manager_function_name }
}

output "broken" {
  description = "Function names of the lease managers that can not work."
  value       = { for name, function in aws_lambda_function.broken : name => function.function_name }
}
