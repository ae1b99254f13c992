"""The command `netaug profile`. It needs no server and no trainer: a spec says it all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from netaug_client.cli import output, specfile
from netaug_client.cli.exits import ExitCode
from netaug_client.cli.jobs import AsJson
from netaug_client.device_models import Layer, Profile
from netaug_core import datasets
from netaug_core.deployment import verdicts
from netaug_core.errors import BadData
from netaug_core.spec import JobSpec

COLOURS = 3  # channels of a picture in a folder


def profile(  # noqa: PLR0913  # the options of a command
    file: Annotated[str, typer.Argument(help="A job file, or - for standard input.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a field: model.input_size=96")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="Judge it for this board, in the place of its target.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="For a dataset that is not on this machine.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option(min=1, help="Of a picture. Left out: the dataset's, else 3.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Below it folders are looked for; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a spec's network takes on a device, layer by layer; exits 1 if it does not fit.

    Needs no server. Example: netaug profile examples/digits.yaml --board nrf52840-dk
    """
    document = specfile.read_document(file, changes or ())
    if board is not None:
        document["target"] = {"board": board}
    spec = specfile.checked(document, file)
    num_classes, in_channels = _shape(spec, classes, channels, data or ())
    found = verdicts.report(spec, num_classes=num_classes, in_channels=in_channels)
    told = Profile.model_validate(found.facts())
    output.print_json(told) if as_json else _print(told)
    if told.verdict is not None and not told.verdict.fits:
        raise typer.Exit(ExitCode.ERROR)


def _shape(
    spec: JobSpec, classes: int | None, channels: int | None, roots: Sequence[Path]
) -> tuple[int, int]:
    """Classes, and channels of a picture, as given or as the dataset on this machine has them."""
    try:
        found = datasets.find(spec.data.dataset, roots)
    except BadData as error:
        if classes is None:
            raise typer.BadParameter(
                f"{error}; or give --classes", param_hint="data.dataset"
            ) from error
        return classes, channels or COLOURS
    return classes or found.num_classes, channels or found.in_channels


def _print(told: Profile) -> None:
    output.print_table(
        ("LAYER", "KIND", "OUTPUT", "PARAMS", "MACS", "FLASH", "BYTES ALIVE"),
        [_row(layer) for layer in told.layers],
    )
    facts = {
        "input": f"{told.input_size} x {told.input_size} x {told.in_channels}",
        "classes": f"{told.num_classes}",
        "params": f"{told.params:,}",
        "MACs": f"{told.needs.macs:,}",
        "flash": f"{told.needs.flash_bytes:,} bytes, {told.code_bytes:,} of them for code",
        "SRAM": f"{told.needs.sram_bytes:,} bytes, {told.stack_bytes:,} of them for the stack",
        "arena": f"{told.arena_bytes:,} bytes; at least {told.lower_bound_bytes:,}, at "
        f"{told.peak_layer}",
    }
    for name, fact in facts.items():
        typer.echo(f"{name:<10} {fact}")
    if told.verdict is not None:
        device = told.verdict.limits.board or "the target"
        typer.echo(told.verdict.explanation or f"{'target':<10} it fits {device}")


def _row(layer: Layer) -> tuple[str, ...]:
    return (
        *(layer.name, layer.kind, f"{layer.height} x {layer.width} x {layer.channels}"),
        *(f"{number:,}" for number in (layer.params, layer.macs, layer.flash_bytes)),
        f"{layer.alive_bytes:,}",
    )
