# Is the example what its README says? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  # Any file will do: only its hash is looked at.
  lambda_package = "versions.tf"
}

run "two_workflows_named_as_documented_share_one_table" {
  assert {
    condition     = { for name, machine in aws_sfn_state_machine.workflow : name => machine.name } == { analytics = "shared-lease-platform-analytics-workflow", batch = "shared-lease-platform-batch-workflow" }
    error_message = "The workflows have other names."
  }
  assert {
    condition     = output.table_name == "regional-concurrency-leases" && output.region == "eu-central-1" && output.watch_command == "leasehold watch --table regional-concurrency-leases --region eu-central-1"
    error_message = "The table or the region is another: ${output.watch_command}."
  }
}

run "each_map_reads_its_items_and_leaves_the_limit_to_its_pool" {
  assert {
    condition = alltrue([for name, machine in aws_sfn_state_machine.workflow :
      jsondecode(machine.definition).StartAt == "Items" &&
      { for key in ["Type", "MaxConcurrency", "ItemReader", "ItemSelector", "End"] : key => jsondecode(machine.definition).States.Items[key] } == {
        Type           = "Map"
        MaxConcurrency = 0
        ItemReader = {
          Resource     = "arn:aws:states:::s3:getObject"
          ReaderConfig = { InputType = "JSON" }
          Parameters   = { Bucket = "shared-lease-platform-items-1", Key = "${name}.json" }
        }
        ItemSelector = { "parent.$" = "$$.Execution.Id", "item.$" = "$$.Map.Item.Value" }
        End          = true
      }
    ])
    error_message = "A map does not begin at once, needs an input, or limits itself: ${aws_sfn_state_machine.workflow["batch"].definition}."
  }
  assert {
    condition     = [for name in ["analytics", "batch"] : length(jsondecode(file(aws_s3_object.items[name].source)))] == [30, 20]
    error_message = "There are not 30 and 20 items."
  }
  assert {
    condition     = { for name, object in aws_s3_object.items : object.key => object.source } == { "analytics.json" = "./items/analytics.json", "batch.json" = "./items/batch.json" }
    error_message = "The objects are not the items."
  }
}

run "the_work_lies_between_the_lease_and_its_release" {
  variables { work_seconds = 7 }

  assert {
    condition = alltrue([for machine in aws_sfn_state_machine.workflow :
      jsondecode(machine.definition).States.Items.ItemProcessor.StartAt == "AcquireLease" &&
      jsondecode(machine.definition).States.Items.ItemProcessor.States.AcquireLease.Next == "Process" &&
      jsondecode(machine.definition).States.Items.ItemProcessor.States.Process == { Type = "Wait", Seconds = 7, Next = "ReleaseLease" } &&
      jsondecode(machine.definition).States.Items.ItemProcessor.States.ReleaseLease.End
    ])
    error_message = "The states are not AcquireLease, Process, ReleaseLease: ${aws_sfn_state_machine.workflow["batch"].definition}."
  }
}

run "a_role_reads_its_own_items_and_runs_its_own_map" {
  assert {
    condition = alltrue([for name, policy in aws_iam_role_policy.map : jsondecode(policy.policy) == {
      Version = "2012-10-17"
      Statement = [
        { Sid = "ReadItems", Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::shared-lease-platform-items-1/${name}.json" },
        { Sid = "StartItems", Effect = "Allow", Action = "states:StartExecution", Resource = "arn:aws:states:eu-central-1:123456789012:stateMachine:mocked" },
        { Sid = "FollowItems", Effect = "Allow", Action = ["states:DescribeExecution", "states:StopExecution"], Resource = "arn:aws:states:eu-central-1:123456789012:execution:mocked:*" },
        { Sid = "RedriveItems", Effect = "Allow", Action = "states:RedriveExecution", Resource = "arn:aws:states:eu-central-1:123456789012:execution:mocked/Items:*" },
      ]
    }])
    error_message = "The policy is ${aws_iam_role_policy.map["batch"].policy}."
  }
  assert {
    condition = alltrue([for policy in aws_iam_role_policy.lease : jsondecode(policy.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid      = "CallLeaseManager"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = ["arn:aws:lambda:eu-central-1:123456789012:function:mocked", "arn:aws:lambda:eu-central-1:123456789012:function:mocked:*"]
      }]
    }])
    error_message = "The policy is ${aws_iam_role_policy.lease["batch"].policy}."
  }
  assert {
    condition = alltrue([for role in aws_iam_role.workflow : jsondecode(role.assume_role_policy) == {
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "states.amazonaws.com" } }]
    }])
    error_message = "Somebody else than Step Functions may take the roles."
  }
}

run "the_bucket_encrypts_and_is_closed_to_the_public" {
  command = plan

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.items.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The bucket does not encrypt."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.items.block_public_acls && aws_s3_bucket_public_access_block.items.block_public_policy && aws_s3_bucket_public_access_block.items.ignore_public_acls && aws_s3_bucket_public_access_block.items.restrict_public_buckets
    error_message = "The bucket can be opened to the public."
  }
}

run "values_that_make_no_sense_are_refused" {
  command = plan

  variables {
    region       = "frankfurt"
    mode         = "push"
    work_seconds = 0
    architecture = "riscv"
  }

  expect_failures = [var.region, var.mode, var.work_seconds, var.architecture]
}

run "work_that_could_outlast_its_lease_is_refused" {
  command = plan
  variables { work_seconds = 301 }
  expect_failures = [var.work_seconds]
}
