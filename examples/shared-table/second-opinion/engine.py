"""What does the second opinion run on? moto's Step Functions, in this process, with JSONata as its authors wrote it; the lease
manager's own binary; and AWS's DynamoDB Local. No part of it is one of the local AWS's of the end-to-end tests."""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import threading
import time
import urllib.request
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

from dynamodb import dynamodb
from functions import FunctionFailed, Functions, LeaseManager
from moto_patches import patch

ROOT = Path(__file__).resolve().parents[3]
RENDERED = ROOT / "terraform" / "states" / "tests" / "rendered"
WORK = ROOT / "target" / "second-opinion"
ACCOUNT, REGION = "123456789012", "eu-central-1"  # Those of the rendered machines.
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
TABLE = "leases"
GATE_OPENS_WITHIN = 120  # seconds
MANAGERS = 4  # environments of the lease manager at once
Json = dict[str, Any]


def eventually(what: str, ask: Callable[[], Any], seconds: float = 60) -> Any:
    """What `ask` gives once it gives something; fails with `what` if it does not within `seconds`."""
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}; it was {answer!r} in the end"
        time.sleep(0.05)
    return answer


class Jsonata:
    """JSONata in one process of node."""

    def __init__(self) -> None:
        command = ["node", Path(__file__).parent / "jsonata.js"]
        environment = os.environ | {"NODE_PATH": str(WORK / "node_modules")}
        self._node = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._lock, self._ids = threading.Lock(), itertools.count()

    def __call__(self, expression: str) -> Any:
        """What an expression gives."""
        from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

        assert self._node.stdin is not None and self._node.stdout is not None
        with self._lock:
            self._node.stdin.write(json.dumps({"id": next(self._ids), "expression": expression}) + "\n")
            self._node.stdin.flush()
            told = json.loads(self._node.stdout.readline())
        if "error" in told:
            raise JSONataException(told.get("code") or "UNKNOWN", told["error"])
        return told["value"]

    def stop(self) -> None:
        """Ends the process."""
        assert self._node.stdin is not None
        self._node.stdin.close()
        self._node.wait()


