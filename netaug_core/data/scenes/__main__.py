"""`python -m netaug_core.data.scenes KIND DIR`: generated detection datasets.

A process of its own: it loads torch, which the `netaug` command does not.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from netaug_core.data.scenes.writing import Kind, ScenesPlan, Written, WrittenScenes, write_scenes
from netaug_core.errors import CoreError

TOLD_EVERY = 500  # pictures


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    plan = ScenesPlan(
        kind=options.kind,
        seed=options.seed,
        num_train=options.train,
        num_test=options.test,
        size=options.size,
        classes=tuple(options.classes),
        data_roots=tuple(options.data),
    )
    forms: tuple[Written, ...] = ("voc", "coco") if options.format == "both" else (options.format,)
    try:
        for form in forms:
            folder = options.directory / form if len(forms) > 1 else options.directory
            _tell(write_scenes(plan, folder, form, told=_Progress(plan)), folder)
    except CoreError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _tell(written: WrittenScenes, folder: Path) -> None:
    sys.stdout.write(
        f"{folder}: {written.num_train} + {written.num_test} pictures, "
        f"{len(written.class_names)} classes, {written.form}, sha256 {written.digest}\n"
    )


class _Progress:
    """A line to standard error now and then."""

    def __init__(self, plan: ScenesPlan) -> None:
        self._total = plan.num_train + plan.num_test
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        if self._done % TOLD_EVERY == 0:
            sys.stderr.write(f"{self._done} of {self._total} pictures\n")


def _parser() -> argparse.ArgumentParser:
    plan = ScenesPlan("fashion-scenes")
    parser = argparse.ArgumentParser(
        prog="python -m netaug_core.data.scenes",
        description="Write a generated detection dataset; the same for the same options.",
    )
    add = parser.add_argument
    add("kind", choices=get_args(Kind))
    add("directory", type=Path, metavar="DIR", help="becomes the dataset; new, or empty")
    add("--train", type=int, default=plan.num_train, metavar="N", help="training pictures")
    add("--test", type=int, default=plan.num_test, metavar="N", help="test pictures")
    add("--size", type=int, default=plan.size, metavar="S", help="side of a picture, in pixels")
    add(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="only this class; may be repeated (default: all)",
    )
    add("--seed", type=int, default=plan.seed, metavar="N")
    add(
        "--format",
        choices=(*get_args(Written), "both"),
        default="voc",
        help="Pascal VOC's files, COCO's, both, each in a folder of its name; or crops, an "
        "ImageFolder of the objects one by one, to pre-train a backbone on",
    )
    add(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="below it fashion-mnist/ is looked for; may be repeated",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
