"""Row 19: too many submits and streams, a reader that does not read: 429, and life goes on."""

import asyncio
import re
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus

import psutil
import pytest

from jobs import db, endings, keys, lifecycle
from jobs.keys import Scope
from jobs.recording import Entry, Report
from jobs.states import EventType
from tests.faults.installation import Answer, Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NUM_STREAMS, MOST_STREAMS = 200, 150
NUM_SUBMITS, SUBMITS_PER_SECOND = 300, 3
READ_TIMEOUT_S = "0.5"
LINE = "x" * 4000
MOST_GROWTH_BYTES = 100_000_000


def test_an_overloaded_api_refuses_what_is_too_much_and_answers_the_rest(
    installation: Installation,
) -> None:
    api = installation.start_api(
        *("--read-timeout", READ_TIMEOUT_S),
        NETAUG_SUBMITS_PER_SECOND=str(SUBMITS_PER_SECOND),
        NETAUG_TENANT_STREAMS_AT_ONCE=str(MOST_STREAMS),
        NETAUG_LOG_LEVEL="WARNING",
    )
    talkative = job_with_a_long_log(installation)
    quiet = installation.submit()
    before = psutil.Process(api.pid).memory_info().rss
    with ExitStack() as stack:
        stack.enter_context(reader_that_does_not_read(installation, talkative))
        installation.until(lambda: open_streams(installation) == 1, "it is served")
        installation.until(lambda: open_streams(installation) == 0, "it is cut off")

        statuses = asyncio.run(streams_during(installation, quiet, lambda: flood(installation)))
        assert statuses == {HTTPStatus.OK: MOST_STREAMS, HTTPStatus.TOO_MANY_REQUESTS: 50}
    installation.until(lambda: open_streams(installation) == 0, "the streams have ended")
    assert psutil.Process(api.pid).memory_info().rss - before < MOST_GROWTH_BYTES
    for job_id in installation.acknowledged:
        installation.call("POST", f"/v1/jobs/{job_id}/cancel")


def job_with_a_long_log(installation: Installation) -> str:
    """It has ended; its log has 8 MB, more than the kernel takes for a reader."""
    job_id = installation.submit()
    with db.writing(installation.engine) as connection:
        claim = lifecycle.claim(connection, worker="by hand", gpus=0, lease_seconds=600)
    assert claim is not None
    for batch in range(1, 21):
        entries = (Entry(EventType.LOG, {"text": LINE}),) * 100
        with db.writing(installation.engine) as connection:
            lifecycle.report(
                connection, job_id, 1, Report(batch=batch, entries=entries), lease_seconds=600
            )
    with db.writing(installation.engine) as connection:
        endings.cancelled(connection, job_id, 1)
    return job_id


def request_of_stream(installation: Installation, job_id: str) -> bytes:
    headers = installation.bearer() | {"Host": "x", "Accept": "text/event-stream"}
    lines = [f"GET /v1/jobs/{job_id}/events HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def reader_that_does_not_read(installation: Installation, job_id: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", installation.port))
    client.sendall(request_of_stream(installation, job_id))
    return client


def open_streams(installation: Installation) -> int:
    text = installation.text("/metrics")
    found = re.search(r"^netaug_http_streams (\d+)", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


async def streams_during(installation: Installation, job_id: str, work) -> dict[int, int]:  # type: ignore[no-untyped-def]  # a callable
    """What the streams were answered that were open while the work was done."""
    request = request_of_stream(installation, job_id)
    writers = []

    async def opened() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
        writers.append(writer)
        writer.write(request)
        status = await reader.readline()
        return int(status.split()[1])

    statuses = Counter(await asyncio.gather(*(opened() for _ in range(NUM_STREAMS))))
    await asyncio.to_thread(work)
    for writer in writers:
        writer.transport.abort()
    return dict(statuses)


def flood(installation: Installation) -> None:
    """One tenant submits far faster than it may; its reads, and the other tenant, are served."""
    with db.writing(installation.engine) as connection:
        other = keys.create(connection, tenant="other", name="o", scopes=frozenset({Scope.SUBMIT}))
    others = {"Authorization": f"Bearer {other.secret}"}

    def submit(_: int) -> Answer:
        return installation.call("POST", "/v1/jobs", chain_spec())

    with ThreadPoolExecutor(20) as pool:
        submits = pool.map(submit, range(NUM_SUBMITS))
        for _ in range(20):
            assert installation.call("GET", "/v1/jobs").status == HTTPStatus.OK
        theirs = installation.call("POST", "/v1/jobs", chain_spec(), others)
        assert theirs.status == HTTPStatus.ACCEPTED
        answers = list(submits)
    assert {a.status for a in answers} == {HTTPStatus.ACCEPTED, HTTPStatus.TOO_MANY_REQUESTS}
    for answer in answers:
        if answer.status == HTTPStatus.ACCEPTED:
            installation.acknowledge(answer)
        else:
            assert answer.body["type"] == "/problems/too-many-requests"
            assert int(answer.headers["retry-after"]) >= 1
    path = f"/v1/jobs/{theirs.body['id']}/cancel"
    assert installation.call("POST", path, None, others).status == HTTPStatus.ACCEPTED
