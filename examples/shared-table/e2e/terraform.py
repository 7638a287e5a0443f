"""What does a user's Terraform do? Copies a root with the modules it names beside it, and runs `terraform` there.

The copy keeps every relative path valid and nothing is left in the repository.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws import ROOT, Aws
from definitions import refusals
from machines import Machine

# Terraform's plugin cache can not be filled by two at once.
ONE_AT_A_TIME = threading.Lock()
# What this machine builds packages for, and runs them on.
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
# The local AWS has no hosts named after buckets, and nothing that credentials could be checked with.
LOCAL_AWS = """
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""
# What the local AWS does not give back, so that HashiCorp's provider would set it again: the type and its argument. (The
# stand-in of machines that can not reach Terraform's registry remembers it.)
NOT_KEPT = {
    ("aws_cloudwatch_metric_alarm", argument)
    for argument in (
        "actions_enabled",
        "alarm_actions",
        "alarm_description",
        "dimensions",
        "ok_actions",
        "period",
        "statistic",
        "treat_missing_data",
    )
} | {("aws_sfn_state_machine", "tracing_configuration")}
LEFT_OUT = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "__pycache__")


@dataclass
class Root:
    """A Terraform root, copied, and the variables it is applied with."""

    folder: Path
    aws: Aws
    variables: dict[str, Any] = field(default_factory=dict)
    stands: bool = False

    @classmethod
    def copy(cls, place: Path, root: str, aws: Aws, **variables: Any) -> Root:
        """The root at `root` (relative to the repository), copied under `place` together with the modules."""
        shutil.copytree(ROOT / "terraform", place / "terraform", ignore=LEFT_OUT)
        shutil.copytree(ROOT / root, place / root, ignore=LEFT_OUT)
        (place / root / "local_aws_override.tf").write_text(LOCAL_AWS)
        with ONE_AT_A_TIME:
            subprocess.run([ROOT / "scripts" / "older-provider", place], check=True, env=aws.environment)
        return cls(place / root, aws, variables)

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Runs one `terraform` command; fails with what it printed."""
        named = {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self.variables.items()
        }
        # After the local AWS, which answers other tests meanwhile: starved of time, it would lose their calls.
        done = subprocess.run(
            ["nice", "-n", "5", "terraform", *arguments],
            cwd=self.folder,
            env=self.aws.environment | named,
            capture_output=True,
            text=True,
        )
        assert done.returncode in allowed, f"terraform {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done

    def init(self) -> None:
        """`terraform init`."""
        with ONE_AT_A_TIME:
            self.run("init", "-no-color")

    def apply(self, *targets: str) -> dict[str, Any]:
        """`terraform apply` with the variables as they are, of everything or of these; the outputs.

        Fails if AWS would have refused one of its state machines.
        """
        self.stands = True
        self.run("apply", "-no-color", "-auto-approve", *(f"-target={target}" for target in targets))
        machines = self.made("aws_sfn_state_machine")
        assert machines, "no root of ours is without a state machine"
        refused = {arn: wrong for arn in machines if (wrong := refusals(Machine.at(self.aws, arn).definition))}
        assert refused == {}, f"AWS would refuse these: {json.dumps(refused, indent=2)}"
        return self.outputs()

    def outputs(self) -> dict[str, Any]:
        """The outputs' values."""
        outputs = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in outputs.items()}

    def made(self, kind: str) -> list[str]:
        """The ARNs of the resources of this kind that stand."""
        state = json.loads(self.run("state", "pull").stdout)
        return [
            instance["attributes"]["arn"]
            for resource in state["resources"]
            if (resource["mode"], resource["type"]) == ("managed", kind)
            for instance in resource["instances"]
        ]

    def pending(self) -> str | None:
        """What `terraform plan` would change, but for what the local AWS does not keep; none if nothing."""
        self.run("plan", "-no-color", "-out=pending")
        plan = json.loads(self.run("show", "-json", "pending").stdout)
        changes = [f"output {name}" for name, one in plan.get("output_changes", {}).items() if one["actions"] != ["no-op"]]
        for resource in plan.get("resource_changes", []):
            change = resource["change"]
            if change["actions"] in (["no-op"], ["read"]):
                continue
            before, after = change["before"] or {}, change["after"] or {}
            # What is unknown until then only follows from another change.
            names = {name for name in before.keys() | after.keys() if not change["after_unknown"].get(name)}
            differing = sorted(name for name in names if before.get(name) != after.get(name))
            if change["actions"] != ["update"] or not {(resource["type"], name) for name in differing} <= NOT_KEPT:
                changes.append(f"{resource['address']}: {' '.join(change['actions'])}: {', '.join(differing)}")
        return "\n".join(changes) or None

    def destroy(self) -> None:
        """`terraform destroy`."""
        self.run("destroy", "-no-color", "-auto-approve")
        self.stands = False
