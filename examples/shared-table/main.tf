# How do two applications share one table? Each has a pool of its own in it, with its own limit.

module "table" {
  source = "../../terraform/table"

  name = var.table_name

  # This is an example: it can be destroyed.
  deletion_protection_enabled = false
}

module "analytics_pool" {
  source = "../../terraform/pool"

  name_prefix           = "shared-lease-platform-analytics"
  table_name            = module.table.dynamodb_table_name
  table_arn             = module.table.dynamodb_table_arn
  lease_prefix          = "analytics"
  max_concurrent_leases = 15
  state_machine_arns    = [aws_sfn_state_machine.workflow["analytics"].arn]
  lambda_package        = var.lambda_package
  architecture          = var.architecture

  # Which lease is whose: an item of a map run. What the map passes to each is in workflows.tf.
  mode        = var.mode
  key_path    = "$.item.id"
  parent_path = "$.parent"
}

module "batch_pool" {
  source = "../../terraform/pool"

  name_prefix           = "shared-lease-platform-batch"
  table_name            = module.table.dynamodb_table_name
  table_arn             = module.table.dynamodb_table_arn
  lease_prefix          = "batch"
  max_concurrent_leases = 5
  state_machine_arns    = [aws_sfn_state_machine.workflow["batch"].arn]
  lambda_package        = var.lambda_package
  architecture          = var.architecture

  mode        = var.mode
  key_path    = "$.item.id"
  parent_path = "$.parent"
}
