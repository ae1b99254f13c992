"""`python -m api.openapi`: prints the OpenAPI document that docs/openapi.json holds."""

import json
import sys
import tempfile

from pydantic import SecretStr

from api.main import create_app
from jobs.settings import Settings


def document() -> str:
    """The document as text, the same for every installation."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(
            database_url=SecretStr("sqlite://"), storage_url=f"file://{directory}/storage"
        )
        return json.dumps(create_app(settings).openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
