#!/usr/bin/env python3
"""Does a Step Functions interpreter run the rendered states as the lease manager's tests say they run?

Those tests evaluate the states themselves. Here an independent interpreter does, with its own JSONPath and JSONata:
the rendered machines on the local AWS of scripts/ministack, with a lease manager that answers as each job's key says.
It finds its own virtual environment; run it with any python3:

    terraform/states/tests/interpreter_agrees.py
"""

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / "target" / "ministack-venv"
RENDERED = Path(__file__).resolve().parent / "rendered"
ACCOUNT, REGION = "123456789012", "eu-central-1"  # Those of the rendered machines.
UP_WITHIN = 60  # seconds; it takes about one
ENDED_WITHIN = 120  # seconds; a job takes less than one, and a retry a few

# The two functions in one: the work, and the lease manager, which answers what the job's key holds.
FUNCTIONS = '''
import json, os, urllib.request

class RowMissing(Exception): pass
class PoolNotFound(Exception): pass

def tell(body):
    headers = {"X-Amz-Target": "AWSStepFunctions.SendTaskSuccess", "Content-Type": "application/x-amz-json-1.0",
               "Authorization": "AWS4-HMAC-SHA256 Credential=%s/20241122/%s/states/aws4_request"}
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), headers)
    urllib.request.urlopen(request).read()

def handler(event, context):
    print(json.dumps(event))
    if "item" in event:
        told = event["item"].get("fails")
        # For good, or until this file is there.
        if told and not (isinstance(told, str) and os.path.exists(told)):
            if isinstance(told, str):
                open(told, "w").close()
            raise RowMissing("no row 'seven' {}")
        return {"rows": 3}
    if event.get("all"):
        assert event["action"] == "release" and event["execution"].startswith("arn:aws:states:"), event
        assert event["attempt"]["entered"] and "lease_id" not in event, event
        if event["key_prefix"] == "not to be released":
            raise PoolNotFound("while it was held")
        # The first call can not free all of it.
        more = not os.path.exists(event["key_prefix"])
        open(event["key_prefix"], "w").close()
        return {"status": "released", "count": 2, "more": more}
    if event["action"] == "release":
        if event["lease_id"] == "not to be released":
            raise PoolNotFound("while it was held")
        times = event["acquired_at_ms"], event["expires_at_ms"]
        assert times == ((None, None) if event["lease_id"] == "without its time" else (1732270272345, 1732270872345)), event
        return {"status": "released", "lease_id": event["lease_id"]}
    assert event["execution"].startswith("arn:aws:states:") and event["attempt"]["retry"] == 0, event
    # This interpreter has no count of redrives: its JSONPath takes null for it, its JSONata asks.
    assert not event["attempt"].get("redrive"), event
    assert event["lease_seconds"] == 600 and event["label"], event
    assert event.get("parent") or "branches" in event["execution"], event
    told = json.loads(event["key"])
    answer = told["answer"]
    if "first" in told and not os.path.exists(told["seen"]):
        open(told["seen"], "w").close()
        answer = told["first"]
    if "task_token" in event:
        tell({"taskToken": event["task_token"], "output": json.dumps(answer)})
        return {"status": "queued"}
    return answer
''' % (ACCOUNT, REGION)

GRANT = {
    "status": "acquired", "lease_id": "analytics:0:1", "fence": 1, "slot": 0, "prefix": "analytics",
    "acquired_at_ms": 1732270272345, "expires_at_ms": 1732270872345, "lease_expires_at": 1732270872,
}  # fmt: skip
NO_GRANTS = [
    None, "acquired", 7, True, [], [GRANT], {}, {"Payload": GRANT},
    {"status": "queued"}, {"status": "released", "lease_id": GRANT["lease_id"]}, {"status": "ok"}, {"status": "swept"},
    {"status": "acquired"}, {"lease_id": GRANT["lease_id"]}, {**GRANT, "status": ["acquired"]},
    {**GRANT, "status": "Acquired"}, {**GRANT, "lease_id": None}, {**GRANT, "lease_id": ""}, {**GRANT, "lease_id": 7},
    {"status": "wait"}, {"status": "wait", "retry_after_seconds": None}, {"status": "wait", "retry_after_seconds": "5"},
    {"status": "wait", "retry_after_seconds": 0}, {"status": "wait", "retry_after_seconds": -1},
    {"status": "queued", "retry_after_seconds": 5},
]  # fmt: skip


def all_states(definition):
    """The states of a definition, also those inside its maps."""
    for state in definition["States"].values():
        yield state
        if "ItemProcessor" in state:
            yield from all_states(state["ItemProcessor"])


