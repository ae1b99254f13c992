from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from tests.api.conftest import SPEC


def test_the_schema_takes_what_the_api_takes(door: TestClient) -> None:
    schema = door.get("/v1/spec/schema").json()

    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(SPEC)
    assert not validator.is_valid({**SPEC, "surprise": 1})
