"""What the routes of one process share."""

from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request

from api.auth import KeyRing
from api.limits import Limits
from api.streams import Hub
from jobs.settings import Settings
from jobs.storage import Storage


@dataclass(frozen=True)
class Context:
    settings: Settings
    engine: sa.Engine
    storage: Storage
    keys: KeyRing
    hub: Hub
    limits: Limits


async def _context(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)  # noqa: S101  # set by create_app
    return context


Shared = Annotated[Context, Depends(_context)]
