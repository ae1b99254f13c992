"""The Python client against a real platform."""

import itertools

import pytest

from netaug_client.client import Client
from netaug_client.connection import Connection
from netaug_client.errors import Invalid, NotAllowed, NotFound, WaitTimedOut
from netaug_client.jobs import Job
from tests.netaug_client.conftest import TINY, Up


def test_a_trained_job_tells_its_score_and_its_values(trained: Job) -> None:
    assert 0.0 <= (trained.details.result or {})["test_accuracy"] <= 1.0
    keys = {point.key for point in trained.metrics(epoch_end=True)}
    assert "train_loss" in keys


def test_events_come_in_order_and_end_with_the_job(trained: Job) -> None:
    numbers = [event.seq for event in trained.events()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == len(trained.events_page())


def test_events_go_on_where_the_reader_had_left(trained: Job) -> None:
    first = list(itertools.islice(trained.events(), 2))
    rest = list(trained.events(after=first[-1].seq))
    assert [*first, *rest] == list(trained.events())


def test_the_log_is_text(trained: Job) -> None:
    assert "".join(trained.logs()).strip()


def test_a_submit_with_the_same_key_is_the_same_job(client: Client) -> None:
    first = client.jobs.submit(TINY, idempotency_key="one-and-the-same")
    assert client.jobs.submit(TINY, idempotency_key="one-and-the-same").id == first.id
    first.cancel().wait(timeout=60)
    assert first.status == "cancelled"
    assert first.retry().status in {"queued", "running"}
    first.cancel().wait(timeout=60).delete()
    with pytest.raises(NotFound):
        client.jobs.get(first.id)


def test_waiting_ends_and_the_job_goes_on(client: Client) -> None:
    job = client.jobs.submit(TINY)
    with pytest.raises(WaitTimedOut, match=job.id):
        job.wait(timeout=0)
    job.cancel().wait(timeout=60)


def test_jobs_are_found_page_by_page(client: Client, trained: Job) -> None:
    found = client.jobs.list(tags=("client-test",), status="succeeded", limit=201)
    assert trained.id in {job.id for job in found}
    assert client.jobs.list(name="no such name") == []


def test_an_invalid_spec_names_the_field(client: Client) -> None:
    with pytest.raises(Invalid, match="epochs") as caught:
        client.jobs.submit({**TINY, "training": {"epochs": 0}})
    assert caught.value.problem.errors[0].pointer == "/training/epochs"
    assert caught.value.problem.request_id


def test_a_dry_run_tells_the_cost(client: Client) -> None:
    assert client.jobs.dry_run(TINY).cost.params > 0


def test_a_wrong_key_is_not_allowed(up: Up) -> None:
    with Client(up.url, "nak_wrong") as stranger, pytest.raises(NotAllowed):
        stranger.datasets.list()


def test_datasets_and_keys_are_listed(client: Client) -> None:
    assert client.datasets.get("digits").num_classes == 10
    key = client.keys.create("reader", scope="read")
    assert key.secret is not None
    client.keys.revoke(key.id)
    assert key.id in {known.id for known in client.keys.list()}


def test_a_path_of_odd_characters_stays_one_path(client: Client) -> None:
    with pytest.raises(NotFound):
        client.jobs.get("../keys")


def test_an_answer_that_is_no_problem_document_is_still_an_error(up: Up) -> None:
    connection = Connection(up.url, up.key)
    with pytest.raises(NotFound):
        connection.get("/nowhere")
    connection.close()
