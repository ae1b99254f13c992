"""The `netaug` command. Data goes to standard output, everything else to standard error."""

import sys

import typer

from netaug_client.cli import (
    boards,
    datasets,
    jobs,
    keys,
    presets,
    profiles,
    quota,
    replays,
    studies,
    up,
    workers,
)
from netaug_client.cli.exits import ExitCode, code_of
from netaug_client.errors import NetaugError

app = typer.Typer(
    name="netaug",
    help="Train tiny vision models with Network Augmentation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
jobs.app.command("lock")(replays.show_lock)
jobs.app.command("replay")(replays.replay_job)
app.add_typer(jobs.app, name="jobs")
app.add_typer(studies.app, name="study")
app.add_typer(datasets.app, name="datasets")
app.add_typer(presets.app, name="presets")
app.add_typer(boards.app, name="boards")
app.command("profile")(profiles.profile)
app.add_typer(keys.app, name="keys")
app.add_typer(workers.app, name="workers")
app.command("up")(up.up)
app.command("quota")(quota.quota)


@app.command("version")
def show_version() -> None:
    """Print the version of this program."""
    from importlib.metadata import version  # a slow import, needed here only

    typer.echo(version("netaug"))


def main() -> None:
    """Entry point: every error of ours is a sentence and an exit code."""
    try:
        app()
    except NetaugError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
