"""`netaug quota`: what your tenant may use, and what it uses."""

import typer

from netaug_client.cli import output
from netaug_client.cli.jobs import AsJson
from netaug_client.client import Client


def quota(as_json: AsJson = False) -> None:
    """What your tenant uses, and may use."""
    with Client() as client:
        found = client.quota()
    if as_json:
        output.print_json(found)
        return
    rows = [
        ("queued jobs", found.queued, found.max_queued),
        ("running slots", found.running, found.max_running),
        ("GPU-hours", _hours(found.gpu_seconds_used), _hours(found.max_gpu_seconds)),
        ("stored bytes", found.stored_bytes, found.max_stored_bytes),
    ]
    output.print_table(("WHAT", "USED", "ALLOWED"), [(n, _shown(u), _shown(m)) for n, u, m in rows])
    typer.echo(f"share: weight {found.weight}")


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600.0


def _shown(value: float | None) -> str:
    if value is None:
        return "no limit"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
