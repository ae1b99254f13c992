"""Each fault test has servers of its own that it may kill, and is checked at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.installation import Installation
from tests.servers import Redis


@pytest.fixture
def own_redis(redis_server: Redis) -> Iterator[Redis]:
    """A Redis of this test's own; `redis_server` skips or fails where there is none."""
    server = Redis()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def installation(postgres_url: str, own_redis: Redis, tmp_path: Path) -> Iterator[Installation]:
    """Nothing runs in it yet. Every acknowledged job must end, and every invariant hold."""
    installation = Installation(postgres_url, own_redis.url, tmp_path)
    try:
        yield installation
        invariants.check(installation)
    finally:
        for process in installation.running:
            process.kill()
            process.wait()
        installation.engine.dispose()
