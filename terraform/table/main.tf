# What does the one table look like that all pools share? (Its dashboard is in dashboard.tf.)

resource "aws_dynamodb_table" "this" {
  count = var.create ? 1 : 0

  region = var.region

  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "PK"
  range_key                   = "SK"
  deletion_protection_enabled = var.deletion_protection_enabled
  tags                        = var.tags

  dynamic "attribute" {
    for_each = ["PK", "SK", "directory", "directory_row"]
    content {
      name = attribute.value
      type = "S"
    }
  }

  # Only the settings, an override and the summary of each pool carry these two attributes, so one query lists all pools.
  global_secondary_index {
    name            = "directory"
    projection_type = "ALL"

    key_schema {
      attribute_name = "directory"
      key_type       = "HASH"
    }
    key_schema {
      attribute_name = "directory_row"
      key_type       = "RANGE"
    }
  }

  # Collects tombstones, hours late. It never frees a slot: leases end by their own clock.
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled                 = var.point_in_time_recovery_enabled
    recovery_period_in_days = var.point_in_time_recovery_enabled ? var.point_in_time_recovery_days : null
  }

  # Without this block it takes as much as the account's quota lets it.
  dynamic "on_demand_throughput" {
    for_each = var.on_demand_throughput == null ? [] : [var.on_demand_throughput]
    content {
      max_read_request_units  = on_demand_throughput.value.max_read_request_units
      max_write_request_units = on_demand_throughput.value.max_write_request_units
    }
  }

  # Without this block DynamoDB encrypts with a key that AWS owns.
  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}

# The table was there before `create` was: it is the same one.
moved {
  from = aws_dynamodb_table.this
  to   = aws_dynamodb_table.this[0]
}
