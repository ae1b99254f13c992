"""The options of `bundle` and `chip`. What they run is imported when it is run."""

import argparse
from pathlib import Path

from netaug_core.chip.boards import BOARDS


def add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_bundle)
    _add_model(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="ZIP", help="the bundle")


def add_chip(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_chip)
    _add_model(parser)
    parser.add_argument(
        "--board",
        action="append",
        default=[],
        choices=sorted(BOARDS),
        help="an emulated board to run it on, besides this machine; may be repeated",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="model_int8.safetensors of a finished job")
    add("--name", default="netaug", help="every name of the code begins with it (default: netaug)")
    add("--images", type=Path, metavar="NPY", help="pictures (N, H, W, C) of bytes to check it on")
    add("--noise", type=int, default=4, metavar="N", help="without any: N random ones (default: 4)")


def _bundle(options: argparse.Namespace) -> int:
    from netaug_core.chip import commands

    return commands.bundle(options)


def _chip(options: argparse.Namespace) -> int:
    from netaug_core.chip import commands

    return commands.chip(options)
