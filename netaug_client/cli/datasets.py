"""The commands `netaug datasets ...`."""

import typer

from netaug_client.cli import output
from netaug_client.cli.jobs import AsJson
from netaug_client.client import Client

app = typer.Typer(help="What a job can train on.", no_args_is_help=True)


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """Built-in datasets, and folders below the server's data root."""
    with Client() as client:
        found = client.datasets.list()
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        ("NAME", "KIND", "CLASSES", "TRAIN", "TEST", "DIGEST"),
        [
            (
                *(dataset.name, dataset.kind, str(dataset.num_classes)),
                str(dataset.num_train or ""),
                str(dataset.num_test or ""),
                (dataset.digest or "")[:12],
            )
            for dataset in found
        ],
    )


@app.command()
def get(name: str) -> None:
    """One dataset, as JSON."""
    with Client() as client:
        output.print_json(client.datasets.get(name))
