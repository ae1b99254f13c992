from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from api import auth
from jobs import db, keys
from jobs.keys import Scope
from jobs.tables import api_keys
from tests.api.conftest import SPEC, Platform

MALFORMED = "nak_" + "x" * 42
UNKNOWN = "nak_" + "x" * 43


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", f"Bearer {MALFORMED}", f"Bearer {UNKNOWN}"]
)
def test_without_a_valid_key_it_is_401(door: TestClient, header: str) -> None:
    answer = door.get("/v1/jobs", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "/problems/unauthenticated"


def test_a_key_in_the_query_is_no_key(door: TestClient) -> None:
    token = door.headers["authorization"].partition(" ")[2]

    answer = door.get(f"/v1/jobs?api_key={token}", headers={"Authorization": ""})

    assert answer.status_code == 401
    assert token not in answer.text


def test_an_expired_key_is_401(client: TestClient, platform: Platform) -> None:
    with db.writing(platform.engine) as connection:
        old = keys.create(
            connection,
            tenant="ours",
            name="old",
            scopes=frozenset({Scope.READ}),
            expires_at=datetime(2020, 1, 1, tzinfo=UTC),
        )

    answer = client.get("/v1/jobs", headers={"Authorization": f"Bearer {old.secret}"})

    assert answer.status_code == 401


CALLS: list[tuple[Scope, str, str, dict[str, Any]]] = [
    (Scope.READ, "GET", "/v1/jobs", {}),
    (Scope.READ, "POST", "/v1/profile", {"json": SPEC}),
    (Scope.SUBMIT, "POST", "/v1/jobs?dry_run=true", {"json": SPEC}),
    (Scope.ADMIN, "GET", "/v1/keys", {}),
]


@pytest.mark.parametrize("held", list(Scope))
@pytest.mark.parametrize(("needed", "method", "path", "body"), CALLS)
def test_a_key_does_what_its_scope_includes(
    client: TestClient,
    platform: Platform,
    held: Scope,
    needed: Scope,
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    answer = client.request(method, path, headers=platform.bearer("ours", held), **body)

    assert answer.status_code == (200 if held.includes(needed) else 403)
    if answer.status_code == 403:
        assert f"scope {needed}" in answer.json()["detail"]


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = platform.bearer("ours", Scope.READ)
    assert client.get("/v1/jobs", headers=bearer).status_code == 200
    with db.writing(platform.engine) as connection:
        connection.execute(sa.update(api_keys).values(revoked_at=datetime.now(UTC)))

    remembered = client.get("/v1/jobs", headers=bearer)
    monkeypatch.setattr(auth, "REMEMBERED_S", 0.0)
    forgotten = client.get("/v1/jobs", headers=bearer)

    assert (remembered.status_code, forgotten.status_code) == (200, 401)


def test_the_last_use_of_a_key_is_noted(client: TestClient) -> None:
    client.get("/v1/jobs")

    (key,) = client.get("/v1/keys").json()["items"]

    assert key["last_used_at"].endswith("Z")


def test_the_ring_forgets_all_before_it_grows_too_big(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "MOST_REMEMBERED", 1)
    ring = auth.KeyRing(platform.engine)
    first, second = platform.key("a", Scope.READ), platform.key("b", Scope.READ)

    ring.look_up(first)
    ring.look_up(second)

    assert ring.recall(first) is None
    assert ring.recall(second) is not None
