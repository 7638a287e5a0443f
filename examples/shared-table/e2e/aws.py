"""What is the AWS that the scenarios run on? ministack on a free port of this machine, for as long as this run lasts.

Its standard input is a pipe that only this process holds: when the process ends, even by SIGKILL, so does ministack,
and the functions' processes with it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

REGION = "eu-central-1"
ROOT = Path(__file__).resolve().parents[3]
Answer = TypeVar("Answer")


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def eventually(what: str, ask: Callable[[], Answer | None], seconds: float = 60, every: float = 0.1) -> Answer:
    """What `ask` gives once it gives something; fails with `what` if it does not within `seconds`."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() >= until:
            raise AssertionError(f"not within {seconds:g} s: {what}; it was {answer!r} in the end")
        time.sleep(every)


@dataclass
class Aws:
    """The running local AWS and its clients."""

    port: int
    server: subprocess.Popen[bytes]
    log: Path
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to take this for AWS."""
        ours = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | ours

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64, read_timeout=120),
            )
        return self._clients[service]

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """What a function answers; fails if the function does."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, f"{function} failed on {event}: {payload}"
        return payload

    def awake(self, function: str, environments: int) -> None:
        """Has a lease manager called so often at once that as many environments of it stand.

        In a queued task the local AWS forgets a call that fails, where AWS would ask again: on a busy machine one of a
        crowd of starts might.
        """
        functions, status = self.client("lambda"), json.dumps({"action": "status"}).encode()
        with ThreadPoolExecutor(environments) as callers:
            for _ in range(environments):
                callers.submit(functions.invoke, FunctionName=function, Payload=status)

    def invoke_later(self, function: str, event: dict[str, Any]) -> None:
        """Has a function called as events and schedules do: nobody waits for its answer."""
        self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode(), InvocationType="Event")


def keep_logs(aws: Aws, folder: Path) -> None:
    """Writes what the functions logged beside the local AWS's own log: it goes with it."""
    logs = aws.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        lines = [f"{event['message'].rstrip()}\n" for page in pages for event in page["events"]]
        (folder / f"{name.rpartition('/')[2]}.log").write_text("".join(lines))


def _healthy(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1) as reply:
            return int(reply.status) == 200
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def local_aws(log: Path) -> Iterator[Aws]:
    """Starts it and waits until it serves; ends it."""
    port = free_port()
    # Where it unpacks the functions: it does not tidy up.
    unpacked = log.parent / "unpacked"
    unpacked.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [ROOT / "scripts" / "ministack", str(port)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=kept | {"TMPDIR": str(unpacked)},
        )
    aws = Aws(port, server, log)
    try:
        eventually(f"ministack serves on port {port}, see {log}", lambda: _healthy(aws.endpoint), 60)
        yield aws
        keep_logs(aws, log.parent)
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(timeout=30)
        shutil.rmtree(unpacked, ignore_errors=True)
