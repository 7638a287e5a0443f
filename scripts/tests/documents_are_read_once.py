#!/usr/bin/env python3
"""Are the documents read once? No sentence has more than thirty words, and none begins with a clause for a subject.

    documents_are_read_once.py            tests it
    documents_are_read_once.py --count    says how many sentences there are, and how many break a rule

The page's own texts are judged in wasm/e2e/tests/the_page_is_read_once.test.js. A changelog is looked up and not read.
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 30  # words a sentence
SLOW = {
    "a free relative clause as a subject": r"^(?:What|Whoever|Whatever|Who|That which) (?!.*\?)",
    "so many": r"\bso (?:many|much) (?!that\b)(?!as\b)",
    "a negation that is asked to act": r"\b[Ss]ay nothing\b",
    "with or without what?": r"(?:^|[.:;,] )[Ww]ithout,",
}


def pages():
    """The documents, by name."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if name != "CHANGELOG.md"]


def paragraphs(text):
    """Paragraphs, points of lists and cells of tables, without code and headings."""
    text = re.sub(r"^(```+|~~~+).*?^\1\s*$", "\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<[a-z/!][^>]*>", "\n", text)
    lines = []
    for line in text.splitlines():
        if line.startswith("|"):
            lines += [part for cell in re.split(r"(?<!\\)\|", line.strip("| ")) for part in ("", cell.strip())] + [""]
        elif re.match(r"\s*(?:[-*]|\d+\.) ", line):
            lines += ["", re.sub(r"^\s*(?:[-*]|\d+\.) ", "", line)]
        else:
            lines.append("" if line.startswith("#") else line.strip())
    block = []
    for line in [*lines, ""]:
        if line:
            block.append(line)
        elif block:
            yield " ".join(block)
            block = []


def sentences(text):
    """Sentences. A semicolon ends one too, as what comes after it could stand alone."""
    for paragraph in paragraphs(text):
        paragraph = re.sub(r"\]\([^)]*\)", "]", paragraph)
        paragraph = re.sub(r"`[^`]*`", "X", paragraph)
        yield from re.split(r"(?<=[.!?])[)*_]*\s+(?=[A-Z*\[(\"])|(?<=;) |(?<=:) (?=[A-Z*\[(])", paragraph)


def words(sentence):
    return len(re.findall(r"[A-Za-z0-9$][\w'’.,$-]*", sentence))


def wrong(sentence):
    """What is wrong with a sentence, in words."""
    count = words(sentence)
    if count > LONGEST:
        yield f"{count} words"
    for why, pattern in SLOW.items():
        if re.search(pattern, sentence.lstrip('*_("')):
            yield why


def judged():
    return [(name, one, why) for name in pages() for one in sentences((ROOT / name).read_text(encoding="utf-8")) for why in wrong(one)]


class ReadOnce(unittest.TestCase):
    def test_no_sentence_is_long_or_has_a_phrase_that_stops_readers(self):
        for name, sentence, why in judged():
            with self.subTest(name, why=why):
                self.fail(sentence)

    def test_the_judge_sees_what_it_looks_for(self):
        found = [why for one in ("What changes a pool asks first.", "It waits so many seconds.", "word " * 31) for why in wrong(one)]
        self.assertEqual(found, ["a free relative clause as a subject", "so many", "31 words"])
        self.assertEqual(list(wrong("What does a job cost?")), [])


if __name__ == "__main__":
    if sys.argv[1:] == ["--count"]:
        all_of_them = sum(1 for name in pages() for _ in sentences((ROOT / name).read_text(encoding="utf-8")))
        print(f"{all_of_them} sentences, {len(judged())} break a rule")
    else:
        unittest.main()
