"""Who is served when a branch fails, its siblings are cancelled, and a Catch lets their execution go on? On AWS nobody is told of a
cancelled branch; the interpreter of the end-to-end tests lets it go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine import Engine, Json, all_states, eventually, rendered

SERVED_WITHIN = 15.0  # seconds, on a busy machine: a notice to each of those who are gone; a lease lasts 600
SIBLINGS = 6
WORK = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-work"
JSONATA = {"QueryLanguage": "JSONata"}
Start = Callable[[Json, Json], str]


def on_single(name: str) -> Json:
    """A rendered machine, on the pool of one slot."""
    text = json.dumps(rendered(name)).replace("analytics-lease-manager", "single-lease-manager")
    told: Json = json.loads(text)
    # moto may try a cancelled task again, where AWS ends it.
    for state in all_states(told):
        state.pop("Retry", None)
    return told


@pytest.fixture(params=["jsonpath", "jsonata"])
def language(request: pytest.FixtureRequest) -> str:
    """The query language of the states."""
    return str(request.param)


@pytest.fixture
def job(language: str) -> Json:
    """The states of a job."""
    return on_single(f"queue-{language}")


@pytest.fixture
def start(engine: Engine) -> Iterator[Start]:
    """Starts an execution of a machine; what still runs in the end is stopped."""
    started: list[str] = []

    def start(definition: Json, given: Json) -> str:
        started.append(engine.start(engine.create(definition), given))
        return started[-1]

    engine.gates.clear()
    yield start
    for gate in engine.gates.values():
        gate.set()
    for execution in started:
        engine.machines.stop_execution(executionArn=execution)


def crowd(language: str, kind: str, **item: Any) -> Json:
    """The rendered machine whose branches are jobs, of so many such items beside a branch that fails once its gate opens. As it is, it
    is given the items; as a Parallel, each branch has its own."""
    machine = on_single(f"branches-{language}")
    many = machine["States"]["Items"]
    jobs = many["ItemProcessor"]
    # In JSONata, which may stand among states of either language.
    without = {"Condition": "{% $exists($states.input.item.without_lease) %}", "Next": "Fails"}
    which = {"Type": "Choice", **JSONATA, "Choices": [without], "Default": jobs["StartAt"]}
    work = {"Resource": WORK, "Arguments": {"item": "{% $states.input.item %}"}}
    fails = {"Type": "Task", **JSONATA, **work, "End": True}
    jobs["StartAt"] = "Which"
    jobs["States"] |= {"Which": which, "Fails": fails}
    if kind == "Parallel":
        picks = [{"Type": "Pass", **JSONATA, "Output": {"item": one}, "Next": "Which"} for one in items(**item)]
        branches = [{"StartAt": "Pick", "States": {"Pick": pick, **jobs["States"]}} for pick in picks]
        machine["States"]["Items"] = {"Type": "Parallel", "Branches": branches, "Catch": many["Catch"], "End": True}
        if "QueryLanguage" in many:
            machine["States"]["Items"]["QueryLanguage"] = many["QueryLanguage"]
    return machine


def items(**item: Any) -> list[Json]:
    """The crowd's items."""
    jobs = [{"id": f"crowd-{number}", **item} for number in range(SIBLINGS)]
    return [*jobs, {"without_lease": True, "gate": "fails", "fails": True}]


def waits(engine: Engine, number: int) -> None:
    """Waits until so many are in the queue."""
    eventually(f"{number} wait", lambda: len(engine.waiting("single")) == number)


def one(**item: Any) -> Json:
    """What an execution of a job is given."""
    return {"parent": "p", "item": item}


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_the_next_that_lives_is_served_past_cancelled_ones(
    engine: Engine, language: str, job: Json, start: Start, kind: str
) -> None:
    # The Catch goes on without giving back what the branches had.
    machine = crowd(language, kind)
    machine["States"]["Items"]["Catch"][0]["Next"] = "Wait"
    machine["States"] = {"Items": machine["States"]["Items"], "Wait": {"Type": "Wait", "Seconds": 600, "End": True}}
    holder = start(job, one(id="holder", gate="holds"))
    eventually("it holds", lambda: engine.held("single"))
    cancelled = start(machine, {"prefix": "crowd-", "items": items()})
    waits(engine, SIBLINGS)
    outsider = start(job, one(id="outsider"))
    waits(engine, SIBLINGS + 1)
    engine.gates["fails"].set()
    eventually("it was caught", lambda: "Wait" in engine.entered(cancelled))
    engine.gates["holds"].set()
    assert engine.ended(holder)["status"] == "SUCCEEDED"
    assert engine.ended(outsider, SERVED_WITHIN)["status"] == "SUCCEEDED"
    assert engine.machines.describe_execution(executionArn=cancelled)["status"] == "RUNNING"
    engine.assert_nothing_left("single")


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_a_catch_that_releases_all_frees_who_was_at_work(
    engine: Engine, language: str, job: Json, start: Start, kind: str
) -> None:
    cancelled = start(crowd(language, kind, gate="holds"), {"prefix": "crowd-", "items": items(gate="holds")})
    eventually("one works", lambda: engine.held("single"))
    waits(engine, SIBLINGS - 1)
    outsider = start(job, one(id="outsider"))
    waits(engine, SIBLINGS)
    engine.gates["fails"].set()
    # Nobody reports here that an execution has ended, so what frees the slot is the Catch.
    assert engine.ended(outsider, SERVED_WITHIN)["status"] == "SUCCEEDED"
    ended = engine.ended(cancelled)
    assert (ended["status"], ended["error"]) == ("FAILED", "RowMissing"), ended
    assert engine.entered(cancelled)[-3:] == ["ReleaseAll", "CheckReleaseAll", "RaiseBranchError"]
    engine.assert_nothing_left("single")
