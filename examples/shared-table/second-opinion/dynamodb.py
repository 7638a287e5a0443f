"""What table does the second opinion run on? AWS's DynamoDB Local of January 2020, and in front of it what AWS has and it has not:
replies have a date, which is the table's time.
"""

from __future__ import annotations

import http.client
import platform
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from functions import Handler, serve

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
LISTENS_WITHIN = 60  # seconds; it takes about two


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _server() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What DynamoDB Local carries runs on x86-64 alone.
    script = "dynamodb-local" if platform.machine() == "x86_64" else "ministack"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # It ends when its standard input does, so with this process, however that ends.
    server = subprocess.Popen([SCRIPTS / script, str(port)], stdin=subprocess.PIPE, **quiet)
    try:
        until = time.monotonic() + LISTENS_WITHIN
        while not _listens(port):
            assert server.poll() is None and time.monotonic() < until, f"{script} does not listen; try it by hand"
            time.sleep(0.05)
        yield port
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(30)


@contextmanager
def dynamodb() -> Iterator[str]:
    """Serves the table's API; its address."""
    kept = threading.local()
    with _server() as port:

        class Front(Handler):
            def do_POST(self) -> None:
                if not hasattr(kept, "connection"):
                    kept.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                passed = ("Content-Type", "Authorization", "X-Amz-Date", "X-Amz-Target")
                headers = {name: self.headers[name] for name in passed if name in self.headers}
                kept.connection.request("POST", "/", self.body(), headers)
                reply = kept.connection.getresponse()
                self.answer(reply.status, reply.read(), Content_Type="application/x-amz-json-1.0")

        yield f"http://127.0.0.1:{serve(Front).server_port}"
