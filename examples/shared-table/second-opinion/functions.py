"""Lambda for the interpreter: who answers when a state invokes a function? The lease manager's own binary, over Lambda's Runtime
API, and functions of Python. Serves Lambda's Invoke API."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

ANSWERED_WITHIN = 60.0  # seconds; a call takes a few milliseconds
LIVES = 30.0  # seconds that a call of the lease manager may take, as its deadline says


class FunctionFailed(Exception):
    """A failed invocation: its error type and message."""

    def __init__(self, error_type: str, message: str):
        super().__init__(error_type, message)
        self.error_type, self.message = error_type, message


class InvocationRefused(Exception):
    """What Lambda answers instead of invoking a function: its exception, with this status."""

    def __init__(self, status: int, exception: str):
        super().__init__(status, exception)
        self.status, self.exception = status, exception


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Who asked is gone, as a lease manager is that is ended.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads a body and answers with one."""

    # Without these, each answer costs 40 ms more.
    protocol_version, disable_nagle_algorithm, wbufsize = "HTTP/1.1", True, -1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def body(self) -> bytes:
        """What was sent."""
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        read = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            read += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return read

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Answers with these headers, whose names have underscores for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Serves on a free port of this machine, as long as this process lives."""
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class LeaseManager:
    """Processes of the lease manager's binary, and the Runtime API that brings them their calls."""

    def __init__(self, binary: Path, environment: dict[str, str], copies: int, log: IO[bytes]):
        self._calls: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: dict[str, queue.Queue[tuple[str, Any]]] = {}
        server = serve(self._handler())
        environment = environment | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "lease-manager",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
        }
        self._processes = [
            subprocess.Popen([binary], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            for _ in range(copies)
        ]

    def __call__(self, event: Any) -> Any:
        """What the lease manager answers to an event."""
        call, told = str(uuid.uuid4()), queue.Queue[tuple[str, Any]]()
        self._answers[call] = told
        self._calls.put((call, json.dumps(event).encode()))
        kind, answer = told.get(timeout=ANSWERED_WITHIN)
        if kind == "error":
            raise FunctionFailed(answer["errorType"], answer["errorMessage"])
        return answer

    def stop(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        calls, answers = self._calls, self._answers

        class Runtime(Handler):
            def do_GET(self) -> None:
                call, event = calls.get()
                self.answer(
                    200,
                    event,
                    Lambda_Runtime_Aws_Request_Id=call,
                    Lambda_Runtime_Deadline_Ms=str(int((time.time() + LIVES) * 1000)),
                    Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:eu-central-1:123456789012:function:any",
                )

            def do_POST(self) -> None:
                answer = json.loads(self.body() or b"null")
                *_, call, kind = self.path.split("/")
                if call in answers:
                    answers.pop(call).put((kind, answer))
                self.answer(202, b"")

        return Runtime


class Functions:
    """Lambda's Invoke API for functions by name."""

    def __init__(self) -> None:
        self.named: dict[str, Callable[[Any], Any]] = {}
        named = self.named

        class Invoke(Handler):
            def do_POST(self) -> None:
                event = json.loads(self.body() or b"{}")
                invoked = urllib.parse.unquote(self.path).split("/functions/")[1].rsplit("/invocations", 1)[0]
                status, headers = 200, {"Content_Type": "application/json", "X_Amzn_RequestId": str(uuid.uuid4())}
                try:
                    body = named[invoked.rpartition(":function:")[2]](event)
                except FunctionFailed as failed:
                    body = {"errorType": failed.error_type, "errorMessage": failed.message}
                    headers["X_Amz_Function_Error"] = "Unhandled"
                except InvocationRefused as refused:
                    status, body = refused.status, {"Type": "User", "Message": "refused"}
                    headers["X_Amzn_ErrorType"] = refused.exception
                self.answer(status, json.dumps(body).encode(), **headers)

        self.endpoint = f"http://127.0.0.1:{serve(Invoke).server_port}"
