"""The trainer's command line: `python -m netaug_core train SPEC --out DIR`."""

import argparse
import os
import sys
import traceback
from pathlib import Path

from pydantic import ValidationError

from netaug_core import failures, rendezvous
from netaug_core.chip import arguments as chip
from netaug_core.documents import sentences
from netaug_core.errors import EXIT_LEFT, BadSpec, CoreError, ExportMismatch
from netaug_core.events import Left
from netaug_core.rendezvous import Rendezvous
from netaug_core.spec import JobSpec, load_spec
from netaug_core.training.control import Control, LeaveRequested
from netaug_core.training.reporting import (
    Both,
    Console,
    EventStream,
    FailuresApart,
    Reporter,
)

EXIT_NO_SUPERVISOR = 70  # EX_SOFTWARE: nobody reads the events any more


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code (errors.py has the meanings)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    options.arguments = arguments
    code: int = options.command(options)
    return code


def _train(options: argparse.Namespace) -> int:
    if options.devices > 1 and options.rank is None:
        return _launch(options)
    place = _place(options)
    reporter = _reporter(options, place)
    control = Control(options.control)
    control.listen_to_signals()
    try:
        _run(options, place, control, reporter)
    except LeaveRequested as leave:
        reporter.emit(Left(step=leave.step))
        return EXIT_LEFT
    except BrokenPipeError:
        return EXIT_NO_SUPERVISOR
    except Exception as error:  # noqa: BLE001  # the edge: whatever it was, the supervisor is told
        if _is_first(place):
            failures.log_whole(error)
        return _report_failure(error, reporter)
    return 0


def _standby(options: argparse.Namespace) -> int:
    from netaug_core import standby

    order = standby.wait(options.orders_fd)
    if order is None:
        return 0
    return main([*order.arguments, "--events-fd", str(options.events_fd)])


def _launch(options: argparse.Namespace) -> int:
    from netaug_core.launch import Shares, launch

    shares = Shares(options.threads, options.loader_workers, options.image_cache)
    try:
        return launch(options.arguments, options.devices, shares, _told_by_first(options))
    except BrokenPipeError:
        return EXIT_NO_SUPERVISOR


def _place(options: argparse.Namespace) -> Rendezvous | None:
    """This process's place among several; None if it trains alone."""
    if options.rank is None:
        return rendezvous.from_environment(os.environ)
    return Rendezvous(options.rendezvous, options.rank, options.devices, options.rank)


def _reporter(options: argparse.Namespace, place: Rendezvous | None) -> Reporter:
    """Of several processes only the first tells events; each tells of its own failure."""
    reporter = _told_by_first(options) if _is_first(place) else Both()
    if options.failure_fd is not None:
        return FailuresApart(EventStream(options.failure_fd), reporter)
    return reporter if _is_first(place) else FailuresApart(Console(), reporter)


def _is_first(place: Rendezvous | None) -> bool:
    return place is None or place.rank == 0


def _told_by_first(options: argparse.Namespace) -> Reporter:
    if options.events_fd is None:
        return Console()
    return Both(EventStream(options.events_fd), Console(sys.stdout))


def _run(
    options: argparse.Namespace, place: Rendezvous | None, control: Control, reporter: Reporter
) -> None:
    spec = read_spec(options.spec)
    from netaug_core import run  # here: `--help` and a bad spec should not wait for torch

    run.train(
        spec,
        run.RunOptions(
            directory=options.out,
            data_roots=tuple(options.data),
            device=options.device,
            num_threads=options.threads,
            resume_from=options.resume,
            num_loader_workers=options.loader_workers,
            image_cache_bytes=options.image_cache,
            inputs=options.inputs,
            place=place,
        ),
        control,
        reporter,
    )


