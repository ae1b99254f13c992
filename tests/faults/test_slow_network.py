"""Row 10: a slow, lossy or silent network. Everything that waits for another has a time limit."""

import pytest
import sqlalchemy as sa

from jobs import db
from tests.faults.proxy import Mode, Proxy, through

ANSWER_S = 0.5


def test_a_database_that_falls_silent_counts_as_away_until_it_answers_again(
    postgres_url: str,
) -> None:
    with Proxy(sa.make_url(postgres_url).port or 0) as proxy:
        engine = db.create_engine(through(proxy, postgres_url), answer_timeout_s=ANSWER_S)
        assert ask(engine) == 1
        for mode in (Mode.STALL, Mode.DROP):
            proxy.set(mode)
            with pytest.raises(db.UNAVAILABLE, match="has not answered"):
                ask(engine)
            proxy.set(Mode.PASS)
            assert ask(engine) == 1
        engine.dispose()


def ask(engine: sa.Engine) -> int:
    with db.reading(engine) as connection:
        return int(connection.execute(sa.select(1)).scalar_one())
