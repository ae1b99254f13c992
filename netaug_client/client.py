"""The Python client: `Client()` finds its server as the command line does."""

from datetime import datetime
from types import TracebackType
from typing import Self

from netaug_client import config
from netaug_client.connection import Connection, part
from netaug_client.device_models import Board, BoardList
from netaug_client.jobs import Jobs
from netaug_client.models import (
    ApiKey,
    Dataset,
    DatasetList,
    KeyList,
    Preset,
    PresetList,
    PresetSummary,
    Quota,
    Worker,
    WorkerList,
)


class Datasets:
    """What a job can train on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> tuple[Dataset, ...]:
        answer = self._connection.get("/v1/datasets")
        return DatasetList.model_validate_json(answer.content).items

    def get(self, name: str) -> Dataset:
        answer = self._connection.get(f"/v1/datasets/{part(name)}")
        return Dataset.model_validate_json(answer.content)


class Presets:
    """Named recipes that a spec can build on, as the server has them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> tuple[PresetSummary, ...]:
        answer = self._connection.get("/v1/presets")
        return PresetList.model_validate_json(answer.content).items

    def get(self, name: str) -> Preset:
        answer = self._connection.get(f"/v1/presets/{part(name)}")
        return Preset.model_validate_json(answer.content)


class Boards:
    """What networks can be meant for, as the server has them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> tuple[Board, ...]:
        answer = self._connection.get("/v1/boards")
        return BoardList.model_validate_json(answer.content).items


class Keys:
    """API keys; needs a key of scope admin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, name: str, *, scope: str = "submit", expires_at: datetime | None = None
    ) -> ApiKey:
        """Make a key. Only this answer has its `secret`."""
        body = {"name": name, "scope": scope}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        answer = self._connection.post("/v1/keys", body)
        return ApiKey.model_validate_json(answer.content)

    def list(self) -> tuple[ApiKey, ...]:
        answer = self._connection.get("/v1/keys")
        return KeyList.model_validate_json(answer.content).items

    def revoke(self, key_id: str) -> None:
        self._connection.delete(f"/v1/keys/{part(key_id)}")


class Workers:
    """Workers that are up; needs a key of scope admin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> tuple[Worker, ...]:
        answer = self._connection.get("/v1/workers")
        return WorkerList.model_validate_json(answer.content).items

    def pause(self, name: str) -> Worker:
        """It starts no more jobs; those that run go on."""
        return self._ask(name, "pause")

    def drain(self, name: str) -> Worker:
        """As pause, and its jobs write a checkpoint and go back into the queue."""
        return self._ask(name, "drain")

    def resume(self, name: str) -> Worker:
        return self._ask(name, "resume")

    def _ask(self, name: str, wish: str) -> Worker:
        answer = self._connection.post(f"/v1/workers/{part(name)}/{wish}")
        return Worker.model_validate_json(answer.content)


class Client:
    """A connection to the platform. Use it as a context manager, or call `close`.

    Raises:
        NotConfigured: no address or key was given, and none is configured.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        server = config.find_server(url, api_key)
        self.connection = Connection(server.url, server.api_key)
        self.jobs = Jobs(self.connection)
        self.datasets = Datasets(self.connection)
        self.presets = Presets(self.connection)
        self.boards = Boards(self.connection)
        self.keys = Keys(self.connection)
        self.workers = Workers(self.connection)

    def quota(self) -> Quota:
        """What your tenant uses and may use."""
        return Quota.model_validate_json(self.connection.get("/v1/quota").content)

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
