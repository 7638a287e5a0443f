"""What does a deployed state machine say? Its definition as AWS keeps it, and the pool whose lease manager it calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aws import Aws
from histories import State
from pools import Pool


@dataclass(frozen=True)
class Machine:
    """A deployed state machine."""

    aws: Aws
    arn: str
    definition: dict[str, Any]

    @classmethod
    def named(cls, aws: Aws, name: str) -> Machine:
        """The machine of this name."""
        pages = aws.client("stepfunctions").get_paginator("list_state_machines").paginate()
        by_name = {machine["name"]: machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]}
        assert name in by_name, f"there is no state machine {name}: {sorted(by_name)}"
        return cls.at(aws, by_name[name])

    @classmethod
    def at(cls, aws: Aws, arn: str) -> Machine:
        """The machine with this ARN."""
        seen = aws.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
        return cls(aws, arn, json.loads(seen["definition"]))

    @property
    def items(self) -> tuple[str, dict[str, State]]:
        """The first state and the states that each item of its map passes; its own if it has no map."""
        maps = [state for state in self.definition["States"].values() if state["Type"] == "Map"]
        if not maps:
            return self.definition["StartAt"], self.definition["States"]
        (only,) = maps
        return only["ItemProcessor"]["StartAt"], only["ItemProcessor"]["States"]

    @property
    def pool(self) -> Pool:
        """The pool of the lease manager that its items call."""
        _, states = self.items
        tasks = [state for state in states.values() if state["Type"] == "Task"]
        called = [state.get("Parameters", state.get("Arguments", {})).get("FunctionName") for state in tasks]
        resources = [state["Resource"] for state in tasks]
        (function,) = {arn for arn in called + resources if arn and arn.endswith("-lease-manager")}
        seen = self.aws.client("lambda").get_function_configuration(FunctionName=function)
        named = seen["Environment"]["Variables"]
        return Pool(self.aws, named["LEASE_TABLE_NAME"], named["LEASE_PREFIX"], seen["FunctionName"])
