# What does this module need? Terraform, and no provider.

terraform {
  required_version = "~> 1.6"
}
