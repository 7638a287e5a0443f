#!/usr/bin/env python3
"""Do the Terraform modules know every metric that the lease manager writes, and do their alarms and dashboards name no others?"""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POOL = ROOT / "terraform" / "pool"


def written():
    """The metrics in the table on the first page of the lease manager's documentation."""
    page = (ROOT / "lambda/src/lib.rs").read_text(encoding="utf-8")
    rows = re.findall(r"^//! \| ((?:`[A-Z]\w+`(?:, )?)+) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def known():
    """Those that may be chosen as `metrics`."""
    variable = re.search(r'^variable "metrics" \{.*?^\}', (POOL / "variables_watching.tf").read_text(), re.DOTALL | re.MULTILINE)
    return set(re.findall(r'"([A-Z]\w+)"', re.search(r"setsubtract\(.*?\]\)", variable.group(), re.DOTALL).group()))


class Metrics(unittest.TestCase):
    def test_what_can_be_chosen_is_what_is_written(self):
        self.assertIn("OldestWait", written())
        self.assertEqual(known(), written())

    def test_alarms_watch_metrics_that_there_are(self):
        alarms = re.findall(
            r'namespace\s*= var\.metrics_namespace\s+metric_name\s*= "(\w+)"', (POOL / "alarms.tf").read_text()
        )
        self.assertGreater(len(alarms), 5)
        self.assertEqual(set(alarms) - known(), set())

    def test_dashboards_show_metrics_that_there_are(self):
        widgets = (POOL / "dashboard.tf").read_text().split("The lease manager's calls")[0]
        shown = set(re.findall(r'\["([A-Z]\w+)", \{', widgets))
        for names in re.findall(r"for name in \[(.*?)\]", widgets):
            shown |= set(re.findall(r'"(\w+)"', names))
        of_each_pool = re.search(r"for metric, statistic in \{(.*?)\}", (ROOT / "terraform/table/dashboard.tf").read_text())
        shown |= set(re.findall(r"(\w+) =", of_each_pool.group(1)))
        self.assertLessEqual({"Held", "WorkOutlastedLease", "Errors"}, shown)
        self.assertEqual(shown - known(), set())


if __name__ == "__main__":
    unittest.main()
