# What does the one table look like that all pools share? (Its dashboard is in dashboard.tf.)

resource "aws_dynamodb_table" "this" {
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

  # Only the settings and the summary of each pool carry these two attributes, so one query lists all pools.
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
    enabled = var.point_in_time_recovery_enabled
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
