"""Does the unchanged example do what its README says? Deployed as a user does, and judged from outside."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import histories
from aws import ROOT, Aws
from histories import Execution
from inventory import standing
from machines import Machine
from stage import Tell
from terraform import ARCHITECTURE, Root

WORK_SECONDS = 3
LIMITS = {"analytics": 15, "batch": 5}


@dataclass
class Example:
    """The deployed example, and what stood before it."""

    root: Root
    before: set[str]

    def machine(self, workload: str) -> Machine:
        """The state machine of a workload."""
        return Machine.named(self.root.aws, f"shared-lease-platform-{workload}-workflow")

    def in_mode(self, mode: str) -> None:
        """Applies the mode, if it is not the one in force."""
        if self.root.variables.get("mode", "queue") != mode:
            self.root.variables["mode"] = mode
            self.root.apply()


@pytest.fixture(scope="module")
def example(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """`terraform init` and `terraform apply` of the example: nothing changed but the package and the work's length."""
    before = standing(aws)
    root = Root.copy(
        tmp_path_factory.mktemp("example"),
        "examples/shared-table",
        aws,
        lambda_package=os.environ["LEASEHOLD_LAMBDA_PACKAGE"],
        architecture=ARCHITECTURE,
        work_seconds=WORK_SECONDS,
    )
    root.init()
    root.apply()
    yield Example(root, before)
    if root.stands:
        root.destroy()


def expected_items(workload: str) -> list[str]:
    """The ids of a workload's items, from the file that the example ships."""
    items = json.loads((ROOT / "examples" / "shared-table" / "items" / f"{workload}.json").read_text())
    return sorted(item["id"] for item in items)


def run_together(aws: Aws, machines: dict[str, Machine]) -> dict[str, list[Execution]]:
    """Starts an execution of each, with no input, and waits for both; the items' own executions."""
    started = {name: histories.start(aws, machine.arn) for name, machine in machines.items()}
    for arn in started.values():
        whole = histories.ended(aws, arn, seconds=300)
        assert whole.status == "SUCCEEDED", (whole.error, whole.cause)
        assert set(histories.map_counts(aws, arn)) == {"total", "succeeded"}
    return {name: histories.children(aws, arn) for name, arn in started.items()}


def test_a_lone_item_passes_three_states(example: Example, aws: Aws, tell: Tell) -> None:
    # The states of the map's items as a whole execution, because only there is every state's entry recorded.
    example.in_mode("queue")
    machine = example.machine("batch")
    start_at, states = machine.items
    states_client = aws.client("stepfunctions")
    described = states_client.describe_state_machine(stateMachineArn=machine.arn)
    lone = states_client.create_state_machine(
        name="lone-item",
        roleArn=described["roleArn"],
        definition=json.dumps({"StartAt": start_at, "States": states}),
    )["stateMachineArn"]
    try:
        arn = histories.start(aws, lone, {"parent": "lone", "item": {"id": "lone"}})
        done = histories.ended(aws, arn)
    finally:
        states_client.delete_state_machine(stateMachineArn=lone)
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert len(done.entered) == 3, done.entered
    tell(" -> ".join(done.entered))


def test_a_program_takes_a_lease_as_the_contract_page_shows(example: Example, aws: Aws, tell: Tell) -> None:
    page = (ROOT / "docs" / "contract.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    function = example.machine("batch").pool.function
    named = program.replace("analytics-lease-manager", function)
    assert named != program
    ran = subprocess.run(
        [sys.executable, "-c", named], env=aws.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("at work until "), ran.stdout
    assert example.machine("batch").pool.held() == []
    tell(ran.stdout.strip())


@pytest.mark.parametrize("mode", ["queue", "poll"])
def test_both_workloads_finish_within_their_limits(example: Example, aws: Aws, tell: Tell, mode: str) -> None:
    example.in_mode(mode)
    machines = {name: example.machine(name) for name in LIMITS}
    for name, machine in machines.items():
        aws.awake(machine.pool.function, len(expected_items(name)))
    items = run_together(aws, machines)
    for name, limit in LIMITS.items():
        done = items[name]
        assert sorted(child.input["item"]["id"] for child in done) == expected_items(name)
        assert {child.status for child in done} == {"SUCCEEDED"}
        assert all(len(child.work) == 1 for child in done), "each item worked once, under one lease"
        assert histories.over(done, lambda _: limit) == []
        # All of them would have worked at once, had the limit not held them back. All slots are taken on a machine with
        # nothing else to do; the summary says.
        assert histories.peak(done) > limit / 2
        machines[name].pool.assert_nothing_left()
        if mode == "queue":
            start_at, states = machines[name].items
            for child in done:
                path = histories.transitions(child, start_at, states)
                assert len(path) == 3 + child.lost.total(), (path, child.lost)
                assert len(set(path)) == 3, path
        tries = sum(len(child.of_type("TaskScheduled")) for child in done) / len(done)
        each = {"queue": "3 transitions", "poll": f"{tries:.1f} calls of the lease manager"}[mode]
        ideal = math.ceil(len(done) / limit) * WORK_SECONDS
        tell(
            f"{name}: {len(done)} of {len(done)} items, peak {histories.peak(done)} of {limit}, makespan "
            f"{histories.makespan(done):.2f} s (ideal {ideal} s), {each} per item{histories.lost(done)}"
        )


def test_a_second_plan_changes_nothing(example: Example) -> None:
    assert example.root.pending() is None


def test_destroy_leaves_nothing(example: Example, aws: Aws, tell: Tell) -> None:
    made = standing(aws) - example.before
    assert any(one.startswith("table ") for one in made)
    example.root.destroy()
    assert standing(aws) - example.before == set()
    tell(f"{len(made)} things made, none left")
