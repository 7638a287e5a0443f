"""What if the work fails, or there is much of it?"""

from __future__ import annotations

import json
import math

import histories
from stage import Tell, Trouble


def items(count: int, seconds: int = 1) -> list[dict[str, object]]:
    """So many items whose work takes so long."""
    return [{"id": f"item-{number:03}", "seconds": seconds} for number in range(count)]


# What a work state can fail with: as a function fails, as a service does, and as nobody should.
FAILURES = [
    ("OutOfPaper", json.dumps({"errorMessage": 'tray "A4" is empty', "errorType": "OutOfPaper", "trace": ["a\\b"]})),
    ("S3.NoSuchKeyException", "The specified key does not exist. (Service: S3, Status Code: 404)"),
    ("Käse {} $.lease", "{} States.Format('{}', $.lease) \n\u2028"),
    ("LeaseLost", ""),
]


def test_work_that_fails_releases_its_lease_and_keeps_its_error(trouble: Trouble, tell: Tell) -> None:
    pool = trouble.pool("small")
    given = items(12)
    for item, (error, cause) in zip(given, FAILURES, strict=False):
        item |= {"error": error, "cause": cause}
    arn = histories.start(trouble.aws, trouble.machine("failing").arn, {"items": given})
    assert histories.ended(trouble.aws, arn).status == "SUCCEEDED"
    assert histories.map_counts(trouble.aws, arn) == {"total": 12, "succeeded": 8, "failed": 4}
    done = histories.children(trouble.aws, arn)
    failed = [child for child in done if child.status == "FAILED"]
    assert sorted((child.error, child.cause or "") for child in failed) == sorted(FAILURES)
    for child in done:
        assert child.of_type("TaskSucceeded")[-1].answer["status"] == "released"
    assert histories.over(done, lambda _: 3) == []
    assert histories.peak(done) > 1
    # Long before any of these leases, of 120 seconds, could have expired.
    pool.assert_nothing_left()
    tell(f"4 of 12 items failed, each with its own error and cause, all released, peak {histories.peak(done)} of 3")


def test_two_hundred_items_pass_fifteen_slots(trouble: Trouble, tell: Tell) -> None:
    arn = histories.start(trouble.aws, trouble.machine("large").arn, {"items": items(200)})
    assert histories.ended(trouble.aws, arn, seconds=300).status == "SUCCEEDED"
    assert histories.map_counts(trouble.aws, arn) == {"total": 200, "succeeded": 200}
    done = histories.children(trouble.aws, arn)
    assert histories.over(done, lambda _: 15) == []
    assert histories.peak(done) > 5, "40 would have worked at once, had the limit not held them back"
    asked_again = [len(child.of_type("TaskScheduled")) - 2 - child.lost.total() for child in done]
    assert set(asked_again) == {0}, "each was told once, and none asked again"
    trouble.pool("large").assert_nothing_left()
    tell(
        f"200 of 200, peak {histories.peak(done)} of 15, makespan {histories.makespan(done):.2f} s "
        f"(ideal {math.ceil(200 / 15)} s), 2 tasks per item{histories.lost(done)}"
    )


def test_states_in_jsonata_hand_one_slot_from_one_to_the_next(trouble: Trouble, tell: Tell) -> None:
    machine = trouble.machine("jsonata")
    given = [{"parent": None, "item": item} for item in items(3)]
    arns = [histories.start(trouble.aws, machine.arn, one) for one in given]
    done = [histories.ended(trouble.aws, arn) for arn in arns]
    assert [execution.status for execution in done] == ["SUCCEEDED"] * 3, [execution.cause for execution in done]
    assert histories.over(done, lambda _: 1) == []
    assert {tuple(execution.entered) for execution in done} == {("AcquireLease", "Process", "ReleaseLease")}
    trouble.pool("jsonata").assert_nothing_left()
    tell(f"3 executions, one slot, {' -> '.join(done[0].entered)} each, makespan {histories.makespan(done):.2f} s")
