#!/usr/bin/env python3
"""Do the retries of the rendered states outlast throttling, alone and in a crowd?

The Retry of each state that calls the lease manager is read from the rendered machines and walked with a clock that is
set, as the Amazon States Language says: the first retrier that names the error decides, each counts its own uses while
the state lasts, and full jitter waits anything from nothing to the delay. Needs nothing but Python:

    terraform/states/tests/retries_outlast_throttling.py
"""

import heapq
import json
import random
import unittest
from collections import deque
from itertools import count
from pathlib import Path

RENDERED = Path(__file__).resolve().parent / "rendered"
MANAGER = "analytics-lease-manager"
THROTTLED = ["Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException", "Throttled"]
HOUR = 3600.0
MACHINES = sorted(path.stem for path in RENDERED.glob("*.json"))


def calls_of_the_lease_manager(states):
    """Every state that calls it, also inside a Map, by its name."""
    for name, state in states.items():
        if "ItemProcessor" in state:
            yield from calls_of_the_lease_manager(state["ItemProcessor"]["States"])
        called = [state.get("Resource", ""), *(state.get(field, {}).get("FunctionName", "") for field in ("Parameters", "Arguments"))]
        if state["Type"] == "Task" and any(MANAGER in arn for arn in called):
            yield name, state


def rendered(machine):
    definition = json.loads((RENDERED / f"{machine}.json").read_text(encoding="utf-8"))
    return dict(calls_of_the_lease_manager(definition["States"]))


class Visit:
    """One visit of a state: which waits do its errors lead to?"""

    def __init__(self, retry, dice):
        self.retry, self.dice, self.uses = retry, dice, [0] * len(retry)

    def wait_after(self, error):
        """Seconds until it is tried again; none if it is not."""
        for at, retrier in enumerate(self.retry):
            if error in retrier["ErrorEquals"] or "States.ALL" in retrier["ErrorEquals"]:
                if self.uses[at] >= retrier.get("MaxAttempts", 3):
                    return None
                delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** min(self.uses[at], 99)
                delay = min(delay, retrier.get("MaxDelaySeconds", delay))
                self.uses[at] += 1
                return self.dice.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay
        return None

    def succeeds_at(self, over_at, errors):
        """When a call goes through if each before this time fails, with these errors in turn; none if it gives up."""
        now = 0.0
        for error in errors:
            if now >= over_at:
                return now
            wait = self.wait_after(error)
            if wait is None:
                return None
            now += wait


def forever(*errors):
    while True:
        yield from errors


class RetriesOutlastThrottling(unittest.TestCase):
    def each_call(self):
        for machine in MACHINES:
            for name, state in rendered(machine).items():
                with self.subTest(machine=machine, state=name):
                    yield name, state["Retry"]

    def test_every_call_of_the_lease_manager_is_looked_at(self):
        whole = {"AcquireLease", "ReleaseLease", "ReleaseLeaseAfterFailure"}
        for machine in MACHINES:
            expected = whole | ({"ReleaseAll"} if machine.startswith("branches") else set())
            self.assertEqual(set(rendered(machine)), expected, machine)
        self.assertEqual(len(MACHINES), 6)

    def test_five_minutes_of_throttling_are_waited_out(self):
        for _, retry in self.each_call():
            for errors in [*([name] for name in THROTTLED), THROTTLED]:
                for seed in range(100):
                    done = Visit(retry, random.Random(seed)).succeeds_at(300.0, forever(*errors))
                    self.assertIsNotNone(done, f"{errors}, seed {seed}: given up")
                    self.assertLess(done, 360.0, f"{errors}, seed {seed}: a minute after it was over, still waiting")

    def test_an_hour_of_throttling_is_waited_out_and_a_day_is_not(self):
        for _, retry in self.each_call():
            for seed in range(300):
                self.assertIsNotNone(Visit(retry, random.Random(seed)).succeeds_at(HOUR, forever(*THROTTLED)), seed)
            self.assertIsNone(Visit(retry, random.Random(0)).succeeds_at(24 * HOUR, forever(*THROTTLED)))

    def test_other_errors_between_do_not_use_up_the_patience(self):
        for _, retry in self.each_call():
            # A broken connection or a killed function after every tenth refusal, seven times in all.
            mixed = (["Throttled"] * 10 + ["Lambda.Unknown"]) * 7
            errors = (name for part in (mixed, forever("Lambda.TooManyRequestsException")) for name in part)
            self.assertIsNotNone(Visit(retry, random.Random(7)).succeeds_at(1800.0, errors))

    def test_a_crowd_does_not_come_back_as_one(self):
        for _, retry in self.each_call():
            for name in THROTTLED:
                waits = [Visit(retry, random.Random(seed)).wait_after(name) for seed in range(1000)]
                # A thousand that were refused at once: no tenth of a second of the next one has more than 150 of them.
                self.assertLess(max(waits.count(wait) for wait in waits), 3)
                tenths = [int(wait * 10) for wait in waits]
                self.assertLess(max(tenths.count(tenth) for tenth in set(tenths)), 150)

    def test_who_has_waited_too_long_does_not_ask_again(self):
        final = ["WaitedTooLong", "HolderBusy", "InvalidRequest", "PoolNotFound", "PoolMisconfigured", "NoticeRefused"]
        for name, retry in self.each_call():
            for error in final if name == "AcquireLease" else ["InvalidRequest"]:
                self.assertIsNone(Visit(retry, random.Random(0)).wait_after(error), error)

    def test_forty_at_once_fit_into_the_history_of_one_execution(self):
        # A retry is three events (scheduled, started, failed), and an execution may have 25,000 (quota, 2024).
        for _, retry in self.each_call():
            tries = sum(retrier.get("MaxAttempts", 3) for retrier in retry if set(retrier["ErrorEquals"]) & set(THROTTLED))
            self.assertLess(tries * 3 * 40, 25_000)


