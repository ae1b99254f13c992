"""API keys, asked for and answered."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.moments import Moment
from jobs.keys import NewKey, Scope
from jobs.records import ApiKey


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = {"extra": "forbid"}

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")
    scope: Scope = Scope.SUBMIT
    expires_at: Moment | None = Field(None, description="RFC 3339 with an offset.")


class KeyView(BaseModel):
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(**{name: getattr(key, name) for name in KeyView.model_fields})


class NewKeyView(KeyView):
    """A key just made. The secret is shown this once."""

    secret: str

    @classmethod
    def made(cls, new: NewKey) -> Self:
        return cls(secret=new.secret, **KeyView.of(new.key).model_dump())


class KeyList(BaseModel):
    items: list[KeyView]
