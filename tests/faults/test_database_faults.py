"""Row 4: Postgres restarts, stays away, is full, or its answer to a COMMIT is lost."""

import signal
from contextlib import ExitStack
from datetime import datetime
from http import HTTPStatus

import psycopg
import pytest
import sqlalchemy as sa

from jobs import db, processes
from jobs.states import AttemptOutcome, JobStatus
from jobs.tables import jobs
from tests.faults.installation import Answer, Installation, chain_spec
from tests.faults.proxy import Proxy, through
from tests.servers import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PROCESSES = (processes.WORKER, processes.DISPATCHER)
LEASE_S = "5"  # long enough for a second try, on a slow machine too
# What a worker sends before a COMMIT, and how many attempts are lost with the answer to that.
WORKERS_COMMITS = (
    (b"INSERT INTO metrics", 0),  # a report
    (b"INSERT INTO attempts", 1),  # a claim: nobody knows of it, so its lease runs out
    (b"INSERT INTO artifacts", 0),  # a job's end
)


def submit(installation: Installation, key: str) -> Answer:
    return installation.call("POST", "/v1/jobs", chain_spec(), {"Idempotency-Key": key})


def is_unavailable(answer: Answer) -> bool:
    """It says that nothing is lost, and when to ask again."""
    told = (answer.headers.get("content-type"), answer.headers.get("retry-after"))
    return answer.status == HTTPStatus.SERVICE_UNAVAILABLE and told == (
        "application/problem+json",
        "5",
    )


def submit_until_accepted(installation: Installation, key: str) -> str:
    """As a client does: the same request with the same key, again and again."""
    answers: list[Answer] = []

    def accepted() -> bool:
        answers.append(submit(installation, key))
        assert answers[-1].status == HTTPStatus.ACCEPTED or is_unavailable(answers[-1])
        return answers[-1].status == HTTPStatus.ACCEPTED

    installation.until(accepted, "the submit is accepted")
    return installation.acknowledge(answers[-1])


def num_jobs(installation: Installation) -> int:
    with db.reading(installation.engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(jobs)).scalar_one())


def test_jobs_go_on_after_postgres_was_killed_and_stayed_away(
    lone_installation: Installation, own_postgres: Postgres
) -> None:
    installation = lone_installation
    processes = [installation.start("dispatcher"), installation.start("worker")]
    processes.append(installation.start_api())
    running = installation.submit(chain_spec(epochs=6))
    installation.until(lambda: installation.checkpointed(running))

    own_postgres.stop(signal.SIGQUIT)  # as `pg_ctl restart -m immediate`
    installation.until(lambda: not installation.trainers(processes[1]), "the attempt fences itself")
    for method, path in (("GET", f"/v1/jobs/{running}"), ("GET", "/v1/jobs")):
        assert is_unavailable(installation.call(method, path))
    assert is_unavailable(submit(installation, "one"))
    assert installation.call("GET", "/healthz").status == HTTPStatus.OK
    own_postgres.start()
    installation.engine.dispose()

    submitted = submit_until_accepted(installation, "one")
    assert submit_until_accepted(installation, "one") == submitted
    installation.until_final(running, submitted)
    assert num_jobs(installation) == 2
    assert [installation.job(job).status for job in (running, submitted)] == ["succeeded"] * 2
    assert [process.poll() for process in processes] == [None, None, None]


def test_a_full_postgres_is_503_and_the_same_submit_is_accepted_later(
    lone_installation: Installation, own_postgres: Postgres
) -> None:
    installation = lone_installation
    installation.start_api()
    installation.start("dispatcher")
    installation.start("worker")
    with ExitStack() as stack:
        take_every_connection(stack, own_postgres.url("own"))
        installation.engine.dispose()
        assert is_unavailable(submit(installation, "one"))
    submitted = submit_until_accepted(installation, "one")
    assert submit_until_accepted(installation, "one") == submitted
    installation.until_final(submitted)
    assert num_jobs(installation) == 1


