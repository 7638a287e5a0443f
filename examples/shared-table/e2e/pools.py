"""Who holds what, by the table's own rows? Read as anybody with a DynamoDB client would."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from aws import Aws, eventually

Row = dict[str, Any]


@dataclass(frozen=True)
class Pool:
    """One pool: its table, its prefix, its lease manager and its machines' ARNs by name."""

    aws: Aws
    table: str
    prefix: str
    function: str

    def rows(self, kind: str = "") -> list[Row]:
        """The pool's rows whose sort key begins so (`slot#`, `wait#`, `holder#`, ...); all, if nothing is said."""
        begins = " AND begins_with(SK, :kind)" if kind else ""
        pages = self.aws.client("dynamodb").get_paginator("query").paginate(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression=f"PK = :pool{begins}",
            ExpressionAttributeValues={":pool": {"S": f"LEASES#{self.prefix}"}} | ({":kind": {"S": kind}} if kind else {}),
        )
        read = TypeDeserializer().deserialize
        return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def settings(self) -> Row:
        """The row that Terraform or `leasehold pool set` wrote."""
        (settings,) = [row for row in self.rows("pool") if row["SK"] == "pool"]
        return settings

    def held(self) -> list[Row]:
        """The slots that somebody holds, expired or not."""
        return [row for row in self.rows("slot#") if "execution" in row]

    def waiting(self) -> list[Row]:
        """The places taken in the queue."""
        return self.rows("wait#")

    def ask(self, **event: Any) -> Row:
        """What the lease manager answers to an event."""
        return self.aws.invoke(self.function, event)

    def sweep(self) -> Row:
        """One sweep, as the schedule would call it."""
        return self.ask(action="sweep")

    def assert_nothing_left(self) -> None:
        """No slot is held, nobody waits, and what is left of holders are rows that DynamoDB will collect.

        A row that says "holding" is no more than a pointer: it means nothing once its slot is free.
        """
        assert self.held() == []
        assert self.waiting() == []
        left = [row for row in self.rows("holder#") if row["state"] == "waiting" or "ttl" not in row]
        assert left == []
        status = self.ask(action="status")
        assert (status["current_running"], status["waiting"]) == (0, 0), status

    def once(self, what: str, ask: Callable[[], Any], seconds: float = 60) -> Any:
        """What `ask` gives once it gives something. If it does not, the error tells of the pool's rows too."""
        try:
            return eventually(f"pool {self.prefix}: {what}", ask, seconds)
        except AssertionError as error:
            error.add_note(f"{len(self.waiting())} wait; the other rows, at {time.time():.3f}:")
            for row in self.rows():
                if not str(row["SK"]).startswith(("wait#", "holder#")):
                    error.add_note(f"  {row}")
            raise
