"""Do linters that others wrote take what the modules render? Started by scripts/lint-aws, which installs them.

State machines: asl-validator and cfn-lint, on each rendered machine as it is, as the items of an inline and of a Distributed Map,
and on each that a `terraform test` made. IAM policies: parliament, on each that one made. What is found and not answered in
answers.py is an error.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from answers import ANSWERS, unanswered
from parliament import analyze_policy_string

ROOT = Path(__file__).resolve().parents[2]
RENDERED = ROOT / "terraform" / "states" / "tests" / "rendered"
COPY, TOLD = (ROOT / "target" / "terraform" / name for name in ("copy", "logs"))
WORK = ROOT / "target" / "linters"
MACHINES = WORK / "machines"
Json = dict[str, Any]


def resources(told: Any) -> Iterator[Json]:
    """The resources of a plan or a state, each with its address, kind and values."""
    if isinstance(told, list):
        for one in told:
            yield from resources(one)
    elif isinstance(told, dict):
        values = told.get("values") or told.get("change", {}).get("after")
        if "address" in told and "type" in told and isinstance(values, dict):
            yield {"address": told["address"], "type": told["type"], "values": values}
        else:
            for one in told.values():
                yield from resources(one)


def refused() -> set[str]:
    """The runs that Terraform is to refuse: what they planned is never made."""
    runs = {}
    for path in COPY.rglob("*.tftest.hcl"):
        blocks = re.split(r'^run "(\w+)" \{', path.read_text(encoding="utf-8"), flags=re.M)[1:]
        runs |= dict(zip(blocks[::2], blocks[1::2], strict=True))
    return {name for name, block in runs.items() if "expect_failures" in block}


def tested() -> Iterator[Json]:
    """The resources that the runs of `terraform test` planned and made."""
    left_out = refused()
    files = sorted(TOLD.glob("*.tests.json"))
    if not files:
        sys.exit("scripts/lint-aws: nothing is rendered to be judged: run scripts/terraform-test first")
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            if '"test_plan"' in line or '"test_state"' in line:
                event = json.loads(line)
                if event["@testrun"] in left_out:
                    continue
                yield from resources(event.get("test_plan", event.get("test_state")))


def policies_that_come_out() -> Iterator[tuple[str, str]]:
    """The policies that modules give to their callers: the name of each output, and its text."""
    left_out = refused()
    for path in sorted(TOLD.glob("*.tests.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if '"test_state"' in line and (event := json.loads(line))["@testrun"] not in left_out:
                outputs = event["test_state"].get("outputs", {})
                for name, output in outputs.items():
                    if name.endswith("_policy_json") and output.get("value"):
                        yield f"output.{name}", output["value"]


def in_map(definition: Json, mode: Json) -> Json:
    """A machine whose items are this one."""
    items = {"ProcessorConfig": mode, **definition}
    return {"StartAt": "All", "States": {"All": {"Type": "Map", "ItemProcessor": items, "End": True}}}


def machines(made: list[Json]) -> dict[str, Json]:
    """All state machines by name."""
    all_of_them = {}
    for path in sorted(RENDERED.glob("*.json")):
        definition = json.loads(path.read_text(encoding="utf-8"))
        all_of_them[path.stem] = definition
        all_of_them[f"{path.stem}-inline"] = in_map(definition, {"Mode": "INLINE"})
        all_of_them[f"{path.stem}-distributed"] = in_map(definition, {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"})
    for one in made:
        definition = one["values"].get("definition")
        if one["type"] == "aws_sfn_state_machine" and definition and json.loads(definition) not in all_of_them.values():
            name = re.sub(r"\W+", "-", one["address"]).strip("-")
            all_of_them[f"{name}-{len(all_of_them)}"] = json.loads(definition)
    return all_of_them


def judged_by_asl_validator(definitions: dict[str, Json]) -> list[str]:
    """What asl-validator finds."""
    paths = []
    for name, definition in definitions.items():
        paths.append(MACHINES / f"{name}.json")
        paths[-1].write_text(json.dumps(definition, indent=2), encoding="utf-8")
    command = ["node", WORK / "node_modules" / ".bin" / "asl-validator"]
    done = subprocess.run(command + [part for path in paths for part in ("--json-path", path)], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    valid = [line for line in lines if line.endswith(" is valid")]
    found = [f"asl-validator: {line}" for line in lines if line.strip() and line not in valid] if done.returncode else []
    # Who ends without a word about each has judged nothing.
    assert found or (done.returncode == 0 and len(valid) == len(definitions)), done.stdout + done.stderr
    return found


def judged_by_cfn_lint(definitions: dict[str, Json]) -> list[str]:
    """What cfn-lint finds."""
    paths = []
    for name, definition in definitions.items():
        properties = {"RoleArn": "arn:aws:iam::123456789012:role/any", "Definition": definition}
        machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
        paths.append(MACHINES / f"{name}.template")
        template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": machine}}
        paths[-1].write_text(json.dumps(template, indent=2), encoding="utf-8")
    command = [Path(sys.executable).parent / "cfn-lint", "--format", "json", "--include-checks", "I", "--", *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert done.returncode == 0 or found, done.stderr
    return [f"cfn-lint: {Path(one['Filename']).stem}: {one['Rule']['Id']} {one['Message']}" for one in found]


def judged_by_parliament(policies: dict[tuple[str, str], str]) -> list[str]:
    """What parliament finds in these, by attribute and text."""
    found = []
    for (attribute, text), address in policies.items():
        policy = json.loads(text)
        if attribute == "assume_role_policy":
            # It expects a resource, which is the role itself.
            for statement in policy["Statement"]:
                statement["Resource"] = "arn:aws:iam::123456789012:role/itself"
        told = analyze_policy_string(json.dumps(policy), ignore_private_auditors=True, include_community_auditors=True)
        found += [f"parliament: {address}: {one.issue} {one.detail}" for one in told.findings]
    return found


def see_what_is_wrong() -> None:
    """A linter that finds nothing in these is none."""
    machine = {"StartAt": "Gone", "States": {"Work": {"Type": "Task", "Next": "Nowhere"}}}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:GrabItem", "Resource": "*"}]}
    assert judged_by_asl_validator({"broken": machine}), "asl-validator takes a state that is not there"
    assert judged_by_cfn_lint({"broken": machine}), "cfn-lint takes a state that is not there"
    assert judged_by_parliament({("policy", json.dumps(policy)): "broken"}), "parliament takes an action that is not there"


def main() -> None:
    """Judges all there is."""
    made = list(tested())
    shutil.rmtree(MACHINES, ignore_errors=True)
    MACHINES.mkdir(parents=True)
    see_what_is_wrong()
    definitions = machines(made)
    # The same text is judged once.
    policies = {
        (attribute, text): one["address"]
        for one in made
        for attribute, text in one["values"].items()
        if attribute.endswith("policy") and isinstance(text, str) and text.startswith("{")
    }
    handed_out = {("output", text): name for name, text in policies_that_come_out()}
    expected = {f"output.{who}_policy_json" for who in ("watch", "operate", "run")}
    assert set(handed_out.values()) == expected, sorted(handed_out.values())
    policies |= handed_out
    kinds = {address.removeprefix("module.").split("[")[0] for address in policies.values()}
    assert len(policies) >= 10 and any("aws_iam_role_policy" in kind for kind in kinds), sorted(kinds)
    findings = judged_by_asl_validator(definitions) + judged_by_cfn_lint(definitions) + judged_by_parliament(policies)
    wrong = unanswered(sorted(set(findings)))
    for line in wrong:
        print(f"scripts/lint-aws: {line}", file=sys.stderr)
    if wrong:
        sys.exit("scripts/lint-aws: mend these, or answer them in scripts/linters/answers.py")
    print(
        f"asl-validator, cfn-lint: {len(definitions)} state machines; parliament: {len(policies)} policies; "
        f"what they find is answered ({len(ANSWERS)} answers)"
    )


main()
