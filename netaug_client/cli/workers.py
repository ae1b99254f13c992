"""`netaug workers ...`: needs a key of scope admin."""

import typer

from netaug_client.cli import output
from netaug_client.cli.jobs import AsJson
from netaug_client.client import Client
from netaug_client.models import Worker

app = typer.Typer(help="Workers: what they run; pause and drain them.", no_args_is_help=True)


@app.command("list")
def list_workers(as_json: AsJson = False) -> None:
    """All workers that are up."""
    with Client() as client:
        found = client.workers.list()
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        ("NAME", "HOST", "STATE", "GPUS", "FREE SLOTS", "JOBS", "SEEN"),
        [
            (
                *(worker.name, worker.host, worker.state, str(worker.gpus)),
                f"{worker.free} of {worker.slots}",
                _jobs(worker),
                f"{output.age(worker.seen_at)} ago",
            )
            for worker in found
        ],
    )


def _jobs(worker: Worker) -> str:
    others = worker.running - len(worker.jobs)
    return ", ".join([*worker.jobs, *([f"{others} of other tenants"] if others else [])])


@app.command()
def pause(name: str, as_json: AsJson = False) -> None:
    """Let a worker start no more jobs; those that run go on."""
    with Client() as client:
        _show(client.workers.pause(name), as_json)


@app.command()
def drain(name: str, as_json: AsJson = False) -> None:
    """As pause, and its jobs write a checkpoint and go back into the queue."""
    with Client() as client:
        _show(client.workers.drain(name), as_json)


@app.command()
def resume(name: str, as_json: AsJson = False) -> None:
    """Let a worker take jobs again."""
    with Client() as client:
        _show(client.workers.resume(name), as_json)


def _show(worker: Worker, as_json: bool) -> None:
    output.print_json(worker) if as_json else typer.echo(f"{worker.name} {worker.state}")