class Interpreter:
    """ministack with the two functions and the rendered machines."""

    def __init__(self):
        import botocore.session

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        # It ends when its standard input does, so with this process, however that ends.
        command = [ROOT / "scripts" / "ministack", str(port)]
        # It leaves the functions' code behind.
        self.scratch = tempfile.TemporaryDirectory()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        kept = os.environ | {"TMPDIR": self.scratch.name}
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, env=kept, **quiet)
        self.wait_until_up()
        session = botocore.session.get_session()
        keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "any", "region_name": REGION}
        self.machines = session.create_client("stepfunctions", endpoint_url=self.url, **keys)
        functions = session.create_client("lambda", endpoint_url=self.url, **keys)
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as file:
            file.writestr("functions.py", FUNCTIONS)
        for name in ("analytics-lease-manager", "analytics-work"):
            functions.create_function(
                FunctionName=name, Runtime="python3.12", Handler="functions.handler", Timeout=30,
                Role=f"arn:aws:iam::{ACCOUNT}:role/any", Code={"ZipFile": zipped.getvalue()},
                Environment={"Variables": {"AWS_ENDPOINT_URL": self.url}},
            )  # fmt: skip

    def wait_until_up(self):
        until = time.monotonic() + UP_WITHIN
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                if self.server.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{self.url} did not come up; try scripts/ministack by hand") from None
                time.sleep(0.05)

    def create(self, name, again=0):
        """A rendered machine; or one that tries it again so often, from its start, in a Parallel with one branch."""
        definition = json.loads((RENDERED / f"{name}.json").read_text(encoding="utf-8"))
        # A release is tried again for minutes, as it should be; here, once is enough to see it.
        for state in all_states(definition):
            for retrier in state.get("Retry", []):
                retrier["MaxAttempts"] = min(1, retrier["MaxAttempts"])
        if again:
            retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": again}]
            whole = {"Type": "Parallel", "Branches": [definition], "Retry": retry, "End": True}
            name, definition = f"{name}-again", {"StartAt": "Again", "States": {"Again": whole}}
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        made = self.machines.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
        return made["stateMachineArn"]

    def run(self, machine, told, **item):
        """How a job ends that is answered so, and the states it entered."""
        parent = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:analytics:7"
        return self.end_of(machine, {"parent": parent, "item": {"id": json.dumps(told), **item}})

    def end_of(self, machine, job):
        """How an execution with this input ends, and the states it entered."""
        arn = self.machines.start_execution(stateMachineArn=machine, input=json.dumps(job))["executionArn"]
        until = time.monotonic() + ENDED_WITHIN
        while (ended := self.machines.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < until, f"{machine}: {job} still runs"
            time.sleep(0.02)
        pages = self.machines.get_paginator("get_execution_history").paginate(executionArn=arn)
        entered = [event.get("stateEnteredEventDetails") for page in pages for event in page["events"]]
        return ended, [state["name"] for state in entered if state]

    def stop(self):
        self.server.stdin.close()
        self.server.wait(30)
        self.scratch.cleanup()


class InterpreterAgrees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.interpreter = Interpreter()
        cls.addClassCleanup(cls.interpreter.stop)
        made = {path.stem: cls.interpreter.create(path.stem) for path in sorted(RENDERED.glob("*.json"))}
        cls.branches = {name: arn for name, arn in made.items() if name.startswith("branches")}
        cls.machines = {name: arn for name, arn in made.items() if name not in cls.branches}
        assert (len(cls.machines), len(cls.branches)) == (4, 2), made

    def acquired(self, name):
        return ["AcquireLease"] if name.startswith("queue") else ["AcquireLease", "CheckLeaseStatus"]

    def each(self):
        for name, machine in self.machines.items():
            with self.subTest(machine=name):
                yield name, machine

    def test_a_grant_leads_to_the_work_and_its_lease_flows_on(self):
        for name, machine in self.each():
            ended, entered = self.interpreter.run(machine, {"answer": GRANT})
            self.assertEqual(entered, [*self.acquired(name), "Process", "ReleaseLease"])
            output = json.loads(ended["output"])
            self.assertEqual((output["lease"], output["result"]), (GRANT, {"rows": 3}))
            self.assertEqual(sorted(output), ["item", "lease", "parent", "result"])

    def test_no_other_answer_leads_to_the_work(self):
        for name, machine in self.each():
            if name == "queue-jsonpath":
                continue  # Its guard is that a path must be there; this interpreter takes null for one that is not.
            with ThreadPoolExecutor(4) as several:
                ends = several.map(lambda answer: self.interpreter.run(machine, {"answer": answer}), NO_GRANTS)
            for answer, (ended, entered) in zip(NO_GRANTS, ends, strict=True):
                with self.subTest(machine=name, answer=answer):
                    self.assertNotIn("Process", entered)
                    self.assertEqual(ended["status"], "FAILED")
                    queue = name.startswith("queue")
                    self.assertEqual(ended["error"], "States.QueryEvaluationError" if queue else "UnexpectedLeaseAnswer")
                    shown = answer if isinstance(answer, str) else json.dumps(answer, separators=(",", ":"))
                    self.assertIn(shown, ended["cause"].replace('", "', '","').replace('": ', '":'))

    def test_a_time_to_wait_leads_to_another_question(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name, machine in self.each():
            if name.startswith("queue"):
                continue
            wait = {"status": "wait", "retry_after_seconds": 1, "current_running": 15, "limit": 15, "waiting": 0}
            told = {"first": wait, "seen": os.path.join(folder, name), "answer": GRANT}
            ended, entered = self.interpreter.run(machine, told)
            self.assertEqual(ended["status"], "SUCCEEDED")
            once = self.acquired(name)
            self.assertEqual(entered, [*once, "WaitForLease", *once, "Process", "ReleaseLease"])

    def test_work_that_fails_gives_the_lease_back_and_fails_the_job_with_its_own_error(self):
        for name, machine in self.each():
            for lease_id in ("analytics:0:1", "not to be released"):
                ended, entered = self.interpreter.run(machine, {"answer": {**GRANT, "lease_id": lease_id}}, fails=True)
                self.assertEqual(entered[-3:], ["Process", "ReleaseLeaseAfterFailure", "RaiseOriginalError"])
                self.assertEqual(ended["status"], "FAILED")
                self.assertIn("no row 'seven' {}", ended["cause"])

    def test_a_release_that_fails_leaves_the_job_its_output(self):
        for name, machine in self.each():
            ended, entered = self.interpreter.run(machine, {"answer": {**GRANT, "lease_id": "not to be released"}})
            self.assertEqual(entered[-2:], ["ReleaseLease", "LeaseLeftToExpire"])
            self.assertEqual(json.loads(ended["output"])["result"], {"rows": 3})

    def test_a_lease_without_its_time_is_given_back_or_never_worked_under(self):
        timeless = {"status": "acquired", "lease_id": "without its time"}
        for name, machine in self.each():
            if name == "queue-jsonpath":
                continue  # As above: a path must be there.
            ended, entered = self.interpreter.run(machine, {"answer": timeless})
            if name == "poll-jsonpath":
                self.assertEqual((ended["error"], entered[-1]), ("UnexpectedLeaseAnswer", "UnexpectedLeaseAnswer"))
            else:
                self.assertEqual((ended["status"], entered[-2:]), ("SUCCEEDED", ["Process", "ReleaseLease"]))

    def test_a_retry_around_the_lease_acquires_anew_for_each_try(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name in self.machines:
            with self.subTest(machine=name):
                machine = self.interpreter.create(name, again=1)
                second = {**GRANT, "lease_id": "analytics:0:2", "fence": 2}
                told = {"first": GRANT, "seen": os.path.join(folder, f"{name}-asked"), "answer": second}
                ended, _ = self.interpreter.run(machine, told, fails=os.path.join(folder, f"{name}-worked"))
                self.assertEqual(ended["status"], "SUCCEEDED")
                (output,) = json.loads(ended["output"])
                self.assertEqual((output["lease"], output["result"]), (second, {"rows": 3}))

    def branching(self, prefix, *items):
        """How a map over these items ends in each language, and the states it entered, those of its items apart."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name, machine in self.branches.items():
            with self.subTest(machine=name):
                told = prefix or os.path.join(folder, name)
                ended, entered = self.interpreter.end_of(machine, {"prefix": told, "items": list(items)})
                yield ended, [state for state in entered if state in ("Items", "ReleaseAll", "CheckReleaseAll", "RaiseBranchError")]

    def test_a_branch_that_fails_has_all_branches_give_back_what_they_have(self):
        fails = {"id": json.dumps({"answer": GRANT}), "fails": True}
        # Its sibling is done: this interpreter would wait for one that waits, where AWS cancels it.
        for ended, entered in self.branching(None, fails, {"id": json.dumps({"answer": GRANT})}):
            again = ["ReleaseAll", "CheckReleaseAll"]
            self.assertEqual(entered, ["Items", *again, *again, "RaiseBranchError"])
            self.assertEqual(ended["status"], "FAILED")
            self.assertIn("no row 'seven' {}", ended["cause"])

    def test_a_release_of_all_that_fails_hides_no_error(self):
        fails = {"id": json.dumps({"answer": GRANT}), "fails": True}
        for ended, entered in self.branching("not to be released", fails):
            self.assertEqual(entered, ["Items", "ReleaseAll", "RaiseBranchError"])
            self.assertIn("no row 'seven' {}", ended["cause"])

    def test_branches_that_are_done_have_nothing_to_give_back(self):
        does = {"id": json.dumps({"answer": GRANT})}
        for ended, entered in self.branching(None, does, does):
            self.assertEqual((ended["status"], entered), ("SUCCEEDED", ["Items"]))
            results = json.loads(ended["output"])["results"]
            self.assertEqual([result["result"] for result in results], [{"rows": 3}, {"rows": 3}])


if __name__ == "__main__":
    subprocess.run([ROOT / "scripts" / "ministack"], check=True)
    python = VENV / "bin" / "python"
    if Path(sys.prefix) != VENV:
        os.execv(python, [python, __file__, *sys.argv[1:]])
    unittest.main(verbosity=1)
