"""What if a holder ends without releasing? Its slots come back: by an event, by a sweep, or by time."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import histories
from aws import REGION
from pools import Pool
from stage import Tell, Trouble

# Longer than any test waits: whoever works so long is stopped.
LONG = 600


def now_ms() -> int:
    """This moment, as the protocol writes it."""
    return int(time.time() * 1000)


def started(trouble: Trouble, pool: Pool, count: int) -> list[str]:
    """Starts so many executions with long work, one after the other, each in its place before the next."""
    arns: list[str] = []
    for _ in range(count):
        arn = histories.start(
            trouble.aws, trouble.machine("one").arn, {"parent": None, "item": {"id": "lone", "seconds": LONG}}
        )
        pool.once("the execution holds or waits", lambda arn=arn: arn in seen(pool))
        arns.append(arn)
    return arns


def holders(pool: Pool) -> list[str]:
    """The executions that hold a slot."""
    return sorted(row["execution"] for row in pool.held())


def seen(pool: Pool) -> list[str]:
    """The executions that hold a slot or wait for one."""
    return holders(pool) + [row["execution"] for row in pool.waiting()]


def stop(trouble: Trouble, arn: str) -> float:
    """Stops an execution; when."""
    trouble.aws.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by the test")
    return time.monotonic()


@contextmanager
def silent_rules(trouble: Trouble, *names: str) -> Iterator[None]:
    """Without these rules, as when their events are lost."""
    events = trouble.aws.client("events")
    for name in names:
        events.disable_rule(Name=name)
    try:
        yield
    finally:
        for name in names:
            events.enable_rule(Name=name)


@contextmanager
def waiting_tasks(trouble: Trouble, count: int) -> Iterator[list[str]]:
    """The tokens of so many tasks that wait for an answer, each of an execution of its own."""
    states = trouble.aws.client("stepfunctions")
    activity = states.create_activity(name="waits")["activityArn"]
    role = states.describe_state_machine(stateMachineArn=trouble.machine("one").arn)["roleArn"]
    task = {"Type": "Task", "Resource": activity, "End": True}
    machine = states.create_state_machine(
        name="waits", roleArn=role, definition=json.dumps({"StartAt": "Wait", "States": {"Wait": task}})
    )["stateMachineArn"]
    try:
        for _ in range(count):
            histories.start(trouble.aws, machine, {})
        yield [states.get_activity_task(activityArn=activity)["taskToken"] for _ in range(count)]
    finally:
        states.delete_state_machine(stateMachineArn=machine)
        states.delete_activity(activityArn=activity)


def test_a_stopped_execution_gives_its_slot_to_the_next_at_once(trouble: Trouble, tell: Tell) -> None:
    pool = trouble.pool("small")
    arns = started(trouble, pool, 5)
    assert holders(pool) == sorted(arns[:3])
    assert [row["execution"] for row in pool.waiting()] == arns[3:]
    handed_over = []
    for number in range(2):
        since = stop(trouble, arns[number])
        expected = sorted(arns[number + 1 : number + 4])
        pool.once("the first waiter has the slot", lambda expected=expected: holders(pool) == expected)
        handed_over.append(time.monotonic() - since)
    for arn in arns[2:]:
        # The local AWS goes on with the retries of a task that it stopped, so only what works is stopped here.
        pool.once("the execution works", lambda arn=arn: "Process" in histories.read(trouble.aws, arn).entered)
        since = stop(trouble, arn)
    pool.once("all slots are free", lambda: not pool.held())
    freed = time.monotonic() - since
    pool.assert_nothing_left()
    assert max(*handed_over, freed) < 10
    tell(
        f"handed to the first waiter {max(handed_over):.2f} s after StopExecution at most, the last freed after "
        f"{freed:.2f} s"
    )


def test_a_sweep_frees_what_a_lost_event_did_not(trouble: Trouble, tell: Tell) -> None:
    pool = trouble.pool("small")
    with silent_rules(trouble, "trouble-small-lease-ended", "trouble-small-lease-sweep"):
        running, stopped = started(trouble, pool, 2)
        stop(trouble, stopped)
        assert holders(pool) == sorted([running, stopped]), "nobody told the lease manager"
        swept = pool.sweep()
        assert holders(pool) == [running], "the one that DescribeExecution says is running keeps its slot"
    stop(trouble, running)
    pool.once("the other is freed by its event", lambda: not pool.held())
    pool.assert_nothing_left()
    tell(f"one sweep freed the stopped execution's slot and extended {swept['extended']} that runs")


def test_the_end_of_a_map_runs_parent_frees_all_its_items(trouble: Trouble, tell: Tell) -> None:
    # The ids as AWS gives them: a child's own is another one than its parent's.
    pool = trouble.pool("small")
    account = f"arn:aws:states:{REGION}:000000000000:execution"
    parent, other = f"{account}:nightly:{uuid.uuid4()}", f"{account}:nightly:{uuid.uuid4()}"
    before = now_ms()
    with waiting_tasks(trouble, 5) as tokens:
        answers = [
            pool.ask(
                action="acquire",
                mode="queue",
                execution=f"{account}:nightly/Items:{uuid.uuid4()}",
                parent=parent,
                key=f"item-{number}",
                attempt={"entered": before, "retry": 0},
                task_token=token,
            )
            for number, token in enumerate(tokens)
        ]
        assert len(pool.held()) == 3 and len(pool.waiting()) == 2, answers
        assert pool.ask(**ended_event(other))["freed"] == 0
        assert len(pool.held()) == 3
        told = pool.ask(**ended_event(parent))
    assert (told["status"], told["freed"], told["left"], told["granted"]) == ("released", 3, 2, 0), told
    pool.assert_nothing_left()
    tell("3 slots and 2 places in the queue freed by one event of the parent, none by another execution's")


def ended_event(execution: str) -> dict[str, object]:
    """What EventBridge sends when an execution was stopped (the fields as AWS documents them, 2024)."""
    machine = execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "000000000000",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": REGION,
        "resources": [execution],
        "detail": {
            "executionArn": execution,
            "stateMachineArn": machine,
            "name": execution.rpartition(":")[2],
            "status": "ABORTED",
            "startDate": now_ms() - 60_000,
            "stopDate": now_ms() + 1,
            "input": "{}",
            "output": None,
        },
    }


def test_a_worker_that_dies_silently_loses_its_slot_by_time(trouble: Trouble, tell: Tell) -> None:
    pool = trouble.pool("small")
    grace_ms = int(pool.settings()["grace_ms"])
    with silent_rules(trouble, "trouble-small-lease-sweep"):
        leases = [
            pool.ask(action="acquire", execution=f"worker-{number}", lease_seconds=4) for number in range(3)
        ]
        assert {lease["status"] for lease in leases} == {"acquired"}
        waiter = histories.start(
            trouble.aws, trouble.machine("one").arn, {"parent": None, "item": {"id": "next", "seconds": 1}}
        )
        pool.once("the next waits", pool.waiting)
        pool.sweep()
        assert len(pool.held()) == 3 and len(pool.waiting()) == 1, "a sweep before the leases expire frees none"
        lapses = max(lease["expires_at_ms"] for lease in leases) + grace_ms
        time.sleep(max(0, lapses - now_ms()) / 1000 + 0.001)
        assert len(pool.waiting()) == 1, "nobody came by since"
        swept = pool.sweep()
    done = histories.ended(trouble.aws, waiter)
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    (begun, _), = done.work
    assert begun * 1000 >= min(lease["expires_at_ms"] for lease in leases) + grace_ms
    for lease in leases:
        assert pool.ask(action="release", lease_id=lease["lease_id"])["note"] == "already expired or missing"
    pool.sweep()
    pool.assert_nothing_left()
    tell(f"leases of 4 s + {grace_ms / 1000:g} s grace, then one sweep: {swept}; the next worked")
