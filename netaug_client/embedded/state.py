"""The state directory of an embedded platform: owner only, one `up` at a time."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from netaug_client.config import KEY_FILE, SERVER_FILE
from netaug_client.errors import NetaugError

MODE = 0o700


class AlreadyUp(NetaugError):
    """Another `netaug up` holds this state directory."""


@dataclass(frozen=True)
class State:
    """Paths below one directory."""

    directory: Path

    @property
    def key(self) -> Path:
        return self.directory / KEY_FILE

    @property
    def server(self) -> Path:
        return self.directory / SERVER_FILE

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    def environment(self, data_roots: tuple[Path, ...], threads: int) -> dict[str, str]:
        """The settings of its processes."""
        directory = self.directory
        return {
            "NETAUG_DATABASE_URL": f"sqlite:///{directory}/netaug.db",
            "NETAUG_STORAGE_URL": f"file://{directory}/storage",
            "NETAUG_BROKER_URL": "filesystem://",
            "NETAUG_BROKER_DIR": str(directory / "broker"),
            "NETAUG_WORK_DIR": str(directory / "work"),
            "NETAUG_DATA_ROOTS": ":".join(str(root.resolve()) for root in data_roots),
            "NETAUG_TRAINER_THREADS": str(threads),
        }

    def announce(self, url: str) -> None:
        """Tell clients on this machine where the platform is."""
        self.server.write_text(json.dumps({"url": url, "pid": os.getpid()}))


@contextmanager
def held(directory: Path) -> Iterator[State]:
    """Hold a state directory, making it first if need be.

    Raises:
        AlreadyUp: another process holds it.
    """
    directory = directory.resolve()
    directory.mkdir(mode=MODE, parents=True, exist_ok=True)
    directory.chmod(MODE)
    state = State(directory)
    state.logs.mkdir(mode=MODE, exist_ok=True)
    with (directory / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise AlreadyUp(
                f"process {lock.read().strip() or 'unknown'} runs a platform in {directory} "
                "already; use it, stop it, or give another --state"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield state
        finally:
            state.server.unlink(missing_ok=True)
