#!/usr/bin/env python3
"""Can Terraform 1.6 read the modules and examples? It is promised, and their tests run on a newer one, as they need 1.7."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted({path.parent for path in [*ROOT.glob("terraform/*/*.tf"), *ROOT.glob("examples/*/*.tf")]})
# What came later, by its version.
LATER = {
    "1.7": r"^removed \{|^import \{[^}]*for_each",
    "1.8": r"\bprovider::|\bissensitive\(",
    "1.9": r"\btemplatestring\(",
    "1.10": r"^ephemeral |\bephemeral *=|\bephemeralasnull\(",
    "1.11": r"_wo(_version)? *=",
}


def wrong(text):
    """What Terraform 1.6 does not know in a file."""
    code = re.sub(r"^\s*(#|description\b|error_message\b).*$", "", text, flags=re.M)
    found = [f"came with {version}: {one[0]}" for version, later in LATER.items() for one in re.finditer(later, code, re.M)]
    for name, block in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', code, re.M | re.S):
        # From 1.9 on, a validation may look at other things.
        others = re.findall(r"\b(?:var|local|data|module|path|terraform)\.\w+", block)
        found += [f"validation of {name} reads {other}" for other in others if other != f"var.{name}"]
    return found


class Terraform16(unittest.TestCase):
    def test_every_module_and_example_asks_for_it(self):
        self.assertGreaterEqual(len(FOLDERS), 5)
        for folder in FOLDERS:
            asked = re.findall(r'required_version *= *"([^"]*)"', (folder / "versions.tf").read_text())
            self.assertEqual(asked, ["~> 1.6"], folder)

    def test_nothing_in_them_came_later(self):
        for folder in FOLDERS:
            for path in folder.glob("*.tf"):
                self.assertEqual(wrong(path.read_text()), [], path)

    def test_no_tests_lie_where_init_of_an_example_reads_them(self):
        for folder in ROOT.glob("examples/*"):
            if folder in FOLDERS:
                self.assertEqual([*folder.glob("*.tftest.*"), *folder.glob("tests/*.tftest.*")], [], folder)

    def test_the_judge_sees_what_came_later(self):
        validation = 'variable "a" {\n  validation {\n    condition = var.a < var.b\n  }\n}\n'
        for text in ["removed {\n}\n", "x = provider::aws::arn_parse(y)\n", 'ephemeral "x" "y" {\n', "secret_wo = 1\n", validation]:
            self.assertEqual(len(wrong(text)), 1, text)


if __name__ == "__main__":
    unittest.main()
