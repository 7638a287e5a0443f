# What may people and programs do with this pool? Three policies to attach: whoever watches, whoever operates, and whoever runs
# commands under its leases.
#
# What the lease manager may do is in iam.tf. `tui/tests/policies_allow_what_commands_ask.rs` runs the commands under these
# actions.

locals {
  read_actions = ["dynamodb:GetItem", "dynamodb:Query"]
  # A write in a transaction is allowed by the name that it has alone. Only operators' transactions check a row that they leave
  # as it is.
  run_actions     = concat(local.read_actions, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])
  operate_actions = concat(local.run_actions, ["dynamodb:ConditionCheckItem"])

  # The pool's rows for each: the condition is the lease manager's.
  rows_of_this_pool = {
    for sid, actions in { ReadRows = local.read_actions, RunRows = local.run_actions, OperateRows = local.operate_actions } :
    sid => merge(local.own_rows, { Sid = sid, Action = actions })
  }

  # `pools` lists all pools, with their limits and what their last sweeps saw. `doctor` reads the table's description; no keys
  # go with that.
  list_and_describe = [
    {
      Sid      = "ListPools"
      Effect   = "Allow"
      Action   = "dynamodb:Query"
      Resource = "${var.table_arn}/index/directory"
    },
    {
      Sid      = "DescribeTable"
      Effect   = "Allow"
      Action   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
      Resource = var.table_arn
    },
  ]

  access_statements = {
    watch   = concat([local.rows_of_this_pool.ReadRows], local.list_and_describe, local.table_key)
    operate = concat([local.rows_of_this_pool.OperateRows, local.tell_waiters], local.list_and_describe, local.table_key, local.state_machine_keys)
    run     = concat([local.rows_of_this_pool.RunRows, local.tell_waiters], local.table_key, local.state_machine_keys)
  }
  access_policies = {
    for who, statements in local.access_statements : who => var.create ? jsonencode({ Version = "2012-10-17", Statement = statements }) : null
  }
}
