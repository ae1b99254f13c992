"""The service's own state."""

from pydantic import BaseModel


class Health(BaseModel):
    status: str


class Readiness(BaseModel):
    """`ok`, or what is wrong, for each part."""

    database: str
    storage: str
    dispatcher: str
    broker: str


class Version(BaseModel):
    version: str
    api: str = "v1"
