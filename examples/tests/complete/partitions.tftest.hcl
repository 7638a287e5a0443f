# Does the example hold outside of the partition `aws`? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  # Any file will do: only its hash is looked at.
  lambda_package = "versions.tf"
}

run "the_european_sovereign_cloud_names_services_as_most_do" {
  command = plan
  variables { region = "eusc-de-east-1" }

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-eusc", dns_suffix = "amazonaws.eu" }
  }
  override_data {
    target = module.pool.data.aws_region.this[0]
    values = { id = "eusc-de-east-1" }
  }

  assert {
    condition     = local.logs_suffix == "amazonaws.com"
    error_message = "CloudWatch Logs ends in ${local.logs_suffix} there."
  }
}

run "in_china_logs_are_named_as_they_are_there" {
  variables { region = "cn-north-1" }

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }
  override_data {
    target = module.pool.data.aws_region.this[0]
    values = { id = "cn-north-1" }
  }
  override_resource {
    target = module.table.aws_dynamodb_table.this
    values = { arn = "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/complete-leases" }
  }
  override_resource {
    target = aws_kms_key.this
    values = { arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/mocked" }
  }
  override_resource {
    target = aws_sfn_state_machine.reports
    values = { arn = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:reports" }
  }
  override_resource {
    target = aws_sfn_state_machine.archive
    values = { arn = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:archive" }
  }

  assert {
    condition = { for s in jsondecode(aws_kms_key.this.policy).Statement : s.Sid => values(s.Principal)[0] } == {
      Account = "arn:aws-cn:iam::123456789012:root", Logs = "logs.cn-north-1.amazonaws.com.cn", Alarms = "cloudwatch.amazonaws.com"
    }
    error_message = "Other principals may use the key: ${aws_kms_key.this.policy}."
  }
}
