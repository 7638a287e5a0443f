"""Which processes are the functions' environments? Found by what the local AWS put into theirs; Linux only."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from aws import Aws


def _environment(process: Path) -> dict[str, str]:
    try:
        raw = (process / "environ").read_bytes()
    except OSError:
        # It ended since, or is another user's.
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if b"=" in entry)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs}


def _sockets_to(port: int) -> set[str]:
    """The inodes of this machine's open connections to a port of 127.0.0.1 (state 01 of /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[2] == f"0100007F:{port:04X}" and row[3] == "01"}


def _open_files(process: Path) -> set[str]:
    try:
        return {os.readlink(file) for file in (process / "fd").iterdir()}
    except OSError:
        return set()


def of_function(aws: Aws, function: str) -> list[int]:
    """The ids of the processes that run this function for this local AWS and have spoken to it, so are past their
    start: one that dies while it starts takes all others of its function with it here, as it would not on AWS."""
    ours = {"AWS_LAMBDA_FUNCTION_NAME": function, "AWS_ENDPOINT_URL": aws.endpoint}
    sockets = _sockets_to(aws.port)
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            environment = _environment(process)
            if all(environment.get(name) == value for name, value in ours.items()) and _open_files(process) & sockets:
                found.append(int(process.name))
    return sorted(found)


def _switches(process: int) -> int:
    """How often the process's threads were switched to or from, so far."""
    count = 0
    for status in Path(f"/proc/{process}/task").glob("*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if "voluntary_ctxt_switches" in line)
    return count


def busy(among: list[int], seconds: float = 0.005) -> list[int]:
    """Which of these processes did something just now: they are in the middle of a call."""
    before = {process: _switches(process) for process in among}
    time.sleep(seconds)
    return [process for process in among if _switches(process) > before[process]]


def kill(process: int) -> bool:
    """SIGKILL; whether it was still there."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