def take_every_connection(stack: ExitStack, url: str) -> None:
    """Take what is free, end the others, and take theirs, until there are no others."""
    mine: list[int] = []
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> ALL(%s)"
    while True:
        try:
            taken = stack.enter_context(psycopg.connect(url, autocommit=True))
        except psycopg.OperationalError as error:
            if "too many clients" not in str(error):
                raise
            own = f"{others} AND backend_type = 'client backend'"
            if not taken.execute(own, (mine,)).fetchall():
                return
        else:
            mine.append(taken.info.backend_pid)


def set_read_only(postgres: Postgres, how: str) -> None:
    """As a full disk or a failover has it: reads are answered, writes refused."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as operator:
        operator.execute(f"ALTER SYSTEM SET default_transaction_read_only = {how}".encode())
        operator.execute("SELECT pg_reload_conf()")


def seen_at(installation: Installation, role: str) -> datetime:
    with db.reading(installation.engine) as connection:
        (process,) = processes.live(connection, role)
    return process.seen_at


def test_nothing_is_lost_while_postgres_is_read_only_for_a_while(
    lone_installation: Installation, own_postgres: Postgres
) -> None:
    # fails if a read-only database is no outage: the presence, the dispatcher and the attempt died
    installation = lone_installation
    running_processes = [
        installation.start("dispatcher"),
        installation.start("worker", NETAUG_LEASE_SECONDS="60"),
        installation.start_api(),
    ]
    running = installation.submit(chain_spec(epochs=6))
    installation.until(lambda: installation.checkpointed(running))

    set_read_only(own_postgres, "on")
    for role, told in (("worker", "presence_not_told"), ("dispatcher", "database_away")):
        installation.until(lambda role=role, told=told: told in installation.log(role), told)
    assert is_unavailable(submit(installation, "one"))
    assert installation.call("GET", f"/v1/jobs/{running}").status == HTTPStatus.OK
    before = {role: seen_at(installation, role) for role in PROCESSES}
    set_read_only(own_postgres, "off")

    submitted = submit_until_accepted(installation, "one")
    installation.until_final(running, submitted)
    for job in (running, submitted):
        assert [attempt.outcome for attempt in installation.attempts(job)] == ["succeeded"]
    for role, seen in before.items():
        installation.until(lambda role=role, seen=seen: seen_at(installation, role) > seen, role)
    assert [process.poll() for process in running_processes] == [None, None, None]


def test_a_submit_whose_commit_was_not_answered_makes_one_job(installation: Installation) -> None:
    with Proxy(sa.make_url(installation.database_url).port or 0) as proxy:
        url = through(proxy, installation.database_url)
        api = installation.start_api(NETAUG_DATABASE_URL=url)
        assert installation.call("GET", "/v1/jobs").status == HTTPStatus.OK
        proxy.lose_reply_to(b"COMMIT", after=b"INSERT INTO jobs")
        assert is_unavailable(submit(installation, "one"))
        assert proxy.reply_lost.is_set()
        assert num_jobs(installation) == 1  # it was stored, and nobody was told

        submitted = submit_until_accepted(installation, "one")
        again = submit(installation, "one")
        assert (again.body["id"], again.headers["idempotent-replayed"]) == (submitted, "true")
        installation.start("dispatcher")
        installation.start("worker")
        installation.until_final(submitted)
        assert installation.job(submitted).status is JobStatus.SUCCEEDED
        assert num_jobs(installation) == 1
        assert api.poll() is None
        installation.stop()


def test_a_workers_commit_that_was_not_answered_does_no_harm(installation: Installation) -> None:
    installation.start_api()
    installation.start("dispatcher")
    with Proxy(sa.make_url(installation.database_url).port or 0) as proxy:
        worker = installation.start(
            "worker",
            NETAUG_DATABASE_URL=through(proxy, installation.database_url),
            NETAUG_LEASE_SECONDS=LEASE_S,
        )
        for statement, lost in WORKERS_COMMITS:
            proxy.lose_reply_to(b"COMMIT", after=statement)
            job_id = installation.submit()
            installation.until_final(job_id)

            assert proxy.reply_lost.is_set(), statement
            outcomes = [AttemptOutcome.LOST] * lost + [AttemptOutcome.SUCCEEDED]
            assert [attempt.outcome for attempt in installation.attempts(job_id)] == outcomes
        assert worker.poll() is None
        installation.stop()  # it ends what it was about to say
        assert "attempt_fenced" not in installation.log("worker")  # a second try was understood
