"""Live streams, through a real server process. Reading a stream waits for it: nothing sleeps."""

import asyncio
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import psutil
import pytest
import sqlalchemy as sa

from api import streams
from api.schemas.events import EventView
from api.streams import Fetch, Hub
from jobs import db, notices, wishes
from jobs.errors import JobNotFound, Unauthenticated
from jobs.records import Event
from jobs.states import EventType
from tests.api.conftest import Platform, Server, make_settings, spawn
from tests.conftest import TEMPLATE
from tests.servers import Postgres

WAIT_S = 30.0
LOG_TEXT = "x" * 4000


@pytest.fixture(scope="module")
def streams_database(postgres: Postgres) -> Iterator[str]:
    """Of its own: what these tests leave would be found by those after them."""
    name = f"streams_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=TEMPLATE)
    postgres.drop_database(name)


@pytest.fixture(scope="module", params=["postgres", "sqlite"])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Platform]]:
    """A server process on each database in turn, and that database."""
    directory = tmp_path_factory.mktemp("live")
    if request.param == "postgres":
        url = request.getfixturevalue("streams_database")
    else:
        shutil.copy(request.getfixturevalue("sqlite_template"), directory / "netaug.db")
        url = f"sqlite:///{directory}/netaug.db"
    settings = make_settings(url, directory)
    engine = db.create_engine(url)
    server = spawn(settings)
    yield server, Platform(engine, settings)
    server.stop()
    engine.dispose()


@pytest.fixture
def server(live: tuple[Server, Platform]) -> Server:
    return live[0]


@pytest.fixture
def platform(live: tuple[Server, Platform]) -> Platform:
    return live[1]


@pytest.fixture
def http(server: Server, platform: Platform) -> Iterator[httpx2.Client]:
    headers = {**platform.bearer(), "Accept": "text/event-stream"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=WAIT_S) as client:
        yield client


def kinds(lines: Iterator[str], until: str) -> list[str]:
    """The types of the events that come, up to one of this type."""
    seen: list[str] = []
    for line in lines:
        if line.startswith("event: "):
            seen.append(line.removeprefix("event: "))
            if seen[-1] == until:
                return seen
    return seen


def test_a_stream_tells_what_happens_as_it_happens(http: httpx2.Client, platform: Platform) -> None:
    job_id = platform.submit()
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        assert kinds(lines, "state") == ["state"]  # queued
        _, attempt = platform.start()
        assert kinds(lines, "state") == ["state"]  # running
        platform.log(job_id, attempt, 1, "hello\n")
        assert kinds(lines, "log") == ["log"]
        platform.succeed(job_id, attempt)
        assert kinds(lines, "done") == ["artifact", "state", "done"]
        assert kinds(lines, "none") == []  # and it ends


def test_many_streams_of_one_job_all_hear_of_its_end(
    http: httpx2.Client, platform: Platform
) -> None:
    job_id = platform.submit()
    with (
        http.stream("GET", f"/v1/jobs/{job_id}/events") as first,
        http.stream("GET", f"/v1/jobs/{job_id}/events?after=1") as second,
    ):
        readers = [first.iter_lines(), second.iter_lines()]
        assert kinds(readers[0], "state") == ["state"]
        with db.writing(platform.engine) as connection:
            wishes.cancel(connection, "ours", job_id)

        assert [kinds(reader, "done") for reader in readers] == [["state", "done"]] * 2


def test_a_stream_of_a_job_that_is_deleted_ends(http: httpx2.Client, platform: Platform) -> None:
    job_id = platform.submit()
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        assert kinds(lines, "state") == ["state"]
        with db.writing(platform.engine) as connection:
            wishes.cancel(connection, "ours", job_id)
            wishes.delete(connection, "ours", job_id)
            if platform.engine.dialect.name == "postgresql":  # a delete gives no notice of its own
                connection.execute(sa.select(sa.func.pg_notify(notices.EVENTS, job_id)))

        assert kinds(lines, "done") == []


def test_a_slow_reader_costs_the_server_little_memory(
    http: httpx2.Client, server: Server, platform: Platform
) -> None:
    job_id = platform.submit()
    _, attempt = platform.start()
    for batch in range(1, 51):
        platform.log(job_id, attempt, batch, *[LOG_TEXT] * 100)  # 20 MB in all
    before = psutil.Process(server.process.pid).memory_info().rss

    with http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        next(answer.iter_raw(1))
        # An answer to another request comes after the stream's first batches were sent.
        for _ in range(20):
            assert http.get("/healthz").status_code == 200
        grown = psutil.Process(server.process.pid).memory_info().rss - before

    assert grown < 15_000_000


def test_many_events_come_whole_and_in_order(http: httpx2.Client, platform: Platform) -> None:
    job_id = platform.submit()
    _, attempt = platform.start()
    for batch in range(1, 6):
        platform.log(job_id, attempt, batch, *["line\n"] * 100)
    platform.succeed(job_id, attempt)

    answer = http.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "2"})

    ids = [int(line[4:]) for line in answer.text.splitlines() if line.startswith("id: ")]
    assert ids == list(range(3, 506))


def test_an_event_is_one_block_of_lines() -> None:
    event = Event("job_0", 3, EventType.LOG, 1, {"text": "two\nlines\n"}, datetime.now(UTC))

    block = streams.encode(event).decode()

    lines = block.splitlines()
    assert block.endswith("\n\n")
    assert (lines[0], lines[2]) == ("event: log", "id: 3")
    data = EventView.model_validate_json(lines[1].removeprefix("data: "))
    assert data.data == {"text": "two\nlines\n"}


def follow(hub: Hub, fetch: Fetch, most: int = 10) -> list[bytes]:
    """The first blocks of a stream in this process."""

    async def collect() -> list[bytes]:
        blocks = []
        async for block in streams.follow(hub, "job_0", 0, fetch):
            blocks.append(block)
            if len(blocks) == most:
                break
        return blocks

    return asyncio.run(collect())


@pytest.mark.parametrize(
    "error",
    [JobNotFound("deleted"), Unauthenticated("revoked"), sa.exc.TimeoutError("no database")],
)
def test_a_stream_ends_when_it_may_not_go_on(postgres_engine: sa.Engine, error: Exception) -> None:
    async def fetch(_after: int) -> tuple[list[Event], bool]:
        raise error

    assert follow(Hub(postgres_engine), fetch) == []


def test_a_silent_stream_sends_pings(
    postgres_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 0.001)

    async def fetch(_after: int) -> tuple[list[Event], bool]:
        return [], False

    assert follow(Hub(postgres_engine), fetch, most=3) == [b": ping\n\n"] * 3
