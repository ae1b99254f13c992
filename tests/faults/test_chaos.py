"""A short soak of `make chaos`: every row of its table must be zero."""

from pathlib import Path

import pytest

from tests.faults import chaos
from tests.servers import Redis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEED, SECONDS = 1, 20.0


def test_jobs_under_random_faults_are_neither_lost_nor_doubled(
    postgres_url: str, redis_server: Redis, tmp_path: Path
) -> None:
    """The fixtures only skip, or fail, where there are no servers; the soak has its own."""
    outcome = chaos.soak(SEED, SECONDS, tmp_path)
    assert outcome.violations == []
    assert outcome.submitted > 0
    assert outcome.num_faults > 0
