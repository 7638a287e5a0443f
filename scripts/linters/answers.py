"""Why is a linter's finding no defect? An answer for each kind of finding that stands."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """A finding that stands, and why."""

    finding: str  # A pattern of the whole line.
    why: str


ANSWERS = [
    Answer(
        r"cfn-lint: poll-jsonata.*: E3601 '\{% \$states\.input\.lease\.retry_after_seconds %\}' is not of type 'number'",
        "In JSONata, a Wait's Seconds may be an expression, which gives the number.",
    ),
    Answer(
        r"parliament: .*: RESOURCE_MISMATCH .*'states:DescribeExecution', 'required_format': 'arn:\*:states:\*:\*:express:.*",
        "Express executions have no task tokens and can not be described; the executions named are standard ones.",
    ),
    Answer(
        r"parliament: .*aws_iam_role\..*: CREDENTIALS_EXPOSURE .*",
        "A role's trust policy is there to say who gets its credentials.",
    ),
    Answer(
        r"parliament: .*: RESOURCE_STAR \['ec2:AssignPrivateIpAddresses', .*",
        "Lambda makes a function's network interfaces under names that nobody knows before; AWS's own policy has `*`, too.",
    ),
    Answer(
        r"parliament: .*: UNKNOWN_CONDITION_FOR_ACTION Unknown condition lambda:SourceFunctionArn for action ec2:.*",
        "Lambda adds that key to every call of the function's own code, whatever the action.",
    ),
    Answer(
        r"parliament: aws_kms_key\..*: RESOURCE_STAR .*",
        "In a key's own policy, `*` is that key.",
    ),
    Answer(
        r"parliament: aws_kms_key\..*: PERMISSIONS_MANAGEMENT_ACTIONS.*",
        "A key whose policy does not leave it to its account can be managed by nobody; AWS's default policy says the same.",
    ),
    Answer(
        r"parliament: aws_kms_key\..*: MISMATCHED_TYPE .*ArnEquals requires a value of type Arn but given String",
        "The encryption context that CloudWatch Logs sets is an ARN; AWS's own policy for it compares it so.",
    ),
    Answer(
        r"parliament: aws_kms_key\..*: UNKNOWN_CONDITION_FOR_ACTION .*kms:EncryptionContext:aws:logs:arn for action kms:DescribeKey",
        "AWS's own policy for CloudWatch Logs lists DescribeKey under this condition.",
    ),
]


def unanswered(findings: list[str]) -> list[str]:
    """Those that no answer is for; and each answer that none of them is, which should go."""
    wrong = [line for line in findings if not any(re.fullmatch(answer.finding, line) for answer in ANSWERS)]
    idle = [answer for answer in ANSWERS if not any(re.fullmatch(answer.finding, line) for line in findings)]
    return wrong + [f"nothing is found any more that this answers: {answer.finding}" for answer in idle]
