# What does the table promise? Planned against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases" }
  }
}

run "the_table_has_the_shape_that_the_lease_manager_expects" {
  assert {
    condition     = aws_dynamodb_table.this.name == "regional-concurrency-leases"
    error_message = "The default name changed: ${aws_dynamodb_table.this.name}."
  }
  assert {
    condition     = aws_dynamodb_table.this.hash_key == "PK" && aws_dynamodb_table.this.range_key == "SK"
    error_message = "The primary key is not PK, SK."
  }
  assert {
    condition     = tomap({ for a in aws_dynamodb_table.this.attribute : a.name => a.type }) == tomap({ PK = "S", SK = "S", directory = "S", directory_row = "S" })
    error_message = "The key attributes are not the four strings."
  }
  assert {
    condition = [for i in aws_dynamodb_table.this.global_secondary_index :
      "${i.name} ${i.projection_type}: ${join(", ", [for k in i.key_schema : "${k.attribute_name} ${k.key_type}"])}"
    ] == ["directory ALL: directory HASH, directory_row RANGE"]
    error_message = "The table does not have exactly the directory index."
  }
  assert {
    condition     = [for t in aws_dynamodb_table.this.ttl : t.attribute_name if t.enabled] == ["ttl"]
    error_message = "Tombstones are not collected by their attribute ttl."
  }
  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table is not billed on demand."
  }
}

run "what_a_pool_needs_comes_out" {
  assert {
    condition     = output.dynamodb_table_name == "regional-concurrency-leases" && output.dynamodb_table_arn == aws_dynamodb_table.this.arn
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
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table can be deleted by default."
  }
  assert {
    condition     = length(aws_dynamodb_table.this.server_side_encryption) == 0 && !aws_dynamodb_table.this.point_in_time_recovery[0].enabled
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
    condition     = aws_dynamodb_table.this.name == "team-leases" && !aws_dynamodb_table.this.deletion_protection_enabled && aws_dynamodb_table.this.tags == tomap({ Team = "platform" })
    error_message = "Name, protection or tags are not as asked."
  }
  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "Continuous backups were asked for and are off."
  }
  assert {
    condition     = [for e in aws_dynamodb_table.this.server_side_encryption : e.kms_key_arn if e.enabled] == ["arn:aws:kms:eu-central-1:123456789012:key/0a1b"]
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
