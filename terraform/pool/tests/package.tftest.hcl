# Which packages are taken, and from where? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix  = "team"
  table_name   = "leases"
  table_arn    = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix = "analytics"
  key_path     = "$.resource_id"
}

run "a_package_for_the_functions_processor_is_taken" {
  command = plan

  variables {
    lambda_package = "tests/packages/arm64"
    architecture   = "arm64"
  }

  assert {
    condition     = aws_lambda_function.lease_manager[0].filename == "tests/packages/arm64" && local.package_architecture == "arm64"
    error_message = "The package was taken for ${coalesce(local.package_architecture, "no processor at all")}."
  }
}

run "a_package_for_arm64_is_refused_on_x86_64" {
  command = plan
  variables { lambda_package = "tests/packages/arm64" }
  expect_failures = [aws_lambda_function.lease_manager]
}

run "a_package_for_x86_64_is_refused_on_arm64" {
  command = plan

  variables {
    lambda_package = "tests/packages/x86_64"
    architecture   = "arm64"
  }

  expect_failures = [aws_lambda_function.lease_manager]
}

run "a_package_that_does_not_say_is_taken" {
  command = plan

  variables {
    lambda_package = "versions.tf"
    architecture   = "arm64"
  }

  assert {
    condition     = local.package_architecture == null
    error_message = "The package was taken for ${coalesce(local.package_architecture, "no processor at all")}."
  }
}

run "a_package_in_a_bucket_is_left_there" {
  command = plan

  variables {
    s3_existing_package = { bucket = "artifacts", key = "lease-manager-1.0.zip", version_id = "v1" }
  }

  assert {
    condition = (
      aws_lambda_function.lease_manager[0].s3_bucket == "artifacts" && aws_lambda_function.lease_manager[0].s3_key == "lease-manager-1.0.zip" &&
      aws_lambda_function.lease_manager[0].s3_object_version == "v1" && aws_lambda_function.lease_manager[0].filename == null
    )
    error_message = "The function is not made of the object."
  }
}

run "two_packages_are_refused" {
  command = plan

  variables {
    lambda_package      = "versions.tf"
    s3_existing_package = { bucket = "artifacts", key = "lease-manager-1.0.zip" }
  }

  expect_failures = [aws_lambda_function.lease_manager]
}

run "a_signed_package_is_asked_for" {
  command = plan

  variables {
    s3_existing_package     = { bucket = "artifacts", key = "signed/lease-manager-1.0.zip" }
    code_signing_config_arn = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0a1b"
  }

  assert {
    condition     = aws_lambda_function.lease_manager[0].code_signing_config_arn == "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0a1b"
    error_message = "Nobody asks whether the package is signed."
  }
}

run "a_package_that_can_not_be_signed_is_refused" {
  command = plan

  variables {
    code_signing_config_arn = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0a1b"
  }

  expect_failures = [aws_lambda_function.lease_manager]
}
