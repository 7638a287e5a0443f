#!/usr/bin/env python3
"""Do the templates of SAM and of the CDK make the same as Terraform's modules, as far as they go?

    other_ways_in_are_as_terraform.py TEMPLATE [TEMPLATE ...]

Of each expanded template: what the lease manager may do, what frees ended executions, the table and its index, and that
an alarm is one of the module's. What the module says is read from its files, so that a change there is noticed here.
"""

import json
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = [Path(argument) for argument in sys.argv[1:]]
IAM = (ROOT / "terraform/pool/iam.tf").read_text(encoding="utf-8")
EVENTS = (ROOT / "terraform/pool/events.tf").read_text(encoding="utf-8")
ALARMS = (ROOT / "terraform/pool/alarms.tf").read_text(encoding="utf-8")
TABLE = (ROOT / "terraform/table/main.tf").read_text(encoding="utf-8")


def actions_of(sid):
    """The actions of a statement in the module."""
    found = re.search(rf'Sid\s*=\s*"{sid}".*?Action\s*=\s*(\[[^\]]*\]|"[^"]*")', IAM, re.DOTALL)
    return set(re.findall(r'"([^"]*)"', found.group(1)))


def many(value):
    return value if isinstance(value, list) else [value]


class OtherWaysIn(unittest.TestCase):
    def each(self, kind):
        """Every resource of a kind in every template, which has at least one."""
        for path in TEMPLATES:
            resources = json.loads(path.read_text(encoding="utf-8"))["Resources"]
            found = [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]
            with self.subTest(path.name):
                self.assertTrue(found, f"no {kind}")
                yield path, found

    def statements(self):
        for path in TEMPLATES:
            resources = json.loads(path.read_text(encoding="utf-8"))["Resources"].values()
            policies = [r["Properties"] for r in resources if r["Type"] == "AWS::IAM::Policy"]
            policies += [p for r in resources if r["Type"] == "AWS::IAM::Role" for p in r["Properties"].get("Policies", [])]
            yield path, [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]

    def test_the_lease_manager_may_do_what_the_module_lets_it_do(self):
        for path, statements in self.statements():
            with self.subTest(path.name):
                by_sid = {statement["Sid"]: statement for statement in statements if "Sid" in statement}
                for sid in ("OwnRows", "TellWaiters"):
                    self.assertEqual(set(many(by_sid[sid]["Action"])), actions_of(sid), sid)
                # In how many statements is each one's own affair.
                of_executions = {action for s in statements for action in many(s["Action"]) if action.startswith("states:")}
                self.assertEqual(of_executions, set(re.findall(r'"(states:\w+)"', IAM)))
                condition = by_sid["OwnRows"]["Condition"]
                self.assertEqual(condition["Null"], {"dynamodb:LeadingKeys": "false"})
                keys = json.dumps(condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"])
                self.assertRegex(keys, r"LEASES#")
                # Two actions know no resource; everything else names one.
                self.assertEqual([s.get("Sid") for s in statements if s["Resource"] == "*"], ["TellWaiters"])

    def test_only_the_pools_own_executions_may_be_asked_for(self):
        kinds = {"states:DescribeExecution": ["execution", "execution"], "states:ListExecutions": ["mapRun", "stateMachine"]}
        machines = {path: found[0]["StateMachineName"] for path, found in self.each("AWS::StepFunctions::StateMachine")}
        for path, statements in self.statements():
            name = machines[path] if isinstance(machines[path], str) else machines[path]["Fn::Sub"]
            for action, expected in kinds.items():
                with self.subTest(path.name, action=action):
                    (statement,) = [s for s in statements if action in many(s["Action"])]
                    arns = [json.dumps(resource) for resource in statement["Resource"]]
                    of_machine = rf":(execution|stateMachine|mapRun):{re.escape(name)}\b"
                    self.assertEqual(sorted(found for arn in arns for found in re.findall(of_machine, arn)), expected)
                    self.assertEqual(len(arns), len(expected))

    def test_ended_executions_are_reported_with_the_modules_statuses(self):
        pattern = re.search(r"status\s*=\s*concat\((.*?)\)\n", EVENTS, re.DOTALL).group(1)
        for _, rules in self.each("AWS::Events::Rule"):
            ended = [rule["EventPattern"] for rule in rules if "EventPattern" in rule]
            self.assertEqual(len(ended), 1)
            self.assertEqual(set(ended[0]["detail"]["status"]), set(re.findall(r'"([A-Z_]+)"', pattern)))
            self.assertEqual(ended[0]["source"], ["aws.states"])
            self.assertEqual(ended[0]["detail-type"], ["Step Functions Execution Status Change"])

    def test_the_table_has_the_modules_keys_and_index(self):
        index = re.search(r'global_secondary_index \{\s*name\s*=\s*"(\w+)"', TABLE).group(1)
        ttl = re.search(r'ttl \{\s*attribute_name\s*=\s*"(\w+)"', TABLE).group(1)
        for _, tables in self.each("AWS::DynamoDB::Table"):
            table = tables[0]
            self.assertEqual([key["AttributeName"] for key in table["KeySchema"]], ["PK", "SK"])
            self.assertEqual([found["IndexName"] for found in table["GlobalSecondaryIndexes"]], [index])
            self.assertEqual(table["GlobalSecondaryIndexes"][0]["Projection"], {"ProjectionType": "ALL"})
            self.assertEqual(table["TimeToLiveSpecification"], {"AttributeName": ttl, "Enabled": True})
            self.assertIs(table["DeletionProtectionEnabled"], True)

    def test_every_alarm_is_one_of_the_modules_and_reads_its_metric(self):
        metrics = dict(re.findall(r'^    ([a-z-]+) = \{.*?metric_name = "(\w+)"', ALARMS, re.DOTALL | re.MULTILINE))
        for _, alarms in self.each("AWS::CloudWatch::Alarm"):
            for alarm in alarms:
                name = json.dumps(alarm["AlarmName"]).rstrip('"}').split("-lease-")[-1]
                self.assertEqual(alarm["MetricName"], metrics.get(name), name)


if __name__ == "__main__":
    if not TEMPLATES:
        sys.exit(__doc__)
    unittest.main(argv=sys.argv[:1])
