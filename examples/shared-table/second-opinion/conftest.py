"""What do the tests share? One engine with two pools: `analytics`, whose functions the rendered machines name, and `single`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine, engine as started


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine, for the whole run."""
    # Nothing here may be served because a lease expires: leases are long, and nobody sweeps.
    lasting = ["--lease", "10m", "--grace", "30s"]
    with started({"analytics": ["--limit", "5", *lasting], "single": ["--limit", "1", *lasting]}) as engine:
        yield engine
