#!/usr/bin/env python3
"""Can the modules be made to fit an older AWS provider? As scripts/older-provider does it, for 6.25 and for 5.100."""

import re
import runpy
import shutil
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIT = runpy.run_path(str(ROOT / "scripts/older-provider"))["fit"]


class OlderProviders(unittest.TestCase):
    def fitted(self, version):
        """What the modules say, and what their tests say, once they fit."""
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / "terraform"
            shutil.copytree(ROOT / "terraform", copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
            FIT(Path(place), version)
            modules, tests = ("\n".join(path.read_text() for path in copy.rglob(kind)) for kind in ("*.tf", "*.tftest.hcl"))
        return modules, tests

    def test_the_newest_needs_nothing(self):
        modules, _ = self.fitted((6, 37, 0))
        self.assertIn("key_schema {", modules)
        self.assertIn('version = "~> 6.37"', modules)

    def test_an_older_one_is_told_the_indexs_keys_in_its_way(self):
        modules, tests = self.fitted((6, 25, 0))
        self.assertNotIn("key_schema {", modules)
        self.assertNotIn("key_schema", tests)
        self.assertRegex(modules, r'hash_key\s+= "directory"')
        self.assertEqual(set(re.findall(r'(?<!required_)version\s+= "(.*?)"', modules)), {">= 6.25.0"})
        self.assertIn("region = var.region", modules)

    def test_version_5_knows_no_regions(self):
        modules, tests = self.fitted((5, 100, 0))
        self.assertNotIn("region = var.region", modules)
        self.assertNotRegex(tests, r"\]\.region\b|this\.region\b")
        self.assertEqual(modules.count("{"), modules.count("}"))


if __name__ == "__main__":
    unittest.main()
