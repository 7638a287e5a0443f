"""What if lease managers die in the middle of their calls? Processes are killed at random while a map runs."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import histories
import processes
from stage import Trouble, long
from test_trouble_work import items

LIMIT, ITEMS, KILLS = 5, 20, 20


@long
def test_killed_lease_managers_lose_no_item_and_no_slot(trouble: Trouble) -> str:
    """`LEASEHOLD_E2E_SEED=N` chooses the same victims, as far as the machine lets it."""
    seed = int(os.environ.get("LEASEHOLD_E2E_SEED") or random.SystemRandom().randrange(10**6))
    choose = random.Random(seed)
    aws, pool = trouble.aws, trouble.pool("killed")
    arn = histories.start(aws, trouble.machine("killed").arn, {"items": items(ITEMS)})
    killed, sweep_at = 0, time.monotonic()
    while aws.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING":
        if time.monotonic() >= sweep_at:
            # What the schedule does every minute: a notice that a killed call did not send is sent again. It is killed
            # as the others are.
            aws.invoke_later(pool.function, {"action": "sweep"})
            sweep_at = time.monotonic() + 1
        victims = processes.busy(processes.of_function(aws, pool.function)) if killed < KILLS else []
        if victims:
            killed += processes.kill(choose.choice(victims))
            time.sleep(choose.uniform(0.05, 0.2))
        elif killed == KILLS:
            time.sleep(0.3)
    done = histories.children(aws, arn)
    assert [(child.error, child.cause) for child in done if child.status != "SUCCEEDED"] == [], f"seed {seed}"
    assert len(done) == ITEMS
    # One that dies in an acquire is seen as its task's timeout, one that dies in a release by its own name.
    failures = Counter(event.details["error"] for child in done for event in child.of_type("TaskFailed"))
    assert failures.total() >= 3, f"too few of {killed} were killed during a call that a task waited for: {failures}"
    assert histories.over(done, lambda _: LIMIT) == [], f"seed {seed}"
    pool.assert_nothing_left()
    return (
        f"{killed} killed (seed {seed}), tasks that failed for it and were tried again: {dict(failures)}, {ITEMS} of "
        f"{ITEMS} items, peak {histories.peak(done)} of {LIMIT}, makespan {histories.makespan(done):.2f} s"
    )
