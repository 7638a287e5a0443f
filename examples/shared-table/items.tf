# Where do the items lie? As JSON arrays in a bucket, which the workflows read.

resource "aws_s3_bucket" "items" {
  bucket_prefix = "shared-lease-platform-items-"
  force_destroy = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "items" {
  bucket = aws_s3_bucket.items.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "items" {
  bucket = aws_s3_bucket.items.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "items" {
  for_each = toset(["analytics", "batch"])

  bucket       = aws_s3_bucket.items.id
  key          = "${each.key}.json"
  source       = "${path.module}/items/${each.key}.json"
  source_hash  = filemd5("${path.module}/items/${each.key}.json")
  content_type = "application/json"

  # Nothing is put into the bucket before it encrypts and is closed to the public.
  depends_on = [
    aws_s3_bucket_server_side_encryption_configuration.items,
    aws_s3_bucket_public_access_block.items,
  ]
}
