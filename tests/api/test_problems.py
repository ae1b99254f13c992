import re
import signal
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import problems
from api.main import create_app
from jobs import db, errors
from jobs.errors import JobsError
from netaug_core.spec import MAX_SPEC_BYTES
from tests.api.conftest import SPEC, Platform, make_settings
from tests.servers import Postgres

PAGE = Path("docs/problems.md")
# Told to workers and operators alone.
NOT_OVER_HTTP = {
    errors.Fenced,
    errors.BackupBusy,
    errors.BackupInterrupted,
    errors.BackupUnusable,
}


def test_every_error_of_the_domain_has_a_kind() -> None:
    assert set(JobsError.__subclasses__()) - NOT_OVER_HTTP <= set(problems.DOMAIN)


def test_every_kind_has_its_section_in_the_docs() -> None:
    described = set(re.findall(r"^## `([a-z-]+)` \((\d+)\)$", PAGE.read_text(), re.MULTILINE))

    assert described == {(kind.slug, str(kind.status)) for kind in problems.ALL}


def test_every_type_is_an_address_that_explains_it(door: TestClient) -> None:
    for kind in problems.ALL:
        assert kind.title in door.get(kind.uri).text
    assert door.get("/problems/odd").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("GET", "/v1/jobs/", 404, "not-found"),
        ("PUT", "/v1/jobs", 405, "method-not-allowed"),
        ("TRACE", "/healthz", 405, "method-not-allowed"),
    ],
)
def test_an_address_or_method_that_is_not_there_is_a_problem(
    door: TestClient, method: str, path: str, status: int, slug: str
) -> None:
    answer = door.request(method, path)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["instance"] == path


DEEP = b"[" * 100_000
MANY = b"{" + b",".join(b'"k%d":1' % number for number in range(50_000)) + b"}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"name": "\\ud800"}', 400),
        (b'{"name": ' + DEEP, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'{"training": {"epochs": NaN}}', 422),
        (b'{"training": {"learning_rate": 1e400, "epochs": 1}}', 422),
        (b'{"training": {"epochs": ' + b"9" * 4_000 + b"}}", 422),
        (b'{"training": {"epochs": ' + b"9" * 20_000 + b"}}", 400),
        (b'{"name": "' + b"x" * 900_000 + b'"}', 422),
        (b'{"' + b"x" * 900_000 + b'": 1}', 422),
        (MANY, 422),
    ],
    ids=lambda value: value[:30].decode("ascii", "replace") if isinstance(value, bytes) else None,
)
def test_a_hostile_body_is_refused_in_few_words(door: TestClient, body: bytes, status: int) -> None:
    answer = door.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status, answer.text[:500]
    assert len(answer.content) < 20_000


def test_a_problem_names_field_value_and_remedy(door: TestClient) -> None:
    answer = door.post("/v1/jobs", json={**SPEC, "surprise": {"a~/b": 1}, "name": "-"})

    by_pointer = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert "leave it out" in by_pointer["/surprise"]
    assert by_pointer["/name"].startswith("name: ")
    assert by_pointer["/name"].endswith('got "-"')


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", ""])
def test_another_content_type_is_415(door: TestClient, media_type: str) -> None:
    answer = door.post("/v1/jobs", content=b"{}", headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


def test_a_body_over_the_limit_is_413(door: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    blocks = (b" " * 65_536 for _ in range(17))  # sent chunked, its length is not announced

    announced = door.post("/v1/jobs", content=b" " * (MAX_SPEC_BYTES + 1), headers=headers)
    chunked = door.post("/v1/jobs", content=blocks, headers=headers)

    assert [announced.status_code, chunked.status_code] == [413, 413]
    assert announced.json()["type"] == chunked.json()["type"] == "/problems/too-large"


def test_an_unexpected_error_is_a_500_without_its_cause(
    app: FastAPI, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the secret cause")

    answer = client.get("/broken")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = capsys.readouterr().out
    assert "the secret cause" in logged
    assert answer.json()["request_id"] in logged


def test_a_database_that_is_away_is_503_and_comes_back(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    settings = make_settings(own_postgres.url("own"), tmp_path)
    engine = db.create_engine(own_postgres.url("own"))
    bearer = Platform(engine, settings).bearer()
    engine.dispose()
    with TestClient(create_app(settings), headers=bearer) as client:
        assert client.get("/v1/jobs").status_code == 200
        own_postgres.stop(signal.SIGQUIT)

        refused = client.post("/v1/jobs", json=SPEC)
        unready = client.get("/readyz")
        scrape = client.get("/metrics")
        own_postgres.start()
        client.get("/v1/jobs")  # a connection from before the restart may break this one
        accepted = client.post("/v1/jobs", json=SPEC)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["type"] == "/problems/unavailable"
    assert (unready.status_code, unready.json()["database"]) == (503, "does not answer")
    assert scrape.status_code == 200
    assert accepted.status_code == 202
