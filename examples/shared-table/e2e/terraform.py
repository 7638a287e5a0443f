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
        """What `terraform plan` would change; none if nothing."""
        done = self.run("plan", "-no-color", "-detailed-exitcode", allowed=(0, 2))
        return done.stdout if done.returncode == 2 else None

    def destroy(self) -> None:
        """`terraform destroy`."""
        self.run("destroy", "-no-color", "-auto-approve")
        self.stands = False
