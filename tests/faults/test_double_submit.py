"""Row 7: the same submit again: in turn, at once, with another body, after a crash."""

import signal
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Barrier

import pytest
import sqlalchemy as sa

from jobs import db
from jobs.tables import idempotency_keys, jobs
from tests.faults.installation import Answer, Installation, chain_spec
from tests.faults.proxy import Proxy, through

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NUM_AT_ONCE = 50


def submit(installation: Installation, key: str, seed: int = 0) -> Answer:
    return installation.call("POST", "/v1/jobs", chain_spec(seed=seed), {"Idempotency-Key": key})


def rows(installation: Installation, table: sa.Table) -> int:
    with db.reading(installation.engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_a_submit_that_is_repeated_makes_one_job(installation: Installation) -> None:
    installation.start_api()
    installation.start("dispatcher")
    installation.start("worker")
    together = Barrier(NUM_AT_ONCE)

    def at_once(_: int) -> Answer:
        together.wait()
        return submit(installation, "at once")

    with ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        answers = list(pool.map(at_once, range(NUM_AT_ONCE)))
    first = installation.acknowledge(answers[0])
    assert {(a.status, a.body["id"]) for a in answers} == {(HTTPStatus.ACCEPTED, first)}
    assert sum("idempotent-replayed" not in a.headers for a in answers) == 1

    in_turn = [submit(installation, "in turn") for _ in range(3)]
    second = installation.acknowledge(in_turn[0])
    assert {a.body["id"] for a in in_turn} == {second}
    refused = submit(installation, "in turn", seed=1)
    assert refused.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert refused.body["type"] == "/problems/idempotency-key-reused"

    installation.until_final(first, second)
    after_its_end = submit(installation, "at once")
    assert (after_its_end.status, after_its_end.body["id"]) == (HTTPStatus.ACCEPTED, first)
    assert (rows(installation, jobs), rows(installation, idempotency_keys)) == (2, 2)


@pytest.mark.parametrize(
    ("request_", "after", "stored"),
    [
        pytest.param(b"INSERT INTO jobs", b"", 0, id="before the commit"),
        pytest.param(b"COMMIT", b"INSERT INTO jobs", 1, id="after the commit"),
    ],
)
def test_an_api_that_is_killed_before_it_answers_makes_one_job(
    installation: Installation, request_: bytes, after: bytes, stored: int
) -> None:
    with Proxy(sa.make_url(installation.database_url).port or 0) as proxy:
        url = through(proxy, installation.database_url)
        api = installation.start_api(NETAUG_DATABASE_URL=url)
        assert installation.call("GET", "/v1/jobs").status == HTTPStatus.OK
        proxy.lose_reply_to(request_, after=after, then=lambda: api.send_signal(signal.SIGKILL))
        with pytest.raises(OSError):  # noqa: PT011  # the connection ended without an answer
            submit(installation, "one")
        assert proxy.reply_lost.is_set()
        api.wait()
    assert rows(installation, jobs) == stored

    installation.start_api()
    answer = submit(installation, "one")
    assert answer.headers.get("idempotent-replayed") == ("true" if stored else None)
    job_id = installation.acknowledge(answer)
    assert submit(installation, "one").body["id"] == job_id
    installation.start("dispatcher")
    installation.start("worker")
    installation.until_final(job_id)
    assert rows(installation, jobs) == 1
