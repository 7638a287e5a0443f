# Which lease managers can not work? One for each error that only their surroundings can give.

locals {
  broken = {
    without-settings = { LEASE_PREFIX = "nobody" }
    without-table    = { LEASE_PREFIX = "small", LEASE_TABLE_NAME = "no-such-table" }
    misconfigured    = { LEASE_PREFIX = "misconfigured" }
    unreachable      = { LEASE_PREFIX = "small", AWS_ENDPOINT_URL_DYNAMODB = var.unreachable_endpoint }
    busy             = { LEASE_PREFIX = "small", AWS_ENDPOINT_URL_DYNAMODB = var.busy_endpoint }
  }
}

resource "aws_lambda_function" "broken" {
  for_each = local.broken

  function_name    = "trouble-${each.key}"
  role             = aws_iam_role.function.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  filename         = var.lambda_package
  source_code_hash = filebase64sha256(var.lambda_package)
  timeout          = 30

  environment {
    variables = merge({ LEASE_TABLE_NAME = module.table.dynamodb_table_name }, each.value)
  }
}

# A lease that lasts no time at all.
resource "aws_dynamodb_table_item" "misconfigured" {
  table_name = module.table.dynamodb_table_name
  hash_key   = "PK"
  range_key  = "SK"

  item = jsonencode({
    PK            = { S = "LEASES#misconfigured" }
    SK            = { S = "pool" }
    edition       = { N = "2" }
    limit         = { N = "1" }
    lease_ms      = { N = "0" }
    directory     = { S = "pools" }
    directory_row = { S = "misconfigured#pool" }
  })
}
