# Does everything that can be on belong together? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  # Any file will do: only its hash is looked at.
  lambda_package = "versions.tf"
}

run "each_report_holds_a_lease_under_its_own_id" {
  assert {
    condition = { for key in ["Type", "Items", "ItemSelector", "End"] : key => jsondecode(aws_sfn_state_machine.reports.definition).States.Reports[key] } == {
      Type         = "Map"
      Items        = "{% $states.input.reports %}"
      ItemSelector = { report = "{% $states.context.Map.Item.Value %}" }
      End          = true
    }
    error_message = "The map is another: ${aws_sfn_state_machine.reports.definition}."
  }
  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.reports.definition).States.Reports.ItemProcessor.ProcessorConfig.Mode == "INLINE" &&
      jsondecode(aws_sfn_state_machine.reports.definition).States.Reports.ItemProcessor.StartAt == "AcquireLease" &&
      jsondecode(aws_sfn_state_machine.reports.definition).States.Reports.ItemProcessor.States.AcquireLease.Next == "CheckLeaseStatus" &&
      jsondecode(aws_sfn_state_machine.reports.definition).States.Reports.ItemProcessor.States.Process.Next == "ReleaseLease"
    )
    error_message = "The items do not acquire, check, work and release: ${aws_sfn_state_machine.reports.definition}."
  }
}

run "work_that_fails_still_releases" {
  assert {
    condition     = jsondecode(aws_sfn_state_machine.archive.definition).States.Archive.Catch[0].Next == "ReleaseLeaseAfterFailure" && jsondecode(aws_sfn_state_machine.archive.definition).States.AcquireLease.Next == "Archive"
    error_message = "The archive's work is not caught: ${aws_sfn_state_machine.archive.definition}."
  }
}

run "everything_is_under_one_key_that_its_users_may_use" {
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.this.arn && module.table.dynamodb_table_kms_key_arn == aws_kms_key.this.arn
    error_message = "Something is under another key."
  }
  assert {
    condition     = { for s in jsondecode(aws_kms_key.this.policy).Statement : s.Sid => values(s.Principal)[0] } == { Account = "arn:aws:iam::123456789012:root", Logs = "logs.eu-central-1.amazonaws.com", Alarms = "cloudwatch.amazonaws.com" }
    error_message = "Other principals may use the key: ${aws_kms_key.this.policy}."
  }
  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[1].Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/${module.pool.lease_manager_function_name}"
    error_message = "CloudWatch Logs may use the key for another log: ${aws_kms_key.this.policy}."
  }
}

run "table_and_pool_have_a_dashboard_each" {
  command = plan

  assert {
    condition     = output.dashboard_names == ["complete-lease-pool", "complete-leases"]
    error_message = "The dashboards are ${join(", ", output.dashboard_names)}."
  }
}

run "values_that_make_no_sense_are_refused" {
  command = plan

  variables {
    region                = "frankfurt"
    name                  = "no spaces"
    max_concurrent_leases = -1
    architecture          = "riscv"
  }

  expect_failures = [var.region, var.name, var.max_concurrent_leases, var.architecture]
}
