"""Which server, and with which key: arguments, environment, configuration file, `netaug up`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import yaml

from netaug_client.errors import NotConfigured

KEY_FILE = "api-key"
SERVER_FILE = "server.json"


@dataclass(frozen=True)
class Server:
    url: str
    api_key: str


def default_state_dir() -> Path:
    """Where `netaug up` keeps everything unless told otherwise."""
    return Path(platformdirs.user_state_dir("netaug", appauthor=False))


def config_file() -> Path:
    return Path(platformdirs.user_config_dir("netaug", appauthor=False)) / "config.yaml"


def find_server(url: str | None = None, api_key: str | None = None) -> Server:
    """The server to talk to.

    Raises:
        NotConfigured: nothing says which, or the key is missing.
    """
    written = _written()
    url = url or os.environ.get("NETAUG_URL") or written.get("url")
    api_key = api_key or os.environ.get("NETAUG_API_KEY")
    if url == written.get("url"):
        api_key = api_key or written.get("api_key")  # a key is never sent to another server
    if url is None:
        running = running_platform(default_state_dir())
        if running is None:
            raise NotConfigured(
                f"no server is configured: set NETAUG_URL and NETAUG_API_KEY, write url and "
                f"api_key into {config_file()}, or start one here with `netaug up`"
            )
        return Server(running.url, api_key or running.api_key)
    if api_key is None:
        raise NotConfigured(f"no API key for {url}: set NETAUG_API_KEY, or see {config_file()}")
    return Server(url, api_key)


def running_platform(state_dir: Path) -> Server | None:
    """The embedded platform of this state directory, if it is up."""
    try:
        told = json.loads((state_dir / SERVER_FILE).read_text())
        os.kill(int(told["pid"]), 0)
        return Server(str(told["url"]), (state_dir / KEY_FILE).read_text().strip())
    except (OSError, ValueError, KeyError):
        return None


def _written() -> dict[str, str]:
    path = config_file()
    if not path.is_file():
        return {}
    written = yaml.safe_load(path.read_text()) or {}
    if not isinstance(written, dict):
        raise NotConfigured(f"{path} must be lines of `url: ...` and `api_key: ...`")
    return {str(name): str(value) for name, value in written.items()}
