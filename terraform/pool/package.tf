# Where is the lease manager's package, and for which processor was it built?

locals {
  # Where `make lambda` puts it.
  lambda_package = coalesce(var.lambda_package, "${path.module}/../../target/lambda/lease-manager/bootstrap.zip")

  from_s3 = var.s3_existing_package != null

  # The package ends in a comment that says so (scripts/lambda-package): `lease-manager for x86_64`, filled up with spaces in
  # front, so that the last 40 characters of its base64 are nothing else, wherever they begin. A package of somebody else's
  # making may have none: then nobody knows.
  package_tail         = local.from_s3 ? "" : try(base64decode(regex("[A-Za-z0-9+/=]{40}$", filebase64(local.lambda_package))), "")
  package_architecture = try(regex("lease-manager for (x86_64|arm64)$", local.package_tail)[0], null)
}
