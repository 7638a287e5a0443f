"""What stands in the account? Everything that a root of ours can make, by kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws import Aws

# Kind: the service, the call that lists it, where the list lies, and what names one.
KINDS: dict[str, tuple[str, str, str, Callable[[Any], str]]] = {
    "table": ("dynamodb", "list_tables", "TableNames", str),
    "function": ("lambda", "list_functions", "Functions", lambda it: it["FunctionName"]),
    "state machine": ("stepfunctions", "list_state_machines", "stateMachines", lambda it: it["name"]),
    "rule": ("events", "list_rules", "Rules", lambda it: it["Name"]),
    "schedule": ("scheduler", "list_schedules", "Schedules", lambda it: it["Name"]),
    "log group": ("logs", "describe_log_groups", "logGroups", lambda it: it["logGroupName"]),
    "alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", lambda it: it["AlarmName"]),
    "dashboard": ("cloudwatch", "list_dashboards", "DashboardEntries", lambda it: it["DashboardName"]),
    "bucket": ("s3", "list_buckets", "Buckets", lambda it: it["Name"]),
    "topic": ("sns", "list_topics", "Topics", lambda it: it["TopicArn"]),
    "role": ("iam", "list_roles", "Roles", lambda it: it["RoleName"]),
}


def standing(aws: Aws) -> set[str]:
    """All there is, as `kind name`, but for the root `trouble/`, which may come up meanwhile.

    Policies on roles, targets, permissions and objects go with what they are on.
    """
    seen = {
        f"{kind} {name(one)}"
        for kind, (service, call, where, name) in KINDS.items()
        for one in getattr(aws.client(service), call)()[where]
    }
    policies = aws.client("iam").list_policies(Scope="Local")["Policies"]
    seen |= {f"policy {policy['PolicyName']}" for policy in policies}
    # A key that is to be deleted stays for days, and can not be used meanwhile.
    kms = aws.client("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    seen |= {f"key {key['KeyId']} ({key['Description']})" for key in keys if key["KeyState"] != "PendingDeletion"}
    return {one for one in seen if "trouble" not in one}
