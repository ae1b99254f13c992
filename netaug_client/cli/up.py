"""`netaug up`: the whole platform on this machine."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from netaug_client import config
from netaug_client.cli.exits import ExitCode
from netaug_client.cli.output import say

LOOK_S = 0.2


def up(
    command: Annotated[
        list[str] | None,
        typer.Argument(help="After --: run this against the platform, then stop everything."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Where to keep everything [default: your state directory].")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
    data: Annotated[
        list[Path] | None, typer.Option(help="A directory with datasets; may repeat.")
    ] = None,
    threads: Annotated[
        int, typer.Option(min=0, help="Of a trainer; 0: the cores, divided by the workers.")
    ] = 0,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Jobs at once; GPUs are divided among them.")
    ] = 1,
) -> None:
    """Start API, dispatcher and workers here, without any server. Ctrl-C stops them.

    Example: netaug up -- netaug jobs submit -f examples/digits.yaml --wait
    """
    from netaug_client.embedded import platform as embedded  # keeps --help fast
    from netaug_client.embedded.state import held

    with held(state or config.default_state_dir()) as kept:
        options = embedded.Options(port, tuple(data or ()), threads, workers)
        platform = embedded.Platform(kept, options)
        for which in (signal.SIGTERM, signal.SIGINT):
            signal.signal(which, lambda _signal, _frame: platform.stopping.set())
        try:
            platform.start()
            if platform.stopping.is_set():
                sys.exit(ExitCode.INTERRUPTED)
            say(f"ready at {platform.url} (documentation at {platform.url}/docs)")
            say(f"API key in {kept.key}; commands on this machine find it. Ctrl-C stops.")
            if command:
                sys.exit(platform.run(command))
            while not platform.stopping.wait(LOOK_S):
                for name in platform.revive():
                    say(f"{name} had ended and was started again; see {kept.logs}/{name}.log")
        finally:
            platform.stop()