def read_spec(path: Path) -> JobSpec:
    """The spec in a file.

    Raises:
        BadSpec: it cannot be read, or a field is wrong; each is named.
    """
    try:
        return load_spec(path)
    except OSError as error:
        raise BadSpec(f"cannot read the spec {path}: {error.strerror}") from error
    except ValidationError as error:
        raise BadSpec("; ".join(sentences(error))) from error
    except ValueError as error:
        raise BadSpec(f"{path}: {error}") from error


def _report_failure(error: Exception, reporter: Reporter) -> int:
    failed, code = failures.classify(error)
    if not isinstance(error, CoreError):
        traceback.print_exc()
    try:
        reporter.emit(failed)
    except BrokenPipeError:
        return EXIT_NO_SUPERVISOR
    return code


def _verify(options: argparse.Namespace) -> int:
    from netaug_core.export.verify import verify

    try:
        report = verify(read_spec(options.spec), options.dir, options.reference, options.data)
    except CoreError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(report.model_dump_json() + "\n")
    return 0 if all(file.agrees for file in report.files) else ExportMismatch.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m netaug_core",
        description="Train a tiny vision network with Network Augmentation, without any service.",
        epilog="Exit codes: 0 done, 64 bad spec, 65 bad data, 66 diverged, 67 out of memory, "
        "68 an exported file is wrong, 69 checkpoint unusable, 75 left with a checkpoint.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train, export and verify one network"))
    _add_verify(
        commands.add_parser(
            "verify", help="compare exported files with what was trained (internal)"
        )
    )
    chip.add_bundle(commands.add_parser("bundle", help="write a quantised model as C, in a zip"))
    chip.add_chip(
        commands.add_parser("chip", help="run that C here and on emulated microcontrollers")
    )
    _add_standby(
        commands.add_parser("standby", help="load everything, then wait for a command (internal)")
    )
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_train)
    _add_spec_and_data(parser)
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="for checkpoints and results")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    add(
        "--devices",
        type=_count,
        default=1,
        metavar="N",
        help="devices of this machine to share each batch: a process for each (default: 1)",
    )
    add("--threads", type=_count, metavar="N", help="CPU threads; a resume takes the checkpoint's")
    add("--resume", type=Path, metavar="FILE", help="checkpoint to go on from")
    add(
        "--loader-workers",
        type=int,
        default=0,
        metavar="N",
        help="processes that decode image files ahead (default: 0, in the trainer itself)",
    )
    add(
        "--image-cache",
        type=_bytes,
        default=0,
        metavar="BYTES",
        help="memory that keeps pictures of a folder once they are decoded: whole ones, and those "
        "that data.preparation makes (default: 0, none)",
    )
    add(
        "--inputs",
        type=Path,
        metavar="DIR",
        help="holds <job id>.safetensors for a spec that names a job in pretrained or distillation",
    )
    add("--events-fd", type=int, metavar="N", help="write events as JSON lines to this descriptor")
    add(
        "--control",
        type=Path,
        metavar="FILE",
        help="watched: once it says `stop`, finish with the best network so far; `leave`: write a "
        "checkpoint and exit. SIGTERM and Ctrl-C mean leave",
    )
    # What launch.py tells the process of a device.
    add("--rank", type=int, help=argparse.SUPPRESS)
    add("--rendezvous", help=argparse.SUPPRESS)
    add("--failure-fd", type=int, help=argparse.SUPPRESS)


def _add_standby(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_standby)
    add = parser.add_argument
    add("--orders-fd", type=int, required=True, metavar="N", help="brings the command: JSON")
    add("--events-fd", type=int, required=True, metavar="N", help="handed on to the command")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_verify)
    _add_spec_and_data(parser)
    parser.add_argument("--dir", type=Path, required=True, help="holds the exported files")
    parser.add_argument("--reference", type=Path, required=True, help="what was trained")


def _add_spec_and_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", type=Path, metavar="SPEC", help="job file, YAML or JSON")
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder below which datasets are found by name; may be repeated",
    )


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {text}")
    return count


def _bytes(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0 bytes; got {text}")
    return count


if __name__ == "__main__":
    sys.exit(main())
