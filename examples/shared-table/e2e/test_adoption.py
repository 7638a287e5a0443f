"""Whose is a pool that is there already? What Terraform tells whoever makes it again, and how the README takes it over."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from aws import ROOT, Aws
from inventory import standing
from pools import Pool, Row
from stage import Tell
from terraform import ARCHITECTURE, Root

TABLE, PREFIX = "leases-to-adopt", "analytics"
# What leads on, in the one line that Terraform shows of the module.
WAY_OUT = (
    '"The conditional request failed" means that the pool exists: choose another lease_prefix, or take the pool over as in '
    'the README under "A pool that exists".'
)
SECTION = "\n## A pool that exists\n"


def leasehold(aws: Aws, *arguments: str) -> None:
    """Runs the command, as an operator does."""
    command = [os.environ["LEASEHOLD_COMMAND"], *arguments]
    environment = aws.environment | {"LEASEHOLD_TABLE": TABLE}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@dataclass
class Adoption:
    """The pool that operators made, and the root that names it too."""

    root: Root
    pool: Pool
    # With the table, without anything of the root's.
    before: set[str]

    def refused(self) -> str:
        """What a whole `terraform apply` says that fails."""
        return self.root.run("apply", "-no-color", "-auto-approve", allowed=(1,)).stderr

    def other_rows(self) -> list[Row]:
        """All rows of the pool but its settings."""
        return [row for row in self.pool.rows() if row["SK"] != "pool"]


@pytest.fixture(scope="module")
def adoption(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Adoption:
    """A table and a pool by `leasehold`, with a slot that was granted and an override; the root, not applied yet.

    What is made goes with the local AWS; that destroying works is the examples' test.
    """
    leasehold(aws, "table", "create")
    leasehold(aws, "pool", "set", PREFIX, "--limit", "3")
    leasehold(aws, "run", "--prefix", PREFIX, "--", "true")
    leasehold(aws, "pool", "override", PREFIX, "--limit", "2", "--reason", "to see that it stays", "--yes")
    arn = aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableArn"]
    root = Root.copy(
        tmp_path_factory.mktemp("adoption"),
        "examples/shared-table/e2e/adoption",
        aws,
        lambda_package=os.environ["LEASEHOLD_LAMBDA_PACKAGE"],
        architecture=ARCHITECTURE,
        table_name=TABLE,
        table_arn=arn,
        lease_prefix=PREFIX,
    )
    root.init()
    return Adoption(root, Pool(aws, TABLE, PREFIX, "adopting-lease-manager"), standing(aws))


def assert_told_once(told: str) -> None:
    """One error, with the provider's words and the module's line that says what they mean and what to do."""
    assert told.count("Error: ") == 1, told
    # Terraform may break the provider's words into lines.
    said = " ".join(told.split())
    assert "ConditionalCheckFailedException" in said, told
    assert said.count("The conditional request failed") == 2, "by the provider and by the module"
    (line,) = [line for line in told.splitlines() if 'resource "aws_dynamodb_table_item" "settings" {' in line]
    assert line.endswith(f"{{ # {WAY_OUT}"), line


def test_a_pool_of_the_commands_is_told_and_stays(adoption: Adoption, aws: Aws) -> None:
    rows = adoption.pool.rows()
    assert {"pool", "override"} < {row["SK"] for row in rows}
    assert_told_once(adoption.refused())
    assert adoption.pool.rows() == rows
    assert standing(aws) == adoption.before, "nothing is made beside a pool that is somebody else's"


def test_the_readmes_way_takes_it_over(adoption: Adoption, aws: Aws, tell: Tell) -> None:
    kept = adoption.other_rows()
    assert any(row["SK"].startswith("slot#") and int(row["fence"]) > 0 for row in kept), kept
    aws.client("dynamodb").delete_item(TableName=TABLE, Key=readmes_key())
    adoption.root.run("apply", "-no-color", "-auto-approve")
    assert adoption.pool.settings()["limit"] == 7
    assert adoption.other_rows() == kept
    assert adoption.pool.ask(action="status")["limit"] == 2, "the override stays in force"
    tell(f"{len(kept)} rows kept")


def test_a_second_module_is_told_and_overwrites_nothing(adoption: Adoption, aws: Aws) -> None:
    rows, before = adoption.pool.rows(), standing(aws)
    adoption.root.variables["second"] = True
    assert_told_once(adoption.refused())
    assert adoption.pool.rows() == rows
    assert standing(aws) == before
    adoption.root.variables["second"] = False
    assert adoption.root.pending() is None, "the first one's is as it was"


def readmes_key() -> dict[str, Any]:
    """The row that the README's command deletes."""
    readme = (ROOT / "terraform" / "pool" / "README.md").read_text()
    assert readme.count(SECTION) == 1
    section = readme.split(SECTION)[1].split("\n## ")[0]
    commands = [shlex.split(block) for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]
    (command,) = commands
    assert command[:3] == ["aws", "dynamodb", "delete-item"]
    key: dict[str, Any] = json.loads(command[command.index("--key") + 1])
    return key
