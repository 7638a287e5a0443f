"""Does the judge see what it should? Histories made by hand, of executions that broke a limit and that did not."""

from __future__ import annotations

import json

import pytest

import histories
from histories import Event, Execution, State

CALL = {"resource": "arn:aws:states:::lambda:invoke"}
STATES: dict[str, State] = {
    "Acquire": {"Type": "Task", "Resource": CALL["resource"], "Next": "Work"},
    "Work": {"Type": "Wait", "Next": "Release"},
    "Release": {"Type": "Task", "Resource": CALL["resource"], "End": True},
}


def answered(at: float, status: str) -> Event:
    """A task that succeeded with this answer of a lease manager."""
    return Event("TaskSucceeded", at, CALL | {"output": json.dumps({"Payload": {"status": status}})})


def item(told: float, released: float, *before: Event) -> Execution:
    """An item that was told of its lease and asked to release it then."""
    events = [
        *before,
        Event("TaskScheduled", told - 1, CALL),
        answered(told, "acquired"),
        Event("TaskScheduled", released, CALL),
        answered(released + 1, "released"),
    ]
    return Execution("arn", "SUCCEEDED", 0, released + 1, None, None, None, None, tuple(events))


def test_two_that_overlap_are_one_too_many_for_a_limit_of_one() -> None:
    both = [item(1, 3), item(2, 4)]
    assert histories.peak(both) == 2
    assert histories.over(both, lambda _: 1) == [(2, 2, 1)]


def test_one_that_begins_as_another_ends_takes_its_place() -> None:
    both = [item(1, 2), item(2, 3)]
    assert histories.peak(both) == 1
    assert histories.over(both, lambda _: 1) == []


def test_one_that_never_releases_works_until_it_ends() -> None:
    silent = Execution("arn", "ABORTED", 0, 9, None, None, None, None, (answered(1, "acquired"),))
    assert silent.work == [(1, 9)]
    assert histories.peak([silent, item(5, 6)]) == 2


def test_an_answer_that_is_no_grant_is_no_work() -> None:
    waited = item(3, 4, Event("TaskScheduled", 0, CALL), answered(1, "wait"))
    assert waited.work == [(3, 4)]


def test_a_retried_task_is_one_transition_more() -> None:
    assert histories.transitions(item(1, 2), "Acquire", STATES) == ["Acquire", "Work", "Release"]
    retried = item(1, 2, Event("TaskScheduled", -1, CALL))
    assert histories.transitions(retried, "Acquire", STATES) == ["Acquire", "Acquire", "Work", "Release"]


def failed(error: str) -> Event:
    """A task that failed with this error."""
    return Event("TaskFailed", -0.5, CALL | {"error": error})


def test_a_call_that_was_lost_is_told_from_one_that_was_refused() -> None:
    call = Event("TaskScheduled", -1, CALL)
    slow = failed("Sandbox.Timedout")
    tried = item(1, 2, call, failed("TableUnavailable"), call, slow, call, slow)
    assert tried.lost == {"TableUnavailable": 1, "Sandbox.Timedout": 2}
    assert histories.lost([tried, item(3, 4)]) == f", lost and asked again: {dict(tried.lost)}"
    assert item(1, 2).lost.total() == 0 and histories.lost([item(1, 2)]) == ""
    for error in ("Throttled", "LeaseLost", "HolderBusy", "Internal"):
        with pytest.raises(AssertionError, match=error):
            assert item(1, 2, call, failed(error)).lost


def test_a_task_that_the_states_do_not_have_is_refused() -> None:
    more = item(1, 2)
    more = Execution(**{**vars(more), "events": (*more.events, Event("TaskScheduled", 9, CALL))})
    with pytest.raises(AssertionError, match="did more than its states say"):
        histories.transitions(more, "Acquire", STATES)
