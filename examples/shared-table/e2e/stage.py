"""What do the scenarios of trouble play on? The root in `trouble/`, applied once; its pools and machines by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws import Aws, free_port
from busy_table import busy_table
from machines import Machine
from pools import Pool
from terraform import ARCHITECTURE, Root

Tell = Callable[[str], None]
Scenario = Callable[["Trouble"], str]
FOLDER = "examples/shared-table/e2e/trouble"


@dataclass
class Trouble:
    """The deployed root."""

    root: Root
    outputs: dict[str, Any]

    @property
    def aws(self) -> Aws:
        """Where it is deployed."""
        return self.root.aws

    def machine(self, name: str) -> Machine:
        """A state machine, by its name in the scenarios."""
        return Machine.at(self.aws, self.outputs["machines"][name])

    def pool(self, prefix: str) -> Pool:
        """A pool."""
        return Pool(self.aws, self.outputs["table_name"], prefix, self.outputs["lease_managers"][prefix])

    def broken(self, name: str) -> str:
        """The function name of a lease manager that can not work."""
        return str(self.outputs["broken"][name])


@contextmanager
def deployed(aws: Aws, place: Path) -> Iterator[Trouble]:
    """Applies the root in a copy under `place`."""
    with busy_table() as busy_endpoint:
        root = Root.copy(
            place,
            FOLDER,
            aws,
            lambda_package=os.environ["LEASEHOLD_LAMBDA_PACKAGE"],
            architecture=ARCHITECTURE,
            unreachable_endpoint=f"http://127.0.0.1:{free_port()}",
            busy_endpoint=busy_endpoint,
        )
        root.init()
        yield Trouble(root, root.apply())


@dataclass
class Meanwhile:
    """What goes on while other tests run: the root's deployment, then the scenarios that mostly wait."""

    trouble: Future[Trouble]
    scenarios: dict[str, Future[str]]

    @classmethod
    def begin(cls, deploy: Callable[[], Trouble], scenarios: dict[str, Scenario]) -> Meanwhile:
        """Begins all of it. Threads that are not waited for: without the local AWS they end by themselves."""
        workers = ThreadPoolExecutor(max_workers=1 + len(scenarios))
        trouble = workers.submit(deploy)
        running = {
            name: workers.submit(lambda scenario=scenario: scenario(trouble.result()))
            for name, scenario in scenarios.items()
        }
        workers.shutdown(wait=False)
        return cls(trouble, running)


# The scenarios that mostly wait, by the names of their tests.
LONG: dict[str, Scenario] = {}


def long(scenario: Scenario) -> Callable[[Meanwhile, Tell], None]:
    """A test whose scenario begins as soon as the root is deployed. The scenario gives what it saw."""
    name = scenario.__name__
    LONG[name] = scenario

    def test(meanwhile: Meanwhile, tell: Tell) -> None:
        tell(meanwhile.scenarios[name].result())

    test.__name__, test.__doc__, test.__module__ = name, scenario.__doc__, scenario.__module__
    return test
