"""What if the limit changes while leases are held? Lowered and raised by deploys, then by an operator."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import histories
from aws import Aws, eventually
from pools import Pool
from stage import Trouble, long
from test_trouble_work import items

# By the first deploy, by the second, by the third; then by overrides.
BEFORE, DEPLOYED, RAISED, LOWERED, AFTER = 8, 4, 8, 5, 15
# So many items at a time, and again as soon as no more than so many are left: however slow the machine, somebody waits until
# the last change. Each works so many seconds: a machine with much to do hands slots over more quickly than they come back, so
# that all of them are held at some moment.
BATCH, LEAST, SECONDS = 90, 40, 4


def deploy(trouble: Trouble, limit: int) -> tuple[float, float]:
    """A change by `terraform apply`; when it had not yet been made, and when it was."""
    begun = time.time()
    trouble.root.variables["changing_limit"] = limit
    # Of this pool alone: other scenarios switch rules of theirs off, which this would repair.
    trouble.root.apply('module.pool["changing"]')
    made = time.time()
    settings = trouble.pool("changing").settings()
    assert int(settings["limit"]) == limit
    assert not {"lowered_from", "lowered_at"} & settings.keys(), "a deploy does not say what the limit was"
    return begun, made


def change(pool: Pool, limit: int, was: int) -> float:
    """An operator's change, as the row `override` keeps it; when it was made."""
    at = time.time()
    row = {
        "PK": {"S": f"LEASES#{pool.prefix}"},
        "SK": {"S": "override"},
        "limit": {"N": str(limit)},
        "made_at": {"N": str(int(at * 1000))},
        "who": {"S": "e2e"},
        "why": {"S": "to see that it holds"},
    }
    if limit < was:
        row |= {"lowered_from": {"N": str(was)}, "lowered_at": {"N": str(int(at * 1000))}}
    pool.aws.client("dynamodb").put_item(TableName=pool.table, Item=row)
    return at


@dataclass
class Work:
    """The items that are worked on: more of them, as they run out."""

    aws: Aws
    machine: str
    executions: list[str] = field(default_factory=list)

    def top_up(self) -> None:
        """Starts another execution if few items are left."""
        if sum(BATCH - histories.map_counts(self.aws, arn).get("succeeded", 0) for arn in self.executions) > LEAST:
            return
        arn = histories.start(self.aws, self.machine, {"items": items(BATCH, seconds=SECONDS)})
        runs = self.aws.client("stepfunctions").list_map_runs
        eventually(f"the map of {arn} runs", lambda: runs(executionArn=arn)["mapRuns"])
        self.executions.append(arn)

    def done(self) -> list[histories.Execution]:
        """What became of all items: each is done."""
        for arn in self.executions:
            whole = histories.ended(self.aws, arn, seconds=300)
            assert whole.status == "SUCCEEDED", (whole.error, whole.cause)
            assert histories.map_counts(self.aws, arn) == {"total": BATCH, "succeeded": BATCH}
        return [child for arn in self.executions for child in histories.children(self.aws, arn)]


@long
def test_a_limit_that_changes_meanwhile_is_kept(trouble: Trouble) -> str:
    pool = trouble.pool("changing")
    settings = pool.settings()
    # From one quiet period after the change nobody follows the old limit. Another one later, as the change may have
    # been late itself, slots up to the old limit stop counting as held, and all of the new limit can be used.
    quiet = int(settings["quiet_ms"]) / 1000
    all_quiet = 2 * quiet + int(settings["grace_ms"]) / 1000
    # A deploy does not say that it lowers the limit, so no slot counts as held that is not. Whoever read the settings
    # before has forgotten them one quiet period later, and is done with what it began then after one operation more.
    lambdas = trouble.aws.client("lambda")
    settled = quiet + int(lambdas.get_function_configuration(FunctionName=pool.function)["Timeout"])
    work = Work(trouble.aws, trouble.machine("changing").arn)
    work.top_up()

    def held(limit: int, since: float = 0) -> bool:
        work.top_up()
        return time.time() >= since and len(pool.held()) == limit

    def grants() -> int:
        return sum(int(slot["fence"]) for slot in pool.rows("slot#"))

    pool.once("the first limit is reached", lambda: held(BEFORE))
    _, deployed_at = deploy(trouble, DEPLOYED)
    pool.once("all of the deployed limit is used", lambda: held(DEPLOYED, deployed_at + settled), 120)
    granted = grants()
    pool.once("each slot was granted twice since", lambda: grants() >= granted + 2 * DEPLOYED, 120)
    raised_at, _ = deploy(trouble, RAISED)
    pool.once("the raised limit is reached", lambda: held(RAISED), 120)
    lowered_at = change(pool, LOWERED, was=RAISED)
    pool.once("all of the lowered limit is used", lambda: held(LOWERED, lowered_at + all_quiet), 120)
    again_at = change(pool, AFTER, was=LOWERED)
    done = work.done()

    # Until when each limit may be in use.
    limits = [
        (deployed_at + settled, BEFORE),
        (raised_at, DEPLOYED),
        (lowered_at + quiet, RAISED),
        (again_at, LOWERED),
        (float("inf"), AFTER),
    ]
    assert histories.over(done, lambda at: next(limit for until, limit in limits if at < until)) == []
    pool.assert_nothing_left()
    moments = [0, *(until for until, _ in limits)]
    levels = list(histories.levels(histories.spans(done)))
    peaks = [
        max((working for at, working in levels if begin <= at < end), default=0)
        for begin, end in zip(moments, moments[1:], strict=False)
    ]
    assert peaks[1] > 0, "somebody worked under the limit that the deploy lowered"
    return (
        f"{len(done)} of {len(done)} items; limit {BEFORE}, {DEPLOYED} by terraform apply ({settled:g} s until in force), "
        f"{RAISED} by terraform apply, {LOWERED} by an override ({quiet:g} s until it is in force), {AFTER} by an "
        f"override: peaks {peaks}, makespan {histories.makespan(done):.2f} s"
    )
