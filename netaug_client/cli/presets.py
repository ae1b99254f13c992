"""The commands `netaug presets ...`. They need no server: the recipes come with this program."""

from typing import Any

import typer
import yaml

from netaug_client.cli import output
from netaug_client.cli.jobs import AsJson
from netaug_client.errors import NoSuchPreset
from netaug_client.models import Preset, PresetSummary
from netaug_core import preset_catalogue
from netaug_core.preset_catalogue import UnknownPreset

app = typer.Typer(help="Named recipes that a job can build on.", no_args_is_help=True)


@app.command("list")
def list_presets(as_json: AsJson = False) -> None:
    """The recipes of the paper, and those for fine-tuning."""
    found = [PresetSummary.model_validate(vars(preset)) for preset in preset_catalogue.catalogue()]
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        ("NAME", "MODEL", "DATASET", "WHAT"),
        [(preset.name, preset.model, preset.dataset, preset.description) for preset in found],
    )


@app.command()
def show(name: str, as_json: AsJson = False) -> None:
    """A recipe as a whole job file, every default filled in.

    Example: netaug presets show paper/mcunet > job.yaml && netaug jobs submit -f job.yaml
    """
    try:
        preset = Preset.model_validate(vars(preset_catalogue.find(name)))
    except UnknownPreset as error:
        raise NoSuchPreset(str(error)) from error
    if as_json:
        output.print_json(preset)
        return
    typer.echo(_job_file(preset), nl=False)


def _job_file(preset: Preset) -> str:
    lines = [f"# {preset.name}: {preset.description}"]
    lines += [
        f"# Add {field}, here or when submitting: --set {field}=..." for field in preset.needs
    ]
    text = yaml.dump(preset.spec, Dumper=_JobFile, sort_keys=False, allow_unicode=True)
    return "\n".join(lines) + "\n" + text


class _JobFile(yaml.SafeDumper):
    """Lists in one line, as people write multipliers."""


def _in_one_line(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_JobFile.add_representer(list, _in_one_line)