# How the retries were before throttling had a retrier of its own: two minutes, whatever the error.
TWO_MINUTES = [
    {
        "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 30,
        "MaxAttempts": 8, "JitterStrategy": "FULL",
    }
]  # fmt: skip


class Crowd:
    """Items of a Distributed Map that start at once: how many get through?

    Lambda runs a thousand calls of the account at a time, of the acquires and the releases together, and refuses the
    next one. A call takes 20 seconds: as slow as calls get when the table, too, is asked for more than a partition
    gives, two thirds of the function's timeout. Who joined the queue waits there and costs nothing; who polls asks again.
    """

    ITEMS, LIMIT, CONCURRENCY = 10_000, 500, 1_000
    CALL, WORK, LEASE, ASK_AGAIN = 20.0, 20.0, 600.0, 60.0

    def __init__(self, acquire, release, seed, polls=False):
        self.retry = {"acquire": acquire, "release": release}
        self.dice, self.polls = random.Random(seed), polls
        self.events, self.order = [], count()
        self.running = self.held = self.most_held = 0
        self.queue, self.visits, self.holds = deque(), {}, set()
        self.lost, self.done, self.expired, self.ended_at = 0, 0, 0, 0.0
        for item in range(self.ITEMS):
            # A map run takes a few seconds to start as many.
            self.enter("acquire", item, self.dice.uniform(0, 10))
        while self.events:
            now, _, what, item = heapq.heappop(self.events)
            self.ended_at = now
            getattr(self, what)(item, now)

    def later(self, at, what, item):
        heapq.heappush(self.events, (at, next(self.order), what, item))

    def enter(self, state, item, at):
        self.visits[item] = Visit(self.retry[state], self.dice)
        self.later(at, state, item)

    def call(self, state, item, now):
        """Lambda runs it, or refuses it."""
        if self.running < self.CONCURRENCY:
            self.running += 1
            self.later(now + self.CALL, f"{state}d", item)
            return
        wait = self.visits[item].wait_after("Lambda.TooManyRequestsException")
        if wait is not None:
            self.later(now + wait, state, item)
        elif state == "acquire":
            self.lost += 1
        else:
            self.done += 1  # LeaseLeftToExpire: the job succeeds, its slot stays taken.

    def acquire(self, item, now):
        self.call("acquire", item, now)

    def acquired(self, item, now):
        self.running -= 1
        if self.held < self.LIMIT:
            self.grant(item, now)
        elif self.polls:
            self.enter("acquire", item, now + self.dice.uniform(self.ASK_AGAIN / 2, self.ASK_AGAIN))
        else:
            self.queue.append(item)

    def grant(self, item, now):
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        self.holds.add(item)
        self.later(now + self.LEASE, "expire", item)
        self.enter("release", item, now + self.WORK)

    def give_back(self, item, now):
        self.holds.remove(item)
        self.held -= 1
        if self.queue:
            self.grant(self.queue.popleft(), now)

    def release(self, item, now):
        self.call("release", item, now)

    def released(self, item, now):
        self.running -= 1
        self.done += 1
        if item in self.holds:
            self.give_back(item, now)

    def expire(self, item, now):
        if item in self.holds:
            self.expired += 1
            self.give_back(item, now)


class ACrowdLosesNothing(unittest.TestCase):
    def crowd(self, machine, seed=1):
        calls = rendered(machine)
        retry = [calls[name]["Retry"] for name in ("AcquireLease", "ReleaseLease")]
        return Crowd(*retry, seed, polls=machine.startswith("poll"))

    def test_the_crowd_is_that_of_both_query_languages(self):
        for name in ("AcquireLease", "ReleaseLease"):
            for mode in ("queue", "poll"):
                jsonpath, jsonata = (rendered(f"{mode}-{language}")[name]["Retry"] for language in ("jsonpath", "jsonata"))
                other = [retrier for retrier in jsonata if "States.QueryEvaluationError" not in retrier["ErrorEquals"]]
                self.assertEqual([retrier for retrier in jsonpath if retrier["MaxAttempts"]], other)

    def test_ten_thousand_items_all_get_through(self):
        for seed in (1, 2):
            crowd = self.crowd("queue-jsonpath", seed)
            self.assertEqual((crowd.lost, crowd.done, crowd.expired), (0, Crowd.ITEMS, 0), seed)
            self.assertEqual((crowd.held, crowd.most_held), (0, Crowd.LIMIT), seed)

    def test_so_they_do_where_they_poll(self):
        crowd = self.crowd("poll-jsonpath")
        self.assertEqual((crowd.lost, crowd.done, crowd.most_held), (0, Crowd.ITEMS, Crowd.LIMIT))
        # Those who ask again stand in the way of those who give back: a lease may end first, and a slot lie idle for it.
        self.assertLess(crowd.expired, Crowd.ITEMS / 100)

    def test_two_minutes_of_retries_would_lose_half_of_them(self):
        """What the model is for: it shows the loss where there is one."""
        crowd = Crowd(TWO_MINUTES, TWO_MINUTES, seed=1)
        self.assertGreater(crowd.lost, Crowd.ITEMS / 2)
        self.assertEqual(crowd.lost + crowd.done, Crowd.ITEMS)


if __name__ == "__main__":
    unittest.main(verbosity=1)
