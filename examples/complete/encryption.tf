# Which key encrypts the table, the lease manager's log and environment, and the alarms' topic; who may use it?

locals {
  # CloudWatch Logs is named otherwise in these partitions (in China it ends in amazonaws.com.cn); the other services here are
  # not. The provider's data source aws_service_principal says the same, where it is known.
  named_otherwise = contains(["aws-cn", "aws-iso", "aws-iso-b"], data.aws_partition.current.partition)
  logs_suffix     = local.named_otherwise ? data.aws_partition.current.dns_suffix : "amazonaws.com"
}

resource "aws_kms_key" "this" {
  description             = "Encrypts the leases of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 7

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Principal = { Service = "logs.${var.region}.${local.logs_suffix}" }
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.name}-lease-manager"
          }
        }
      },
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Principal = { Service = "cloudwatch.amazonaws.com" }
      },
    ]
  })
}

# Subscribe to it to be told: see the README.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.this.arn
}
