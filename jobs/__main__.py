"""An operator's commands: `python -m jobs migrate`, `create-key`, `prepare` (both), `set-quota`.

`backup DIR`, `restore DIR` and `verify-storage` also need the store.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from jobs import backup, db, keys, schema, tenants, verification
from jobs.errors import (
    BackupBusy,
    BackupInterrupted,
    BackupUnusable,
    StorageUnavailable,
    Unauthenticated,
)
from jobs.keys import Scope
from jobs.settings import DatabaseSettings, Settings
from jobs.storage import Storage

SECRET_MODE = 0o600
NO_QUOTA = "none"
POOL_SIZE = 2  # a backup reads, and says beside it that it is still there
NOT_KEPT = "the backup was not kept; an earlier one in the directory is as it was\n"
WITH_STORAGE = {"backup", "restore", "verify-storage"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    url = DatabaseSettings().database_url.get_secret_value()
    engine = db.create_engine(url, pool_size=POOL_SIZE)
    try:
        if options.command in WITH_STORAGE:
            return _with_storage(engine, options)
        if options.command in {"migrate", "prepare"} and not schema.upgrade(engine):
            sys.stderr.write("a newer release has migrated this database; it stays as it is\n")
        if options.command in {"create-key", "prepare"}:
            _create_key(engine, options)
        if options.command == "set-quota":
            _set_quota(engine, options)
    finally:
        engine.dispose()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jobs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to the newest schema")
    create = commands.add_parser("create-key", help="make an API key and print it, or keep it")
    prepare = commands.add_parser("prepare", help="migrate, then create-key")
    for command in (create, prepare):
        _add_key_options(command)
    quota = commands.add_parser("set-quota", help="what a tenant may use, and its share")
    _add_quota_options(quota)
    for name, text in (
        ("backup", "copy all rows, then all objects that they name, into a directory"),
        ("restore", "bring a backup into an empty database and a store"),
    ):
        commands.add_parser(name, help=text).add_argument("directory", type=Path)
    verify = commands.add_parser("verify-storage", help="read every object that a row names")
    verify.add_argument("--repair", action="store_true", help="count each tenant's bytes anew")
    return parser


def _add_quota_options(quota: argparse.ArgumentParser) -> None:
    quota.add_argument("--tenant", required=True)
    quota.add_argument("--weight", type=_positive, help="of its share; 1 unless set")
    most = partial(quota.add_argument, type=_count_or_none, default=..., metavar="N|none")
    most("--max-queued", help="jobs that may wait")
    most("--max-running", help="slots in use at once: a job of N GPUs takes N, any other one")
    most("--max-stored-bytes", help="checkpoints and files together")
    quota.add_argument(
        "--max-gpu-hours",
        type=_hours_or_none,
        default=...,
        metavar="HOURS|none",
        help="over all its attempts that have ended",
    )
    quota.add_argument("--reset-gpu-hours", action="store_true", help="count from 0 again")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"give a whole number from 1 up, not {text}")
    return number


def _count_or_none(text: str) -> int | None:
    if text == NO_QUOTA:
        return None
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"give a whole number from 0 up, or none, not {text}")
    return number


def _hours_or_none(text: str) -> float | None:
    if text == NO_QUOTA:
        return None
    hours = float(text)
    if not 0.0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"give hours from 0 up, or none, not {text}")
    return hours * 3600.0


def _set_quota(engine: sa.Engine, options: argparse.Namespace) -> None:
    given = {
        "max_queued": options.max_queued,
        "max_running": options.max_running,
        "max_stored_bytes": options.max_stored_bytes,
        "max_gpu_seconds": options.max_gpu_hours,
    }
    values = {name: value for name, value in given.items() if value is not ...}
    if options.weight is not None:
        values["weight"] = options.weight
    if options.reset_gpu_hours:
        values["gpu_seconds_used"] = 0.0
    with db.writing(engine) as connection:
        tenant = tenants.set_quota(connection, options.tenant, values)
    for name, value in vars(tenant).items():
        if name not in {"recent", "waiting"}:
            sys.stdout.write(f"{name}\t{'none' if value is None else value}\n")


def _add_key_options(create: argparse.ArgumentParser) -> None:
    create.add_argument("--tenant", default="default")
    create.add_argument("--name", default="operator")
    create.add_argument("--scope", choices=list(Scope), default=Scope.ADMIN, type=Scope)
    create.add_argument(
        "--secret-file",
        type=Path,
        help="keep the secret here (mode 0600), or take it from here if it exists; "
        "without it the secret is printed",
    )


def _with_storage(engine: sa.Engine, options: argparse.Namespace) -> int:
    """1 if an object is gone or has changed, or is counted wrong; each is named on stderr."""
    try:
        storage = Storage.open(Settings())
        if options.command == "verify-storage":
            outcome: verification.Verified | backup.Outcome = verification.verify_storage(
                engine, storage
            )
        else:
            act = backup.back_up if options.command == "backup" else backup.restore
            outcome = act(engine, storage, options.directory)
    except (StorageUnavailable, BackupBusy, BackupUnusable, BackupInterrupted) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if isinstance(outcome, backup.Outcome):
        sys.stdout.write(f"{outcome.rows} rows\n")
    sys.stdout.write(f"{outcome.objects} objects, {outcome.size_bytes} bytes\n")
    problems = outcome.problems
    if options.command == "verify-storage":
        problems += verification.verify_counts(engine, repair=options.repair)
    return _tell(problems, options.command)


def _tell(problems: tuple[str, ...], command: str) -> int:
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if problems and command == "backup":
        sys.stderr.write(NOT_KEPT)
    sys.stdout.write(f"{len(problems)} problems\n")
    return int(bool(problems))


def _create_key(engine: sa.Engine, options: argparse.Namespace) -> None:
    path: Path | None = options.secret_file
    given = path.read_text().strip() if path is not None and path.is_file() else None
    with db.writing(engine) as connection:
        if given is not None and _is_valid(connection, given):
            return
        new = keys.create(
            connection,
            tenant=options.tenant,
            name=options.name,
            scopes=frozenset({options.scope}),
            secret=given,
        )
        if path is not None and given is None:
            _write_secret(path, new.secret)
    if path is None:
        sys.stdout.write(f"{new.secret}\n")


def _is_valid(connection: sa.Connection, secret: str) -> bool:
    try:
        keys.authenticate(connection, secret)
    except Unauthenticated:
        return False
    return True


def _write_secret(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")


if __name__ == "__main__":
    sys.exit(main())
