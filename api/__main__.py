"""`python -m api`: one server process."""

import argparse
import resource
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from api.main import create_app
from api.wire import READ_TIMEOUT_S, Connection
from jobs import logs
from jobs.settings import settings

GRACE_S = 3
KEEP_ALIVE_S = 30
MOST_CONNECTIONS = 2000
ENOUGH_FILES = 10_240  # more is refused on some systems
OTHER_FILES = 200  # the database's connections, logs, downloads
BACKLOG = 512


class Server(uvicorn.Server):
    """Ends the event streams first: an open stream never holds up a shutdown."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._hub = app.state.context.hub

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._hub.close()
        super().handle_exit(sig, frame)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    configured = settings()
    logs.configure(configured.log_level)
    app = create_app(configured)
    Connection.read_timeout_s = options.read_timeout
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        loop="uvloop",  # plain asyncio answers keep-alive requests 40 ms late
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(options.trusted_proxy),
        forwarded_allow_ips=options.trusted_proxy,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=min(options.limit_concurrency, _files() - OTHER_FILES),
        backlog=BACKLOG,
    )
    server = Server(config, app)
    signal.signal(signal.SIGTERM, server.handle_exit)
    server.run()
    return 0 if server.started else 1


def _files() -> int:
    """How many files this process may open: a shell's usual 1024 are too few for the streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    wanted = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(ENOUGH_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--limit-concurrency",
        type=int,
        default=MOST_CONNECTIONS,
        help="connections, open streams included; more are answered 503",
    )
    parser.add_argument(
        "--read-timeout",
        type=float,
        default=READ_TIMEOUT_S,
        metavar="SECONDS",
        help="cut off a client that reads nothing of its answer for so long",
    )
    parser.add_argument(
        "--trusted-proxy", help="address of the proxy whose X-Forwarded headers count"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
