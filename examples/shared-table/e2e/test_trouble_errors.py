"""What does a workflow see when the lease manager can not do what it is asked? An error, by name, and never a grant."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

import histories
from histories import Execution
from stage import Tell, Trouble

GARBAGE: dict[str, tuple[Any, str]] = {
    "not an object": ([], "event: expected a JSON object"),
    "no action": ({}, "action: expected"),
    "an unknown action": ({"action": "steal"}, "action: expected one of acquire, release"),
    "nobody": ({"action": "acquire"}, "execution: expected"),
    "an id that is too long": ({"action": "acquire", "execution": "x" * 1025}, "execution: expected"),
    "a time that is none": (
        {"action": "acquire", "execution": "e", "attempt": {"entered": "yesterday"}},
        "attempt.entered: expected a time",
    ),
    "a queue without a token": ({"action": "acquire", "execution": "e", "mode": "queue"}, "task_token: expected"),
    "a lease of no time": ({"action": "acquire", "execution": "e", "lease_seconds": 0}, "lease_seconds: expected"),
    "a release of nothing": ({"action": "release"}, "lease_id: expected"),
    "another pool's lease": ({"action": "release", "lease_id": "other:0:1"}, "lease_id: expected a lease of the pool"),
    "a number as lease": ({"action": "renew", "lease_id": 7}, "lease_id: expected a string"),
    "another service's event": ({"detail-type": "EC2 Instance Launch"}, "detail-type: expected"),
}


def call(trouble: Trouble, function: str, event: Any) -> Execution:
    """An execution that calls a function with an event, once it has ended."""
    arn = histories.start(trouble.aws, trouble.machine("call").arn, {"function": function, "event": event})
    return histories.ended(trouble.aws, arn)


def message(failed: Execution) -> str:
    """What the function said of its failure."""
    return str(json.loads(failed.cause or "{}").get("errorMessage"))


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_refused_by_the_field_that_is_wrong(trouble: Trouble, what: str) -> None:
    event, expected = GARBAGE[what]
    failed = call(trouble, trouble.pool("small").function, event)
    assert (failed.status, failed.error) == ("FAILED", "InvalidRequest"), failed.output
    assert message(failed).startswith(expected), message(failed)


def test_every_error_is_seen_by_its_name(trouble: Trouble, tell: Tell) -> None:
    pool = trouble.pool("small")
    acquire = {"action": "acquire", "execution": "somebody"}
    held = pool.ask(**acquire, attempt={"entered": 2_000})
    expected = {
        "LeaseLost": call(trouble, pool.function, {"action": "renew", "lease_id": "small:0:999999"}),
        "HolderBusy": call(trouble, pool.function, acquire | {"attempt": {"entered": 1_000}}),
        "PoolNotFound": call(trouble, trouble.broken("without-settings"), acquire),
        "PoolMisconfigured": call(trouble, trouble.broken("misconfigured"), acquire),
        "TableUnavailable": call(trouble, trouble.broken("unreachable"), acquire),
        "Throttled": call(trouble, trouble.broken("busy"), acquire),
    }
    without_table = call(trouble, trouble.broken("without-table"), acquire)
    pool.ask(action="release", lease_id=held["lease_id"])
    assert {name: failed.error for name, failed in expected.items()} == {name: name for name in expected}
    assert {failed.status for failed in expected.values()} == {"FAILED"}
    assert without_table.error == "PoolNotFound"
    for failed, prefix, table in [
        (expected["PoolNotFound"], "nobody", pool.table),
        (without_table, pool.prefix, "no-such-table"),
    ]:
        assert prefix in message(failed) and table in message(failed), message(failed)
    pool.assert_nothing_left()
    tell("; ".join(f"{name} ({message(failed)[:60]}...)" for name, failed in expected.items()))


def test_who_waits_too_long_is_told_so(trouble: Trouble, tell: Tell) -> None:
    pool = trouble.pool("impatient")
    held = pool.ask(action="acquire", execution="somebody")
    assert held["status"] == "acquired"
    given = {"parent": None, "item": {"id": "late", "seconds": 1}}
    waiter = histories.start(trouble.aws, trouble.machine("impatient").arn, given)
    (place,) = pool.once("it waits", pool.waiting)
    time.sleep(max(0, int(place["give_up_at"]) / 1000 - time.time()))
    pool.once("a sweep gives it up", lambda: pool.sweep() and not pool.waiting())
    failed = histories.ended(trouble.aws, waiter)
    assert (failed.status, failed.error) == ("FAILED", "WaitedTooLong"), failed.cause
    assert len(failed.of_type("TaskScheduled")) == 1, "it was long enough: nobody asks again"
    assert failed.work == []
    assert [row["execution"] for row in pool.held()] == ["somebody"], "who holds the slot keeps it"
    pool.ask(action="release", lease_id=held["lease_id"])
    pool.assert_nothing_left()
    waited = int(place["give_up_at"]) / 1000 - failed.started
    tell(f"told {failed.error} ({failed.cause}) after {waited:.2f} s in the queue of a full pool, then a sweep")