class Engine:
    """All of it, with these pools and their settings."""

    def __init__(self, pools: dict[str, list[str]], parts: ExitStack):
        from moto.server import ThreadedMotoServer

        for noisy in ("werkzeug", "moto"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        table = parts.enter_context(dynamodb())
        jsonata = Jsonata()
        parts.callback(jsonata.stop)
        self.functions = Functions()
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        parts.callback(server.stop)
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        os.environ["MOTO_PORT"] = endpoint.rpartition(":")[2]
        patch(self.functions.endpoint, endpoint, jsonata, KEYS)
        wanted = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/config", wanted, method="POST")).close()
        config = Config(max_pool_connections=100, read_timeout=300)
        self.machines = boto3.client("stepfunctions", region_name=REGION, endpoint_url=endpoint, config=config, **KEYS)
        self._table = boto3.client("dynamodb", region_name=REGION, endpoint_url=table, config=config, **KEYS)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_DYNAMODB": table,
            "AWS_ENDPOINT_URL_SFN": endpoint,
            "LEASE_TABLE_NAME": TABLE,
            "LEASEHOLD_TABLE": TABLE,
        }
        binaries = ROOT / "target" / "debug"

        def leasehold(*command: str) -> None:
            told = subprocess.run([binaries / "leasehold", *command], env=environment, capture_output=True, text=True)
            assert told.returncode == 0, told.stderr

        leasehold("table", "create")
        log = parts.enter_context((WORK / "lease-manager.log").open("wb"))
        for prefix, settings in pools.items():
            leasehold("pool", "set", prefix, *settings, "--yes")
            own = environment | {"LEASE_PREFIX": prefix}
            manager = LeaseManager(binaries / "lease-manager", own, MANAGERS, log)
            parts.callback(manager.stop)
            self.functions.named[f"{prefix}-lease-manager"] = manager
        self.gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.at_work, self.peak = 0, 0
        self._counting = threading.Lock()
        self.functions.named["analytics-work"] = self.work

    def work(self, event: Json) -> Json:
        """The work: waits until so many are at work or a gate opens, takes as long, and fails, as its item says."""
        item = event["item"]
        with self._counting:
            self.at_work += 1
            self.peak = max(self.peak, self.at_work)
            if self.at_work == item.get("begins_with"):
                self.gates["enough"].set()
        if "begins_with" in item:
            self.gates["enough"].wait(GATE_OPENS_WITHIN)
        time.sleep(item.get("seconds", 0))
        if gate := item.get("gate"):
            self.gates[gate].wait(GATE_OPENS_WITHIN)
        with self._counting:
            self.at_work -= 1
        if item.get("fails"):
            raise FunctionFailed("RowMissing", "no row 'seven' {}")
        return {"rows": 3}

    def create(self, definition: Json) -> str:
        """A state machine; its ARN."""
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        made = self.machines.create_state_machine(
            name=str(uuid.uuid4()), definition=json.dumps(definition), roleArn=role
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, given: Json) -> str:
        """An execution; its ARN."""
        name = str(uuid.uuid4())
        made = self.machines.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
        return str(made["executionArn"])

    def ended(self, execution: str, seconds: float = 60) -> Json:
        """How an execution ended."""

        def over() -> Json | None:
            told: Json = self.machines.describe_execution(executionArn=execution)
            return None if told["status"] == "RUNNING" else told

        ended: Json = eventually(f"{execution} ends", over, seconds)
        return ended

    def entered(self, execution: str) -> list[str]:
        """The states it entered, in order."""
        events = self.machines.get_execution_history(executionArn=execution)["events"]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    @contextmanager
    def answered_by(self, function: str, answers: Callable[[Json], Any]) -> Iterator[None]:
        """For a while, this function is another."""
        real = self.functions.named[function]
        self.functions.named[function] = answers
        yield
        self.functions.named[function] = real

    def rows(self, prefix: str, kind: str) -> list[Json]:
        """The pool's rows whose sort key begins so."""
        pages = self._table.get_paginator("query").paginate(
            TableName=TABLE,
            ConsistentRead=True,
            KeyConditionExpression="PK = :pool AND begins_with(SK, :kind)",
            ExpressionAttributeValues={":pool": {"S": f"LEASES#{prefix}"}, ":kind": {"S": kind}},
        )
        read = TypeDeserializer().deserialize
        return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def held(self, prefix: str) -> list[Json]:
        """The slots that somebody holds, expired or not."""
        return [row for row in self.rows(prefix, "slot#") if "execution" in row]

    def waiting(self, prefix: str) -> list[Json]:
        """The places taken in the queue."""
        return self.rows(prefix, "wait#")

    def assert_nothing_left(self, prefix: str) -> None:
        """No slot is held, nobody waits, and what is left of holders DynamoDB will collect."""
        assert self.held(prefix) == []
        assert self.waiting(prefix) == []
        assert [row for row in self.rows(prefix, "holder#") if row["state"] == "waiting" or "ttl" not in row] == []


@contextmanager
def engine(pools: dict[str, list[str]]) -> Iterator[Engine]:
    """Starts all of it and ends it."""
    WORK.mkdir(parents=True, exist_ok=True)
    with ExitStack() as parts:
        yield Engine(pools, parts)


def all_states(definition: Json) -> Iterator[Json]:
    """The states of a definition, also those inside its maps."""
    for state in definition["States"].values():
        yield state
        if "ItemProcessor" in state:
            yield from all_states(state["ItemProcessor"])


def rendered(name: str) -> Json:
    """A rendered machine, whose releases are tried again once only: as it is, for minutes. Its acquire is as rendered, so that a
    crowd on a busy machine may be throttled."""
    definition: Json = json.loads((RENDERED / f"{name}.json").read_text(encoding="utf-8"))
    for state in all_states(definition):
        for retrier in state.get("Retry", []):
            if retrier["ErrorEquals"] == ["States.ALL"]:
                retrier["MaxAttempts"] = 1
    return definition
