"""Count, then put, as a function in Python: what do people deploy today? The lease manager is measured beside it.

Counts the leases that have not expired; if there are fewer than the limit, puts one. Two calls at once can both get in.
"""

import http.client
import json
import os
import time
import uuid

import boto3
from boto3.dynamodb.conditions import Attr, Key

TABLE = boto3.resource("dynamodb").Table(os.environ["LEASE_TABLE_NAME"])
POOL = f"PEER#{os.environ['LEASE_PREFIX']}"
LIMIT = 10
LEASE_SECONDS = 60


def handler(event, _context):
    if event["action"] == "release":
        TABLE.delete_item(Key={"PK": POOL, "SK": event["lease_id"]})
        return {"status": "released", "lease_id": event["lease_id"]}
    now = int(time.time())
    leases = Key("PK").eq(POOL) & Key("SK").begins_with("lease#")
    held = TABLE.query(KeyConditionExpression=leases, FilterExpression=Attr("expires_at").gt(now), ConsistentRead=True,
                       Select="COUNT")["Count"]
    if held >= LIMIT:
        return {"status": "wait", "current_running": held}
    lease = f"lease#{uuid.uuid4()}"
    TABLE.put_item(Item={"PK": POOL, "SK": lease, "holder": event["key"], "expires_at": now + LEASE_SECONDS})
    return {"status": "acquired", "lease_id": lease}


def serve():
    """What Lambda's own Python runtime does: asks for an event, has it handled, answers."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        asked = api.getresponse()
        event = json.loads(asked.read())
        answer = json.dumps(handler(event, None))
        api.request("POST", f"/2018-06-01/runtime/invocation/{asked.headers['Lambda-Runtime-Aws-Request-Id']}/response", answer)
        api.getresponse().read()


if __name__ == "__main__":
    serve()
