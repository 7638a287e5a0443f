# What may people do with all pools of the table? Two policies to attach: whoever watches, and whoever operates.
#
# ../pool has those of one pool alone. `tui/tests/policies_allow_what_commands_ask.rs` runs the commands under these actions.

data "aws_partition" "this" {
  count = var.create ? 1 : 0
}

locals {
  # What `leasehold watch`, `record`, `pools`, `leases`, `pool show`, `pool history` and `doctor` ask for.
  watch_statements = [for arn in aws_dynamodb_table.this[*].arn : [
    {
      Sid      = "ReadRows"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = arn
    },
    {
      Sid      = "ListPools"
      Effect   = "Allow"
      Action   = "dynamodb:Query"
      Resource = "${arn}/index/directory"
    },
    {
      Sid      = "DescribeTable"
      Effect   = "Allow"
      Action   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
      Resource = arn
    },
  ]]

  # What `leasehold pool set`, `pool override`, `pool rm`, `release`, `sweep`, `doctor --repair` and the dashboard's changes ask
  # for besides. A write in a transaction is allowed by the name that it has alone.
  operate_statements = [for arn in aws_dynamodb_table.this[*].arn : [
    {
      Sid      = "WriteRows"
      Effect   = "Allow"
      Action   = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"]
      Resource = arn
    },
    # A task is named by its token alone: IAM has no resource type for these two actions.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
    {
      Sid      = "TellWaiters"
      Effect   = "Allow"
      Action   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
      Resource = "*"
    },
  ]]

  # As DynamoDB calls itself towards KMS: by the common suffix or by the partition's own (China, European Sovereign Cloud).
  key_services = [for suffix in distinct(concat(["amazonaws.com"], data.aws_partition.this[*].dns_suffix)) :
    "dynamodb.${split(":", coalesce(var.kms_key_arn, ":::"))[3]}.${suffix}"
  ]

  # What DynamoDB asks of whoever uses a table under a customer's key.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
  key_statements = var.kms_key_arn == null ? [] : [{
    Sid       = "TableKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource  = var.kms_key_arn
    Condition = { StringEquals = { "kms:ViaService" = local.key_services } }
  }]
}
