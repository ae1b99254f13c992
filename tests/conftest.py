"""Real servers and databases for every test: Postgres and Redis of this run's own, and SQLite."""

import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from jobs import db, schema
from tests.servers import Postgres, Redis
from tests.skipping import served

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

TEMPLATE = "template_netaug"
VERSIONS = "netaug_server_versions"
_versions: list[str] = []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres server with a migrated database to copy from."""
    with served(Postgres) as server:
        _versions.append(server.version())
        engine = db.create_engine(server.create_database(TEMPLATE))
        schema.upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with served(Redis) as server:
        _versions.append(server.version())
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A migrated Postgres database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=TEMPLATE)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = db.create_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    path = tmp_path / "netaug.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["postgres", "sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A migrated, empty database: Postgres, then SQLite."""
    engine = db.create_engine(database_url, pool_size=60)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[sa.Engine]:
    engine = db.create_engine(postgres_url, pool_size=60)
    yield engine
    engine.dispose()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process beside others tells the one that prints."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told[VERSIONS] = _versions


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "WorkerController") -> None:
    _versions.extend(getattr(node, "workeroutput", {}).get(VERSIONS, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for version in sorted(set(_versions)):
        terminalreporter.write_line(f"tested against {version}")


@pytest.fixture
def freezer() -> Iterator[Path]:
    """A control group whose processes cannot die while it is frozen."""
    group = Path("/sys/fs/cgroup/freezer") / f"netaug-{uuid.uuid4().hex}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no freezer of cgroup v1 here, or no right to use it")
    yield group
    (group / "freezer.state").write_text("THAWED")
    deadline = time.monotonic() + 30
    while (group / "tasks").read_text():
        assert time.monotonic() < deadline
    group.rmdir()
