"""What do the scenarios share? One local AWS, the root of the trouble, and a place to say what they saw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aws import Aws, local_aws
from stage import LONG, Meanwhile, Tell, Trouble, deployed

SEEN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes the place for what scenarios see."""
    config.stash[SEEN] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the scenarios saw, a line each."""
    if seen := terminalreporter.config.stash[SEEN]:
        terminalreporter.section("what was seen")
        for line in seen:
            terminalreporter.write_line(line)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Says what a scenario saw: a line of the summary."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    return lambda line: request.config.stash[SEEN].append(f"{name}: {line}")


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The local AWS, for the whole run."""
    log = tmp_path_factory.mktemp("aws") / "ministack.log"
    with local_aws(Path(log)) as aws:
        yield aws


@pytest.fixture(scope="session", autouse=True)
def meanwhile(
    request: pytest.FixtureRequest, aws: Aws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Meanwhile | None]:
    """The root in `trouble/`, if a test needs it: its deployment begins at once, and the example's tests run meanwhile.

    It goes with the local AWS; that destroying works is the example's test.
    """
    items = request.session.items
    if not any("trouble" in item.fixturenames or item.name in LONG for item in items):
        yield None
        return
    with ExitStack() as stack:
        place = tmp_path_factory.mktemp("trouble")
        selected = {item.name: LONG[item.name] for item in items if item.name in LONG}
        yield Meanwhile.begin(lambda: stack.enter_context(deployed(aws, place)), selected)


@pytest.fixture(scope="session")
def trouble(meanwhile: Meanwhile) -> Trouble:
    """The root in `trouble/`, applied."""
    return meanwhile.trouble.result()
