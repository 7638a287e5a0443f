# Which Terraform and which provider does the example need, and where does it lie? (The modules need 1.6; Terraform 1.6 does
# not understand the tests beside an example, which it reads on `init`.)

terraform {
  required_version = "~> 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}
