"""Row 10: a slow, lossy or silent network. Everything that waits for another has a time limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
import sqlalchemy as sa

from jobs import db
from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import Installation, chain_spec
from tests.faults.proxy import Mode, Proxy, through

ANSWER_S = 0.5
EACH_WAY_S = 0.1  # 200 ms there and back
LOSS = 0.05


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


@contextmanager
def far_away(installation: Installation) -> Iterator[tuple[Proxy, Proxy]]:
    """All processes reach Postgres and Redis through these."""
    database, broker = installation.database_url, installation.environment["NETAUG_BROKER_URL"]
    ports = [sa.make_url(url).port or 0 for url in (database, broker)]
    with Proxy(ports[0]) as to_database, Proxy(ports[1]) as to_broker:
        installation.environment |= {
            "NETAUG_DATABASE_URL": through(to_database, database),
            "NETAUG_BROKER_URL": through(to_broker, broker),
        }
        yield to_database, to_broker
        installation.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_job_runs_once_over_a_slow_and_lossy_network(installation: Installation) -> None:
    with far_away(installation) as proxies:
        for seed, proxy in enumerate(proxies):
            proxy.slow_down(latency_s=EACH_WAY_S, loss=LOSS, seed=seed)
        # A lease must outlast a report, which asks the database several times.
        installation.environment["NETAUG_LEASE_SECONDS"] = "20"
        installation.start("dispatcher")
        installation.start("worker")
        installation.start_api()
        job_id = installation.submit()
        installation.until_final(job_id)
        outcomes = [attempt.outcome for attempt in installation.attempts(job_id)]
        assert outcomes == [AttemptOutcome.SUCCEEDED]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_connections_that_died_without_a_word_are_given_up(installation: Installation) -> None:
    with far_away(installation) as proxies:
        installation.environment["NETAUG_DATABASE_ANSWER_SECONDS"] = str(ANSWER_S)
        installation.start("dispatcher")
        worker = installation.start("worker")
        installation.start_api()
        running = installation.submit(chain_spec(epochs=6))
        installation.until(lambda: installation.checkpointed(running))

        for proxy in proxies:
            proxy.set(Mode.DROP)
        away = installation.call("GET", f"/v1/jobs/{running}")
        assert away.status == HTTPStatus.SERVICE_UNAVAILABLE
        installation.until(lambda: not installation.trainers(worker), "the attempt fences itself")
        for proxy in proxies:
            proxy.set(Mode.PASS)

        installation.until(lambda: lists_jobs(installation), "the API answers again")
        installation.until_final(running, installation.submit())
        assert installation.job(running).status is JobStatus.SUCCEEDED
        assert all(process.poll() is None for process in installation.running)


def lists_jobs(installation: Installation) -> bool:
    return installation.call("GET", "/v1/jobs").status == HTTPStatus.OK
