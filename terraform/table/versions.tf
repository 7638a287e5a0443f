# Which Terraform and which provider does this module need?

terraform {
  required_version = "~> 1.6"

  required_providers {
    aws = {
      source = "hashicorp/aws"

      # `key_schema` of an index came with 6.29, and was right from 6.37 on: before that, an index with two keys was
      # planned to change for ever (mended in 6.32.1), or all indexes were deleted with one (6.37.0).
      version = "~> 6.37"
    }
  }
}
