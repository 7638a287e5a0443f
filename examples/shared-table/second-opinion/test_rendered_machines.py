"""Do the four rendered machines do on a second interpreter what they promise, with the real lease manager?"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine import ROOT, Engine, Json, rendered
from functions import FunctionFailed, InvocationRefused

sys.path.insert(0, str(ROOT / "terraform" / "states" / "tests"))
from interpreter_agrees import GRANT, NO_GRANTS  # noqa: E402

MACHINES = ["queue-jsonpath", "queue-jsonata", "poll-jsonpath", "poll-jsonata"]
PARENT = "arn:aws:states:eu-central-1:123456789012:execution:analytics:7"
MANAGER = "analytics-lease-manager"
CROWD, LIMIT = 30, 5


def acquired(name: str) -> list[str]:
    """The states before the work, if there is a slot at once."""
    return ["AcquireLease"] if name.startswith("queue") else ["AcquireLease", "CheckLeaseStatus"]


def job(**item: Any) -> Json:
    """What an execution is given."""
    return {"parent": PARENT, "item": item}


@pytest.fixture(params=MACHINES)
def name(request: pytest.FixtureRequest) -> str:
    """Each rendered machine."""
    return str(request.param)


@pytest.fixture
def machine(engine: Engine, name: str) -> str:
    """It as a state machine."""
    return engine.create(rendered(name))


def test_a_grant_leads_to_the_work_and_is_given_back(engine: Engine, name: str, machine: str) -> None:
    execution = engine.start(machine, job(id="one"))
    ended = engine.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    assert engine.entered(execution) == [*acquired(name), "Process", "ReleaseLease"]
    output = json.loads(ended["output"])
    assert output["lease"]["status"] == "acquired" and output["result"] == {"rows": 3}
    assert sorted(output) == ["item", "lease", "parent", "result"]
    engine.assert_nothing_left("analytics")


def is_taken(name: str, answer: Any) -> bool:
    """Whether it is not for the machine to refuse: the guard of JSONPath's queue is that all of a grant's paths are there."""
    return name == "queue-jsonpath" and isinstance(answer, dict) and GRANT.keys() <= answer.keys()


def test_no_other_answer_leads_to_the_work(engine: Engine, name: str, machine: str) -> None:
    answers = [answer for answer in NO_GRANTS if not is_taken(name, answer)]

    def tells(event: Json) -> Any:
        answer = json.loads(event["key"])
        if "task_token" not in event:
            return answer
        engine.machines.send_task_success(taskToken=event["task_token"], output=json.dumps(answer))
        return {"status": "queued"}

    def run(answer: Any) -> tuple[Json, list[str]]:
        execution = engine.start(machine, job(id=json.dumps(answer)))
        return engine.ended(execution), engine.entered(execution)

    with engine.answered_by(MANAGER, tells), ThreadPoolExecutor(4) as several:
        ends = list(several.map(run, answers))
    # A path that is not there fails here, as on AWS; the local AWS's interpreter takes null for it.
    error = {"queue-jsonpath": "States.Runtime", "queue-jsonata": "States.QueryEvaluationError"}
    for answer, (ended, entered) in zip(answers, ends, strict=True):
        assert ended["status"] == "FAILED" and "Process" not in entered, (answer, ended, entered)
        assert ended["error"] == error.get(name, "UnexpectedLeaseAnswer"), (answer, ended)


@pytest.mark.parametrize(
    "wrong",
    [FunctionFailed("TableUnavailable", "for a moment"), InvocationRefused(429, "TooManyRequestsException")],
    ids=["the table is away", "Lambda is busy"],
)
def test_a_call_that_fails_for_a_moment_is_tried_again(
    engine: Engine, name: str, machine: str, wrong: Exception
) -> None:
    real = engine.functions.named[MANAGER]
    asked: list[Json] = []

    def fails_once(event: Json) -> Any:
        if event["action"] == "acquire":
            asked.append(event)
            if len(asked) == 1:
                raise wrong
        return real(event)

    with engine.answered_by(MANAGER, fails_once):
        execution = engine.start(machine, job(id="four"))
        ended = engine.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    first, second = asked
    if name.startswith("queue"):
        assert [event["attempt"]["retry"] for event in asked] == [0, 1]
        assert first["task_token"] != second["task_token"]
    engine.assert_nothing_left("analytics")


def test_an_error_that_does_not_pass_is_raised_at_once(engine: Engine, name: str, machine: str) -> None:
    asked: list[Json] = []

    def fails(event: Json) -> Any:
        asked.append(event)
        raise FunctionFailed("PoolNotFound", "no such pool")

    with engine.answered_by(MANAGER, fails):
        ended = engine.ended(engine.start(machine, job(id="five")))
    assert (ended["status"], ended["error"], len(asked)) == ("FAILED", "PoolNotFound", 1), ended


def test_a_job_without_its_key_fails_before_it_asks(engine: Engine, name: str, machine: str) -> None:
    execution = engine.start(machine, job(other="one"))
    ended = engine.ended(execution)
    assert ended["status"] == "FAILED", ended
    assert engine.entered(execution) == ["AcquireLease"]
    engine.assert_nothing_left("analytics")


def test_work_that_fails_gives_the_lease_back_and_fails_as_it_did(engine: Engine, name: str, machine: str) -> None:
    execution = engine.start(machine, job(id="two", fails=True))
    ended = engine.ended(execution)
    assert engine.entered(execution)[-3:] == ["Process", "ReleaseLeaseAfterFailure", "RaiseOriginalError"]
    assert (ended["status"], ended["error"]) == ("FAILED", "RowMissing"), ended
    assert "no row 'seven' {}" in ended["cause"]
    engine.assert_nothing_left("analytics")


@pytest.mark.parametrize("fails", [False, True], ids=["work succeeds", "work fails"])
def test_a_release_that_fails_changes_no_outcome(engine: Engine, name: str, machine: str, fails: bool) -> None:
    real = engine.functions.named[MANAGER]

    def refuses(event: Json) -> Any:
        if event["action"] == "release":
            raise FunctionFailed("PoolNotFound", "while it was held")
        return real(event)

    with engine.answered_by(MANAGER, refuses):
        execution = engine.start(machine, job(id="three", fails=fails))
        ended = engine.ended(execution)
    entered = engine.entered(execution)
    if fails:
        assert (ended["error"], entered[-1]) == ("RowMissing", "RaiseOriginalError"), ended
    else:
        assert (ended["status"], entered[-1]) == ("SUCCEEDED", "LeaseLeftToExpire"), ended
        assert json.loads(ended["output"])["result"] == {"rows": 3}
    # It is still held, as nobody could give it back; this is what its execution's end does.
    [slot] = engine.held("analytics")
    assert real({"action": "release", "execution": slot["execution"], "parent": PARENT, "all": True})["count"] == 1
    engine.assert_nothing_left("analytics")


def test_of_thirty_at_once_no_more_than_the_limit_work(engine: Engine, name: str, machine: str) -> None:
    engine.peak = 0
    engine.gates.clear()
    # None is done before as many work as may; then each takes long enough for one more to be seen.
    given = [job(id=str(number), begins_with=LIMIT, seconds=0.2) for number in range(CROWD)]
    executions = [engine.start(machine, one) for one in given]
    for execution in executions:
        assert engine.ended(execution, 120)["status"] == "SUCCEEDED"
    assert engine.peak == LIMIT
    engine.assert_nothing_left("analytics")
