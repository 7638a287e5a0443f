#!/usr/bin/env python3
"""Does scripts/lambda-package make the same bytes each time, and does a package say which processor it is for?"""

import base64
import os
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/lambda-package"
ELF_MACHINE = {"x86_64": 62, "arm64": 183}


def binary(architecture, more=b""):
    """The beginning of a program for this processor, and some more."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + bytes([ELF_MACHINE[architecture], 0]) + more


class Package(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def pack(self, content, architecture, mode=0o755, time=None):
        program = self.folder / "bootstrap"
        program.write_bytes(content)
        program.chmod(mode)
        if time is not None:
            os.utime(program, (time, time))
        return subprocess.run(
            [sys.executable, SCRIPT, self.folder, "lambda", architecture], capture_output=True, text=True
        )

    def packed(self, *args, **kwargs):
        done = self.pack(*args, **kwargs)
        self.assertEqual(done.returncode, 0, done.stderr)
        return (self.folder / "bootstrap.zip").read_bytes()

    def test_the_same_binary_makes_the_same_bytes(self):
        first = self.packed(binary("x86_64", b"code"), "x86_64", mode=0o700, time=1_000_000_000)
        again = self.packed(binary("x86_64", b"code"), "x86_64", mode=0o755, time=1_700_000_000)
        self.assertEqual(first, again)

    def test_the_package_is_one_program_that_may_be_run(self):
        self.packed(binary("arm64", b"code"), "arm64")
        with zipfile.ZipFile(self.folder / "bootstrap.zip") as package:
            self.assertEqual(package.namelist(), ["bootstrap"])
            self.assertEqual(package.read("bootstrap"), binary("arm64", b"code"))
            self.assertEqual(package.infolist()[0].external_attr >> 16, 0o100755)

    def test_its_end_says_its_processor_as_the_module_reads_it(self):
        # As terraform/pool/package.tf does, whose base64 begins a group of three bytes anywhere.
        for architecture in ELF_MACHINE:
            lengths = set()
            for more in (b"", b"\x81", b"\x81\xd6", b"\x81\xd6\x07", b"\x81\xd6\x07\x55"):
                content = self.packed(binary(architecture, more), architecture)
                lengths.add(len(content) % 3)
                tail = re.search("[A-Za-z0-9+/=]{40}$", base64.b64encode(content).decode()).group()
                self.assertRegex(base64.b64decode(tail).decode(), f"lease-manager for {architecture}$")
            self.assertEqual(lengths, {0, 1, 2})

    def test_the_module_says_where_the_package_for_the_other_processor_lies(self):
        script = (ROOT / "scripts/lambda").read_text(encoding="utf-8")
        (folder,) = re.findall(r"^folder=(.*)$", script, re.MULTILINE)
        (other,) = re.findall(r'^    folder\+=(.*\$target)$', script, re.MULTILINE)
        path = f"{folder}{other}/bootstrap.zip"
        self.assertIn(path.replace("$target", "arm64"), (ROOT / "terraform/pool/variables_function.tf").read_text(encoding="utf-8"))
        self.assertIn(path.replace("$target", "${var.architecture}"), (ROOT / "terraform/pool/function.tf").read_text(encoding="utf-8"))

    def test_a_program_for_the_other_processor_is_refused(self):
        refused = self.pack(binary("x86_64"), "arm64")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the binary was built for x86_64, not for arm64", refused.stderr)
        self.assertFalse((self.folder / "bootstrap").exists())

    def test_a_program_that_needs_a_newer_system_is_refused(self):
        refused = self.pack(binary("x86_64", b"\x00GLIBC_2.39\x00"), "x86_64")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the binary needs glibc 2.39, and Amazon Linux 2023 has 2.34", refused.stderr)


if __name__ == "__main__":
    unittest.main()
