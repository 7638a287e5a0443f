#!/usr/bin/env python3
"""Does scripts/terraform-readme read a module as Terraform does, and refuse what its tables could not say?"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "terraform-readme"
MARKED = "# A module\n\n<!-- BEGIN_TF_DOCS -->\n<!-- END_TF_DOCS -->\n\nMore.\n"

MODULE = r"""
# variable "no" { comment }
/* variable "neither" {} */
terraform {
  required_version = "~> 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "paragraphs" {
  description = <<-EOT
    First, with a | pipe and $${literal}.

    Second, "quoted" } brace.
  EOT
  type = object({
    x = optional(string, "a } # b") # comment }
    y = list(number)
  })
  default = {
    x = "${join("}", ["{", "\"}"])}"
  }
  validation {
    condition     = can(regex("^[{]\\$$", var.paragraphs.x)) && true
    error_message = "Bad ${var.paragraphs.x} }."
  }
}

variable "a_list" {
  type        = list(string) // comment
  description = "Write `$.x` or https://example.com/#here." # comment
  default = [
    "a",
    "b",
  ]
}

variable "required" {
  type        = number
  description = "It has no default."
}

resource "aws_sqs_queue" "jobs" {
  count = var.required == "}" ? 1 : 0
  dynamic "thing" {
    for_each = { for key, value in {} : key => value }
    content { name = thing.value }
  }
}

data "aws_region" "here" {}

module "inner" {
  source = "../inner"
}

output "made" {
  description = "What was made."
  value       = <<EOT
${jsonencode({ "a" = "}" })}
EOT
}
"""

TABLES = r"""
## Requirements

| Name | Version |
| --- | --- |
| terraform | `~> 1.6` |
| aws | `~> 6.0` |

## Modules

| Name | Source |
| --- | --- |
| `inner` | `../inner` |

## Resources

| Name | Kind |
| --- | --- |
| `aws_region.here` | data source |
| `aws_sqs_queue.jobs` | resource |

## Inputs

| Name | Description | Type | Default | Required |
| --- | --- | --- | --- | --- |
| `a_list` | Write `$.x` or https://example.com/#here. | `list(string)` | `["a", "b"]` | no |
| `paragraphs` | First, with a \| pipe and ${literal}.<br/><br/>Second, "quoted" } brace. | `object({ x = optional(string, "a } # b"), y = list(number)})` | `{ x = "${join("}", ["{", "\"}"])}"}` | no |
| `required` | It has no default. | `number` | n/a | yes |

## Outputs

| Name | Description |
| --- | --- |
| `made` | What was made. |
"""


class TerraformReadme(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "main.tf").write_text(MODULE)
        (self.folder / "README.md").write_text(MARKED)

    def run_script(self, *options):
        return subprocess.run([sys.executable, SCRIPT, *options, self.folder], capture_output=True, text=True, check=False)

    def refused(self, *options):
        ran = self.run_script(*options)
        self.assertEqual(ran.returncode, 1, ran)
        return ran.stderr

    def test_the_tables_stand_between_the_markers_and_the_rest_is_left_alone(self):
        self.assertEqual(self.run_script().returncode, 0)
        text = (self.folder / "README.md").read_text()
        self.assertEqual(text, MARKED.replace("DOCS -->\n<!-- END", "DOCS -->" + TABLES + "<!-- END"))
        self.assertEqual(self.run_script("--check").returncode, 0)

    def test_a_readme_that_is_behind_its_module_is_found_and_not_changed(self):
        self.assertIn("run scripts/terraform-readme", self.refused("--check"))
        self.assertEqual((self.folder / "README.md").read_text(), MARKED)

    def test_a_readme_without_its_markers_is_refused(self):
        (self.folder / "README.md").write_text("# A module\n")
        self.assertIn("<!-- BEGIN_TF_DOCS -->", self.refused())

    def test_what_has_no_description_or_type_is_named(self):
        (self.folder / "more.tf").write_text('variable "mute" {}\noutput "mute" { value = 1 }\n')
        told = self.refused()
        for complaint in ('variable "mute" has no type', 'variable "mute" has no description', 'output "mute" has no'):
            self.assertIn(complaint, told)

    def test_what_is_not_hcl_is_named_with_its_line(self):
        (self.folder / "more.tf").write_text('\nvariable "open {\n')
        self.assertIn("more.tf:2:", self.refused())


if __name__ == "__main__":
    unittest.main()
