# Where is the lease manager's package, and for which processor was it built?

locals {
  # Where `make lambda` puts it.
  lambda_package = coalesce(var.lambda_package, "${path.module}/../../target/lambda/lease-manager/bootstrap.zip")

  from_s3 = var.s3_existing_package != null

  # The package ends in a comment that says so (scripts/lambda-package): `lease-manager for x86_64`, filled up with spaces in
  # front. In base64, of which four characters are three bytes, it ends in one of three ways, as the package's length has it.
  # (A regular expression would take seconds to find the end of so long a text.) A package of somebody else's making may
  # have no comment: then nobody knows.
  package = local.from_s3 ? "" : try(filebase64(local.lambda_package), "")
  package_architecture = one([
    for architecture in ["x86_64", "arm64"] : architecture if anytrue([
      for bytes in [28, 29, 30] :
      endswith(local.package, base64encode(substr(format("%40s", "lease-manager for ${architecture}"), -bytes, -1)))
    ])
  ])
}
