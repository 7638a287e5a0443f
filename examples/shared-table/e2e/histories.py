"""How many worked at once, and how did each get there? Judged from the executions' own histories alone.

The local AWS records a map child's tasks but not its states. So a child's work is taken to last from the moment its
acquire task succeeded with a lease until its release task was scheduled: the work state lies within, so a peak of
these is never less than the peak of the work states.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws import Aws, eventually

State = dict[str, Any]
# A call that was lost: the function died, was not started or was not answered in time, or the table was not for it. A
# machine with too much to do brings these about, the lease manager's decisions never. AWS asks again, and bills that.
LOST = ("Lambda.", "Runtime.", "Sandbox.", "States.Timeout", "TableUnavailable", "TasksUnavailable")
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Event:
    """One event of a history."""

    type: str
    at: float
    details: dict[str, Any]

    @property
    def answer(self) -> dict[str, Any]:
        """What the task of this event succeeded with: the function's own answer."""
        output = self.details.get("output") or "null"
        value = json.loads(output)
        payload = value.get("Payload", value) if isinstance(value, dict) else {}
        return payload if isinstance(payload, dict) else {}


@dataclass(frozen=True)
class Execution:
    """An execution as AWS describes it, with its history."""

    arn: str
    status: str
    started: float
    stopped: float | None
    input: Any
    output: Any
    error: str | None
    cause: str | None
    events: tuple[Event, ...]

    def of_type(self, *types: str) -> list[Event]:
        """Its events of these types."""
        return [event for event in self.events if event.type in types]

    @property
    def entered(self) -> list[str]:
        """The states it entered, in order (recorded for whole executions, not for map children)."""
        return [str(event.details["name"]) for event in self.events if event.type.endswith("StateEntered")]

    @property
    def lost(self) -> Counter[str]:
        """The calls that were lost, by their errors. A call that failed for another reason is a mistake here."""
        failed = [event.details for event in self.of_type("TaskFailed", "TaskTimedOut")]
        unexpected = [details for details in failed if not details["error"].startswith(LOST)]
        assert not unexpected, f"{self.arn}: {unexpected}"
        return Counter(details["error"] for details in failed)

    @property
    def work(self) -> list[tuple[float, float]]:
        """From when to when it worked under a lease: told that it has one, until it asked to release."""
        spans: list[tuple[float, float]] = []
        since: float | None = None
        for event in self.events:
            if event.type == "TaskSucceeded" and event.answer.get("status") == "acquired":
                since = event.at
            elif event.type == "TaskScheduled" and since is not None and calls_lease_manager(event.details["resource"]):
                spans.append((since, event.at))
                since = None
        if since is not None:
            spans.append((since, self.stopped if self.stopped is not None else float("inf")))
        return spans


def calls_lease_manager(resource: str) -> bool:
    """Whether a task calls a lease manager: by `lambda:invoke`, or by the name that terraform/pool gives it."""
    return ":lambda:invoke" in resource or resource.endswith("-lease-manager")


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _details(event: dict[str, Any]) -> dict[str, Any]:
    return next((value for name, value in event.items() if name.endswith("EventDetails")), {})


def read(aws: Aws, arn: str) -> Execution:
    """An execution and its whole history."""
    states = aws.client("stepfunctions")
    seen = states.describe_execution(executionArn=arn)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn, maxResults=1000)
    events = tuple(
        Event(event["type"], event["timestamp"].timestamp(), _details(event))
        for page in pages
        for event in page["events"]
    )
    return Execution(
        arn=arn,
        status=seen["status"],
        started=seen["startDate"].timestamp(),
        stopped=_seconds(seen.get("stopDate")),
        input=json.loads(seen.get("input") or "null"),
        output=json.loads(seen.get("output") or "null"),
        error=seen.get("error"),
        cause=seen.get("cause"),
        events=events,
    )


def start(aws: Aws, machine: str, given: Any = None) -> str:
    """Starts an execution, with no input if none is given; its ARN."""
    arguments = {} if given is None else {"input": json.dumps(given)}
    return str(aws.client("stepfunctions").start_execution(stateMachineArn=machine, **arguments)["executionArn"])


def ended(aws: Aws, arn: str, seconds: float = 120) -> Execution:
    """The execution once it has ended."""

    def status() -> str | None:
        now = aws.client("stepfunctions").describe_execution(executionArn=arn)["status"]
        return now if now in ENDED else None

    eventually(f"the execution ends: {arn}", status, seconds)
    return read(aws, arn)


def children(aws: Aws, arn: str) -> list[Execution]:
    """The map children that an execution started, those that still run included."""
    states = aws.client("stepfunctions")
    runs = states.list_map_runs(executionArn=arn)["mapRuns"]
    arns = [
        child["executionArn"]
        for run in runs
        for page in states.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
        for child in page["executions"]
    ]
    return [read(aws, child) for child in arns]


def map_counts(aws: Aws, arn: str) -> dict[str, int]:
    """How the items of an execution's map ended, as its map run says."""
    states = aws.client("stepfunctions")
    (run,) = states.list_map_runs(executionArn=arn)["mapRuns"]
    counts: dict[str, int] = states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
    return {name: count for name, count in counts.items() if count}


def spans(executions: Iterable[Execution]) -> list[tuple[float, float]]:
    """When each of them worked under a lease."""
    return [span for execution in executions for span in execution.work]


def levels(work: Iterable[tuple[float, float]]) -> Iterator[tuple[float, int]]:
    """From which moment how many worked: a sweep over all beginnings and ends. Who ends makes room first."""
    steps = sorted([(begin, 1) for begin, _ in work] + [(end, -1) for _, end in work])
    working = 0
    for at, step in steps:
        working += step
        yield at, working


def peak(executions: Iterable[Execution]) -> int:
    """The most that worked at once."""
    return max((working for _, working in levels(spans(executions))), default=0)


def over(executions: Iterable[Execution], limit: Callable[[float], int]) -> list[tuple[float, int, int]]:
    """The moments at which more worked than the limit in force then: when, how many, the limit."""
    return [(at, working, limit(at)) for at, working in levels(spans(executions)) if working > limit(at)]


def lost(executions: Iterable[Execution]) -> str:
    """The calls that were lost in all of them, to be added to what is told; nothing if none was."""
    errors = sum((execution.lost for execution in executions), Counter[str]())
    return f", lost and asked again: {dict(errors)}" if errors else ""


def makespan(executions: Iterable[Execution]) -> float:
    """Seconds from the first task asked for to the last state left."""
    events = [event.at for execution in executions for event in execution.events]
    return max(events) - min(events)


def transitions(execution: Execution, start_at: str, states: dict[str, State]) -> list[str]:
    """The states that a child passed on its way through `states`, a task's repeats included; billed one by one.

    Follows the definition, and takes each task's tries and outcome from the history. Only for paths of tasks, waits
    and passes that succeeded: anything else is not followed but refused.
    """
    tasks = iter(execution.of_type("TaskScheduled", "TaskSucceeded"))
    passed: list[str] = []
    at: str | None = start_at
    while at:
        state = states[at]
        assert state["Type"] in ("Task", "Wait", "Pass"), f"{at} is a {state['Type']}"
        if state["Type"] == "Task":
            event = next(tasks)
            assert event.type == "TaskScheduled" and event.details["resource"] == state["Resource"], (at, event)
            while event.type == "TaskScheduled":
                passed.append(at)
                event = next(tasks)
        else:
            passed.append(at)
        at = state.get("Next")
    rest = list(tasks)
    assert not rest, f"{execution.arn} did more than its states say: {rest}"
    return passed
