#!/usr/bin/env python3
"""Do the documents hold together? Links lead somewhere, every alarm and error has its heading and a command in the
runbook, every item of the first run its commands, what is to be pasted can be pasted, every picture is well-formed, and the
guide's dollars are those of the measured units.

    documents_hold_together.py
"""

import json
import re
import subprocess
import unicodedata
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs/guide/runbook.md"
# Dollars a million: as docs/guide/cost.md says them, of us-east-1.
TRANSITION, WRITE, READ, CALL, GB_SECOND, LOG_GB = 25.0, 0.625, 0.125, 0.20, 16.6667, 0.50
# What docs/guide/cost.md assumes of a call: GB of memory, seconds, kB of log.
MEMORY, SECONDS, LOG_KB = 0.25, 0.030, 0.9

# A block of commands, as it is to be pasted.
SHELL = re.compile(r"^ *```(?:sh|bash|shell|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def read(path):
    return path.read_text(encoding="utf-8")


def without_code(text):
    """Without what stands in fences and in backticks, where brackets are no links."""
    text = re.sub(r"^(```+|~~~+).*?^\1\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", lambda code: "`" * len(code.group()), text)


def headings(text):
    text = re.sub(r"^(```+|~~~+).*?^\1\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [match.strip() for match in re.findall(r"^#{1,6} (.*)$", text, re.MULTILINE)]


def anchors(text):
    """The anchors of a page, as GitHub makes them of its headings."""
    seen, made = {}, set()
    for heading in headings(text):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        kept = "".join(c for c in heading if c in "-_ " or unicodedata.category(c)[0] in "LN")
        name = kept.replace(" ", "-")
        count = seen[name] = seen.get(name, -1) + 1
        made.add(f"{name}-{count}" if count else name)
    return made


def links(text):
    """Where a page's links and pictures lead: in Markdown, and in the HTML within it."""
    text = without_code(text)
    yield from re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", text)
    yield from re.findall(r"\b(?:src|srcset|href)=\"([^\"]+)\"", text)


def pages():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


class Links(unittest.TestCase):
    def test_every_relative_link_leads_to_a_file_and_to_a_heading_of_it(self):
        looked_at = 0
        for page in pages():
            for link in links(read(page)):
                if re.match(r"[a-z][a-z0-9+.-]*:", link):
                    continue
                looked_at += 1
                with self.subTest(page=str(page.relative_to(ROOT)), link=link):
                    path, _, anchor = link.partition("#")
                    target = (page.parent / path).resolve() if path else page
                    self.assertTrue(target.is_relative_to(ROOT) and target.exists(), "no such file")
                    if anchor:
                        self.assertEqual(target.suffix, ".md", "an anchor of something that is no page")
                        self.assertIn(anchor, anchors(read(target)))
        self.assertGreater(looked_at, 100)

    def test_every_page_of_the_guide_is_in_its_index(self):
        index = set(links(read(ROOT / "docs/guide/README.md")))
        for page in (ROOT / "docs/guide").glob("*.md"):
            if page.name != "README.md":
                self.assertIn(page.name, index)


class Commands(unittest.TestCase):
    def test_what_is_to_be_pasted_can_be_pasted_into_bash_and_zsh(self):
        wrong = []
        for page in pages():
            for block in SHELL.findall(read(page)):
                for line in block.splitlines():
                    # zsh takes no comment at its prompt: it is given to the command, and a quote in it swallows what follows.
                    if re.search(r"(?:^|\s)#\s", line):
                        wrong.append(f"{page.relative_to(ROOT)}: a comment: {line.strip()}")
                    # zsh has these for itself.
                    if re.search(r"(?:\bfor|\bread(?: -r)?|^\s*local) +(?:status|path|argv|pipestatus)\b|^\s*(?:status|path|argv)=", line):
                        wrong.append(f"{page.relative_to(ROOT)}: a variable of zsh's own: {line.strip()}")
        self.assertEqual([], wrong, "\n".join(wrong))


class Pictures(unittest.TestCase):
    def test_every_drawn_picture_is_well_formed_and_has_nothing_to_run(self):
        pictures = sorted((ROOT / "docs").glob("*.svg"))
        self.assertTrue(pictures)
        known = {"svg", "style", "g", "rect", "text", "path"}
        for picture in pictures:
            with self.subTest(picture.name):
                root = xml.etree.ElementTree.parse(picture).getroot()
                self.assertEqual({one.tag.removeprefix("{http://www.w3.org/2000/svg}") for one in root.iter()} - known, set())
                self.assertEqual([name for one in root.iter() for name in one.keys() if name.startswith("on")], [])


class Runbook(unittest.TestCase):
    def setUp(self):
        self.headings = set(headings(read(RUNBOOK)))

    def test_every_alarm_of_the_modules_has_a_heading(self):
        alarms = set()
        for path in ROOT.glob("terraform/*/*.tf"):
            if 'resource "aws_cloudwatch_metric_alarm"' not in read(path):
                continue
            block = re.search(r"^  alarms = (.*?)^  \}", read(path), re.DOTALL | re.MULTILINE)
            self.assertIsNotNone(block, f"{path}: no `alarms = {{...}}`, in which this test looks for their names")
            alarms |= set(re.findall(r"^    ([a-z][a-z-]*)\s*= [a-z(]*\{", block.group(1), re.MULTILINE))
        self.assertIn("over-limit", alarms)
        self.assertEqual(alarms - self.headings, set())

    def test_every_alarm_of_the_examples_has_a_heading(self):
        named = set(re.findall(r"AlarmName: !Sub \$\{PoolName\}-lease-([a-z-]+)", read(ROOT / "examples/sam/template.yaml")))
        named |= set(re.findall(r'alarm\("([a-z-]+)"', read(ROOT / "examples/cdk/lease-pool.ts")))
        self.assertIn("over-limit", named)
        self.assertEqual(named - self.headings, set())

    def test_every_error_of_the_lease_manager_has_a_heading(self):
        page = read(ROOT / "lambda/README.md")
        table = page.split("## Errors\n")[1]
        rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
        errors = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
        errors |= set(re.findall(r"failed with (`\w+`(?:, `\w+`)* or `\w+`)", page)[0].replace("`", "").replace(" or ", ", ").split(", "))
        # Those that the code makes, too, should the page not list one; and those that only the states know.
        contract = re.search(r"pub fn error_type.*?\n    \}", read(ROOT / "core/src/contract/mod.rs"), re.DOTALL).group()
        errors |= set(re.findall(r'=> "(\w+)"', contract))
        errors |= {"UnexpectedLeaseAnswer"}
        self.assertLessEqual({"InvalidRequest", "WaitedTooLong", "Internal"}, errors)
        self.assertEqual(errors - self.headings, set())

    def test_every_alarm_and_error_has_a_command_to_look_or_mend_with(self):
        sections = re.split(r"^### ", read(RUNBOOK), flags=re.MULTILINE)[1:]
        self.assertGreater(len(sections), 20)
        for section in sections:
            with self.subTest(section.split("\n")[0]):
                self.assertRegex(section, r"(`|^ *)(look '|look \w|leasehold [a-z]|aws [a-z]|terraform [a-z])")


class FirstRun(unittest.TestCase):
    def test_every_item_has_commands_and_says_what_is_expected(self):
        items = re.findall(r"^## \d+\. (.*?)(?=^## )", read(ROOT / "docs/guide/first-run.md"), re.DOTALL | re.MULTILINE)
        self.assertGreater(len(items), 7)
        for item in items:
            with self.subTest(item.split("\n")[0]):
                self.assertIn("\n```sh\n", item)
                self.assertIn("Expected", item)


class Access(unittest.TestCase):
    def test_the_policy_in_the_guide_is_the_pools(self):
        module = read(ROOT / "terraform/pool/access.tf")
        (policy,) = re.findall(r"^```json\n(.*?)^```", read(ROOT / "docs/guide/access.md"), re.DOTALL | re.MULTILINE)
        actions = {one["Sid"]: one["Action"] for one in json.loads(policy)["Statement"]}
        lists = re.findall(r"^  (?:read|run|operate)_actions\s*= (.*)$", module, re.MULTILINE)
        self.assertEqual(actions.pop("OperateRows"), re.findall(r'"([^"]+)"', "".join(lists)))
        for sid, told in actions.items():
            at = module if f'"{sid}"' in module else read(ROOT / "terraform/pool/iam.tf")
            (line,) = re.findall(rf'Sid\s*= "{sid}"\n.*\n\s*Action\s*= (.*)\n', at)
            self.assertEqual(json.loads(line), told, sid)


class Costs(unittest.TestCase):
    def test_the_guides_dollars_follow_from_the_measured_units(self):
        measured, guide = read(ROOT / "docs/cost.md"), read(ROOT / "docs/guide/cost.md")
        at_once, waits = measured.split("A job that waits: requests")[:2]
        # requests / write units / read units, at limit 15: queue, the last slot, poll; then queue behind ten waiters.
        queue, _, poll = re.findall(r"(\d+) / (\d+) / (\d+)", re.search(r"^ +15 .*$", at_once, re.MULTILINE).group())[:3]
        waiting = re.findall(r"(\d+) / (\d+) / (\d+)", re.search(r"^ +15 +10 .*$", waits, re.MULTILINE).group())[0]
        calls = 2 * (CALL + SECONDS * MEMORY * GB_SECOND)
        for transitions, (_, writes, reads) in ((2, queue), (2, waiting), (3, poll)):
            sum_ = transitions * TRANSITION + calls + int(writes) * WRITE + int(reads) * READ + 2 * LOG_KB * LOG_GB
            told = f"{transitions} x $25 | ${calls:.2f} | {writes} x $0.625 + {reads} x $0.125 | ${2 * LOG_KB * LOG_GB:.2f} | **${sum_:.2f}**"
            self.assertIn(told, guide)
        # A month of the waiting job: a million of them cost the units above, and the pool what it costs without jobs.
        _, writes, reads = (int(count) for count in waiting)
        a_million = (2 * TRANSITION, calls, writes * WRITE + reads * READ, 2 * LOG_KB * LOG_GB)
        pool = 0.10 + 23 * 0.30 + 11 * 0.10
        for told, millions in (("10,000", 0.01), ("1 million", 1), ("100 million", 100)):
            cells = [*(millions * cost for cost in a_million), pool]
            row = " | ".join(f"${cell:,.2f}" for cell in cells)
            self.assertIn(f"| {told} jobs | {row} | **${sum(cells):,.2f}** |", guide)


if __name__ == "__main__":
    unittest.main()
