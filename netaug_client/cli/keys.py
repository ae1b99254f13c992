"""`netaug keys ...`: needs a key of scope admin."""

from datetime import datetime
from typing import Annotated

import typer

from netaug_client.cli import output
from netaug_client.cli.jobs import AsJson
from netaug_client.client import Client

app = typer.Typer(help="API keys of your tenant.", no_args_is_help=True)


@app.command()
def create(
    name: str,
    scope: Annotated[str, typer.Option(help="read, submit or admin.")] = "submit",
    expires: Annotated[datetime | None, typer.Option(help="Your local time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its secret is shown now and never again."""
    expires_at = expires.astimezone() if expires is not None else None
    with Client() as client:
        key = client.keys.create(name, scope=scope, expires_at=expires_at)
    output.print_json(key) if as_json else typer.echo(key.secret)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """All keys, without secrets."""
    with Client() as client:
        found = client.keys.list()
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        ("ID", "NAME", "SCOPES", "CREATED", "LAST USED", "STATE"),
        [
            (
                *(key.id, key.name, ",".join(key.scopes)),
                f"{output.age(key.created_at)} ago",
                f"{output.age(key.last_used_at)} ago" if key.last_used_at else "never",
                "revoked" if key.revoked_at else "valid",
            )
            for key in found
        ],
    )


@app.command()
def revoke(key_id: str) -> None:
    """End a key's validity."""
    with Client() as client:
        client.keys.revoke(key_id)
