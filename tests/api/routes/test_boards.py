from starlette.testclient import TestClient

from netaug_core.boards import BOARDS


def test_boards_are_listed_with_their_sources(door: TestClient) -> None:
    items = door.get("/v1/boards").json()["items"]

    assert [item["name"] for item in items] == [board.name for board in BOARDS]
    assert all(item["source"] for item in items)


def test_boards_need_a_key_and_take_no_query(door: TestClient) -> None:
    wrong = {"Authorization": "Bearer nak_wrong"}

    assert door.get("/v1/boards", headers=wrong).status_code == 401
    assert door.get("/v1/boards", params={"surprise": "1"}).status_code == 422
