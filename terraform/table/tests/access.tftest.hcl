# What may people do who are given one of the table's policies? Exactly this: a policy with more in it fails as well.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases" }
  }
}

run "whoever_watches_reads_the_table_its_index_and_its_description" {
  assert {
    condition = jsondecode(output.watch_policy_json) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "ReadRows"
          Effect   = "Allow"
          Action   = ["dynamodb:GetItem", "dynamodb:Query"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases"
        },
        {
          Sid      = "ListPools"
          Effect   = "Allow"
          Action   = "dynamodb:Query"
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases/index/directory"
        },
        {
          Sid      = "DescribeTable"
          Effect   = "Allow"
          Action   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases"
        },
      ]
    }
    error_message = "The policy is ${output.watch_policy_json}."
  }
}

run "whoever_operates_also_writes_rows_and_tells_waiters" {
  assert {
    condition = jsondecode(output.operate_policy_json) == {
      Version = "2012-10-17"
      Statement = concat(jsondecode(output.watch_policy_json).Statement, [
        {
          Sid      = "WriteRows"
          Effect   = "Allow"
          Action   = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases"
        },
        {
          Sid      = "TellWaiters"
          Effect   = "Allow"
          Action   = ["states:SendTaskSuccess", "states:SendTaskFailure"]
          Resource = "*"
        },
      ])
    }
    error_message = "The policy is ${output.operate_policy_json}."
  }
}

run "both_may_use_the_tables_key_through_dynamodb_only" {
  variables { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" }

  assert {
    condition = alltrue([for policy in [output.watch_policy_json, output.operate_policy_json] :
      element(jsondecode(policy).Statement, length(jsondecode(policy).Statement) - 1) == {
        Sid       = "TableKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "arn:aws:kms:eu-central-1:123456789012:key/table"
        Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com"] } }
      }
    ])
    error_message = "The policies are ${output.watch_policy_json} and ${output.operate_policy_json}."
  }
}

run "in_china_dynamodb_is_named_as_it_is_there" {
  variables { kms_key_arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/table" }

  override_data {
    target = data.aws_partition.this[0]
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  assert {
    condition     = jsondecode(output.watch_policy_json).Statement[3].Condition.StringEquals["kms:ViaService"] == ["dynamodb.cn-north-1.amazonaws.com", "dynamodb.cn-north-1.amazonaws.com.cn"]
    error_message = "The policy is ${output.watch_policy_json}."
  }
}

run "without_a_table_there_is_no_policy" {
  command = plan
  variables {
    create      = false
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table"
  }

  assert {
    condition     = output.watch_policy_json == null && output.operate_policy_json == null
    error_message = "A policy came out for a table that is not there."
  }
}
