#!/usr/bin/env python3
"""Do the templates of SAM and of the CDK deploy, and do their workflows run under leases? On a local AWS.

    other_ways_in_run.py SAM_TEMPLATE CDK_TEMPLATE PACKAGE LEASEHOLD

The templates are as CloudFormation takes them, PACKAGE is the lease manager's zip, LEASEHOLD the command. What is changed for
the local AWS: the function is told where it is, the package is where the template says, and the work takes a second.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import unittest
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[2]
LIMIT, JOBS = 2, 5
# How long a stack or the executions may take, in seconds: they take some, unless the machine is busy.
WITHIN = 120
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


class OtherWaysInRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cls.endpoint = f"http://127.0.0.1:{port}"
        # It serves until its standard input ends, which is when this process does.
        cls.server = subprocess.Popen(
            [ROOT / "scripts/ministack", str(port)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        cls.environment = {
            "AWS_ENDPOINT_URL": cls.endpoint, "AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
        }
        os.environ.update(cls.environment)
        cls.until(lambda: cls.call("health"), "the local AWS did not start")

    @classmethod
    def tearDownClass(cls):
        cls.server.stdin.close()
        cls.server.wait(30)

    @classmethod
    def call(cls, what, data=None):
        try:
            return urllib.request.urlopen(f"{cls.endpoint}/_ministack/{what}", data=data, timeout=5).read()
        except OSError:
            return None

    @staticmethod
    def until(there, otherwise):
        end = time.monotonic() + WITHIN
        while not (found := there()):
            if time.monotonic() > end:
                raise AssertionError(otherwise)
            time.sleep(0.2)
        return found

    def deploy(self, path, bucket, key):
        """A stack of this template on an empty AWS; its outputs."""
        self.assertIsNotNone(self.call("reset", b""))
        template = json.loads(re.sub(r'(\\"Seconds\\": ?)5', r"\g<1>1", path.read_text(encoding="utf-8")))
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                resource["Properties"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = self.endpoint
        storage = boto3.client("s3")
        storage.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        storage.upload_file(PACKAGE, bucket, key)
        # What `cdk bootstrap` leaves behind; a template of the CDK asks for it.
        boto3.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="30")
        stacks = boto3.client("cloudformation")
        stacks.create_stack(StackName="stack", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])

        def made():
            stack = stacks.describe_stacks(StackName="stack")["Stacks"][0]
            self.assertNotRegex(stack["StackStatus"], "FAILED|ROLLBACK", stack.get("StackStatusReason"))
            return stack if stack["StackStatus"] == "CREATE_COMPLETE" else None

        stack = self.until(made, "the stack was not made in time")
        self.leasehold("pool", "set", "analytics", "--limit", str(LIMIT))
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def leasehold(self, *arguments):
        ran = subprocess.run([LEASEHOLD, *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def outputs(self, machine, inputs):
        """What executions of it come to, one for each input, started together."""
        workflows = boto3.client("stepfunctions")
        arns = [workflows.start_execution(stateMachineArn=machine, input=json.dumps(one))["executionArn"] for one in inputs]

        def ended():
            found = [workflows.describe_execution(executionArn=arn) for arn in arns]
            return found if all(one["status"] in ENDED for one in found) else None

        found = self.until(ended, "the executions did not end in time")
        self.assertEqual({one["status"] for one in found}, {"SUCCEEDED"}, [one.get("cause") for one in found])
        return [json.loads(one["output"]) for one in found]

    def judge(self, leases):
        """Every job had a lease of its own, on one of the pool's slots, and all are given back."""
        self.assertEqual(len({lease["lease_id"] for lease in leases}), JOBS)
        self.assertLessEqual({lease["slot"] for lease in leases}, set(range(LIMIT)))
        pool = json.loads(self.leasehold("leases", "analytics", "--output", "json"))
        self.assertEqual((pool["held"], pool["waiting"]), (0, 0))

    def test_the_sam_template_deploys_and_its_jobs_run_under_leases(self):
        made = self.deploy(SAM, "packages", "bootstrap.zip")
        self.judge([output["lease"] for output in self.outputs(made["WorkflowArn"], [{}] * JOBS)])

    def test_the_cdk_app_deploys_and_its_items_run_under_leases(self):
        key = re.search(r'"S3Key": "([^"]+)"', CDK.read_text(encoding="utf-8")).group(1)
        made = self.deploy(CDK, "cdk-hnb659fds-assets-123456789012-eu-central-1", key)
        items = {"items": [{"id": f"item-{n}"} for n in range(JOBS)]}
        (output,) = self.outputs(made["WorkflowArn"], [items])
        self.judge([item["lease"] for item in output])


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    SAM, CDK, PACKAGE, LEASEHOLD = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    unittest.main(argv=sys.argv[:1])
