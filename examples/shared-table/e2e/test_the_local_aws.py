"""Does the local AWS answer as AWS does, where the tests' clients depend on it?"""

from __future__ import annotations

import socket

from aws import Aws

TRIES = 200


def test_a_reply_comes_in_one_piece(aws: Aws) -> None:
    # In two pieces HashiCorp's provider loses one now and then, and asks again: see scripts/serve_ministack.py.
    body = b'{"stateMachineArn": "arn:aws:states:eu-central-1:000000000000:stateMachine:none"}'
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: AWSStepFunctions.DescribeStateMachine\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", aws.port), timeout=60) as connection:
        for _ in range(TRIES):
            connection.sendall(head.encode() + body)
            reply = connection.recv(65536)
            assert b"\r\n\r\n{" in reply and reply.endswith(b"}"), reply
