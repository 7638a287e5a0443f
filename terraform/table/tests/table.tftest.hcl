# What does the table promise? Planned against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases" }
  }
}

run "the_table_has_the_shape_that_the_lease_manager_expects" {
  assert {
    condition     = aws_dynamodb_table.this[0].name == "regional-concurrency-leases"
    error_message = "The default name changed: ${aws_dynamodb_table.this[0].name}."
  }
  assert {
    condition     = aws_dynamodb_table.this[0].hash_key == "PK" && aws_dynamodb_table.this[0].range_key == "SK"
    error_message = "The primary key is not PK, SK."
  }
  assert {
    condition     = tomap({ for a in aws_dynamodb_table.this[0].attribute : a.name => a.type }) == tomap({ PK = "S", SK = "S", directory = "S", directory_row = "S" })
    error_message = "The key attributes are not the four strings."
  }
  assert {
    condition = [for i in aws_dynamodb_table.this[0].global_secondary_index :
      "${i.name} ${i.projection_type}: ${join(", ", [for k in i.key_schema : "${k.attribute_name} ${k.key_type}"])}"
    ] == ["directory ALL: directory HASH, directory_row RANGE"]
    error_message = "The table does not have exactly the directory index."
  }
  assert {
    condition     = [for t in aws_dynamodb_table.this[0].ttl : t.attribute_name if t.enabled] == ["ttl"]
    error_message = "Tombstones are not collected by their attribute ttl."
  }
  assert {
    condition     = aws_dynamodb_table.this[0].billing_mode == "PAY_PER_REQUEST"
    error_message = "The table is not billed on demand."
  }
}

run "what_a_pool_needs_comes_out" {
  assert {
    condition     = output.dynamodb_table_name == "regional-concurrency-leases" && output.dynamodb_table_arn == aws_dynamodb_table.this[0].arn
    error_message = "The name or the ARN is not the table's."
  }
  assert {
    condition     = output.dynamodb_index_arn == "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases/index/directory"
    error_message = "The index's ARN is ${output.dynamodb_index_arn}."
  }
  assert {
    condition     = output.dynamodb_table_kms_key_arn == null
    error_message = "Without a key, a key came out."
  }
}

run "a_shared_table_is_protected_unless_somebody_says_otherwise" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this[0].deletion_protection_enabled
    error_message = "The table can be deleted by default."
  }
  assert {
    condition     = length(aws_dynamodb_table.this[0].server_side_encryption) == 0 && !aws_dynamodb_table.this[0].point_in_time_recovery[0].enabled
    error_message = "Something that costs is on by default."
  }
}

run "what_is_asked_for_is_set" {
  command = plan

  variables {
    name                           = "team-leases"
    deletion_protection_enabled    = false
    point_in_time_recovery_enabled = true
    kms_key_arn                    = "arn:aws:kms:eu-central-1:123456789012:key/0a1b"
    tags                           = { Team = "platform" }
  }

  assert {
    condition     = aws_dynamodb_table.this[0].name == "team-leases" && !aws_dynamodb_table.this[0].deletion_protection_enabled && aws_dynamodb_table.this[0].tags == tomap({ Team = "platform" })
    error_message = "Name, protection or tags are not as asked."
  }
  assert {
    condition     = aws_dynamodb_table.this[0].point_in_time_recovery[0].enabled
    error_message = "Continuous backups were asked for and are off."
  }
  assert {
    condition     = [for e in aws_dynamodb_table.this[0].server_side_encryption : e.kms_key_arn if e.enabled] == ["arn:aws:kms:eu-central-1:123456789012:key/0a1b"]
    error_message = "The table is not encrypted with the key that was given."
  }
  assert {
    condition     = output.dynamodb_table_kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/0a1b"
    error_message = "The key does not come out for the pools."
  }
}

run "a_name_that_dynamodb_refuses_is_refused" {
  command = plan
  variables { name = "no spaces" }
  expect_failures = [var.name]
}

run "a_key_that_is_not_an_arn_is_refused" {
  command = plan
  variables { kms_key_arn = "alias/leases" }
  expect_failures = [var.kms_key_arn]
}

run "a_tag_that_aws_keeps_for_itself_is_refused" {
  command = plan
  variables { tags = { "aws:cloudformation:stack-name" = "x" } }
  expect_failures = [var.tags]
}

run "backups_and_the_bill_can_be_bounded" {
  command = plan

  variables {
    point_in_time_recovery_enabled = true
    point_in_time_recovery_days    = 7
    on_demand_throughput           = { max_write_request_units = 4000 }
  }

  assert {
    condition     = aws_dynamodb_table.this[0].point_in_time_recovery[0].recovery_period_in_days == 7
    error_message = "Backups go ${aws_dynamodb_table.this[0].point_in_time_recovery[0].recovery_period_in_days} days back."
  }
  assert {
    condition     = aws_dynamodb_table.this[0].on_demand_throughput[0].max_write_request_units == 4000
    error_message = "The table may write more than was asked for."
  }
}

run "neither_is_bounded_by_itself" {
  command = plan

  assert {
    condition     = length(aws_dynamodb_table.this[0].on_demand_throughput) == 0
    error_message = "Callers would be refused, and nobody asked for that."
  }
}

run "bounds_that_aws_does_not_take_are_refused" {
  command = plan

  variables {
    point_in_time_recovery_days = 36
    on_demand_throughput        = { max_read_request_units = 0 }
  }

  expect_failures = [var.point_in_time_recovery_days, var.on_demand_throughput]
}

run "nothing_is_made_where_nothing_is_asked_for" {
  command = plan

  variables {
    create           = false
    create_dashboard = true
  }

  assert {
    condition     = length(aws_dynamodb_table.this) == 0 && length(aws_cloudwatch_dashboard.this) == 0
    error_message = "Something is made."
  }
  assert {
    condition     = output.dynamodb_table_name == null && output.dynamodb_table_arn == null && output.dynamodb_index_arn == null && output.dashboard_name == null
    error_message = "The outputs name something that is not there."
  }
}
