"""An operator's commands: `python -m jobs migrate`, `create-key`, and `prepare` for both."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from jobs import db, keys, schema
from jobs.errors import Unauthenticated
from jobs.keys import Scope
from jobs.settings import DatabaseSettings

SECRET_MODE = 0o600


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    engine = db.create_engine(DatabaseSettings().database_url.get_secret_value(), pool_size=1)
    try:
        if options.command in {"migrate", "prepare"} and not schema.upgrade(engine):
            sys.stderr.write("a newer release has migrated this database; it stays as it is\n")
        if options.command in {"create-key", "prepare"}:
            _create_key(engine, options)
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
    return parser


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
