"""Does the example with everything on do what its README says? Deployed as a user does, and judged from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import histories
from aws import ROOT, Aws
from inventory import standing
from machines import Machine
from pools import Pool
from stage import Tell
from terraform import ARCHITECTURE, Root

LIMIT = 2
# The README's reports; their work takes less long here.
WORK_SECONDS = 3
REPORTS = [{"id": name, "seconds": WORK_SECONDS} for name in ("sales", "stock", "staff")]


@pytest.fixture(scope="module")
def before(aws: Aws) -> set[str]:
    """What stood before the example."""
    return standing(aws)


@pytest.fixture(scope="module")
def root(aws: Aws, before: set[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """`terraform init` and `terraform apply` of the example: nothing changed but the package."""
    root = Root.copy(
        tmp_path_factory.mktemp("complete"),
        "examples/complete",
        aws,
        lambda_package=os.environ["LEASEHOLD_LAMBDA_PACKAGE"],
        architecture=ARCHITECTURE,
    )
    root.init()
    root.apply()
    yield root
    if root.stands:
        root.destroy()


def test_all_of_it_is_made_and_a_second_plan_changes_nothing(root: Root) -> None:
    assert root.pending() is None


def test_reports_and_the_archive_share_two_leases(root: Root, aws: Aws, tell: Tell) -> None:
    readme = (ROOT / "examples" / "complete" / "README.md").read_text()
    assert all(f'"id": "{report["id"]}"' in readme for report in REPORTS), "the README starts these"
    started = [
        histories.start(aws, Machine.named(aws, "complete-reports").arn, {"reports": REPORTS}),
        histories.start(aws, Machine.named(aws, "complete-archive").arn),
    ]
    reports, archive = (histories.ended(aws, arn) for arn in started)
    assert [done.status for done in (reports, archive)] == ["SUCCEEDED"] * 2, [reports.cause, archive.cause]
    assert archive.entered == ["AcquireLease", "Archive", "ReleaseLease"]
    # An inline map's iterations share one history, in which the local AWS does not say whose a task is. So a report's
    # work is taken to last from the moment that it was told of its lease for as long as its Wait does.
    told = [event for event in reports.of_type("TaskSucceeded") if event.answer["status"] == "acquired"]
    released = [event.answer for event in reports.of_type("TaskSucceeded") if event.answer["status"] == "released"]
    assert sorted(answer["lease_id"] for answer in released) == sorted(event.answer["lease_id"] for event in told)
    assert len({answer["lease_id"] for answer in released}) == len(released) == len(REPORTS)
    assert not any("note" in answer for answer in released), "each held its lease to the end"
    work = archive.work + [(event.at, event.at + WORK_SECONDS) for event in told]
    assert len(work) == len(REPORTS) + 1
    peak = max(working for _, working in histories.levels(work))
    assert peak == LIMIT, "never more, and both were used"
    outputs = root.outputs()
    Pool(aws, outputs["table_name"], "reports", outputs["lease_manager_function_name"]).assert_nothing_left()
    polls = len(reports.of_type("TaskScheduled")) - len(released)
    tell(
        f"{len(told)} reports ({polls} polls) and the archive ({' -> '.join(archive.entered)}), peak {peak} of "
        f"{LIMIT}, makespan {histories.makespan([reports, archive]):.2f} s"
    )


def test_destroying_all_of_it_leaves_nothing(root: Root, aws: Aws, before: set[str], tell: Tell) -> None:
    made = standing(aws) - before
    kinds = {one.partition(" ")[0] for one in made}
    assert {"table", "function", "alarm", "topic", "key", "dashboard"} <= kinds, kinds
    root.destroy()
    assert standing(aws) - before == set()
    tell(f"{len(made)} things made, none left but the key, which is to be deleted")
