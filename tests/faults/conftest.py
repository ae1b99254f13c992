"""Each fault test has servers of its own that it may kill, and is checked at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import db, schema
from tests.faults import invariants
from tests.faults.installation import Installation
from tests.servers import Postgres, Redis, serving

FEW_CONNECTIONS = 30


@pytest.fixture
def own_redis(redis_server: Redis) -> Iterator[Redis]:
    """A Redis of this test's own; `redis_server` skips or fails where there is none."""
    with serving(Redis()) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A Postgres that this test alone may kill or fill; its database `own` is migrated."""
    with serving(Postgres("-c", f"max_connections={FEW_CONNECTIONS}")) as server:
        engine = db.create_engine(server.create_database("own"))
        schema.upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture
def installation(postgres_url: str, own_redis: Redis, tmp_path: Path) -> Iterator[Installation]:
    """Nothing runs in it yet. Every acknowledged job must end, and every invariant hold."""
    with invariants.checked(Installation(postgres_url, own_redis.url, tmp_path)) as installation:
        yield installation


@pytest.fixture(params=["cold", "warm"])
def each_start(request: pytest.FixtureRequest, installation: Installation) -> None:
    """Its workers start trainers for their jobs; then have them wait for jobs, as by default."""
    installation.environment["NETAUG_WARM_TRAINERS"] = str(request.param == "warm")


@pytest.fixture
def lone_installation(
    own_postgres: Postgres, own_redis: Redis, tmp_path: Path
) -> Iterator[Installation]:
    """An installation whose Postgres is its own, too."""
    url = own_postgres.url("own")
    with invariants.checked(Installation(url, own_redis.url, tmp_path)) as installation:
        yield installation
