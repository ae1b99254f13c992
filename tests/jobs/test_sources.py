"""Jobs that start or learn from another job's model: at submit, at delete, at retry, at claim."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import db, endings, sources, wishes
from jobs.errors import IllegalStateChange, SpecRefused
from jobs.states import JobStatus
from netaug_core.spec import JobSpec
from tests.builders import DIVERGED, TENANT, claim, make_job, make_spec, submit
from tests.jobs.trained_jobs import SHA256, trained_job


def spec_from(job_id: str, head: str = "keep", **changes: Any) -> JobSpec:
    document = make_spec().model_dump(mode="json")
    document["pretrained"] = {"weights": job_id, "head": head}
    return JobSpec.model_validate({**document, **changes})


def taught_by(job_id: str, **changes: Any) -> JobSpec:
    document = make_spec().model_dump(mode="json")
    return JobSpec.model_validate({**document, "distillation": {"teacher": job_id}, **changes})


def refusal(connection: sa.Connection, spec: JobSpec) -> tuple[str, str]:
    with pytest.raises(SpecRefused) as refused:
        submit(connection, spec)
    (one,) = refused.value.refusals
    return one.pointer, one.detail


def test_a_claim_brings_the_stored_model_of_each_source(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        source = trained_job(connection)
        spec = spec_from(source.id, distillation={"teacher": source.id})
        job = submit(connection, spec)
        claimed = claim(connection)

    assert claimed.job.id == job.id
    assert [model.source.field for model in claimed.sources] == [*sources.FIELDS]
    assert [m.artifact.sha256 for m in claimed.sources if m.artifact] == [SHA256, SHA256]


def test_a_job_that_names_none_has_no_sources(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        submit(connection)

        assert claim(connection).sources == []


def test_an_unknown_job_and_another_tenants_are_told_alike(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        theirs = trained_job(connection, "theirs")
        pointer, detail = refusal(connection, spec_from(theirs.id))
        _, unknown = refusal(connection, spec_from("job_unknown"))

    assert pointer == "/pretrained/weights"
    assert detail.startswith(f"pretrained.weights: there is no job {theirs.id};")
    assert unknown == detail.replace(theirs.id, "job_unknown")


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (JobStatus.QUEUED, "wait for its success"),
        (JobStatus.RUNNING, "wait for its success"),
        (JobStatus.FAILED, "name one that has succeeded"),
        (JobStatus.CANCELLED, "name one that has succeeded"),
    ],
)
def test_only_a_job_that_has_succeeded_has_a_model(
    engine: sa.Engine, status: JobStatus, remedy: str
) -> None:
    with db.writing(engine) as connection:
        source = make_job(connection, status)
        pointer, detail = refusal(connection, taught_by(source.id))

    assert pointer == "/distillation/teacher"
    assert f"is {status}, so it has no model; {remedy}" in detail


def test_another_network_is_refused_with_its_first_other_layer(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        source = trained_job(connection)
        model = {"name": "mobilenet_v2", "width": 0.35, "input_size": 28}
        _, detail = refusal(connection, spec_from(source.id, model=model))
        submit(connection, taught_by(source.id, model=model))  # a teacher may be any network

    assert "is another network (mobilenet_v2), whose stem has another shape" in detail


def test_other_channels_and_other_classes_are_refused_early(
    engine: sa.Engine, tmp_path: Path
) -> None:
    for split in ("train", "val"):
        for name in ("daisy", "rose"):
            (tmp_path / "flowers" / split / name).mkdir(parents=True)
    with db.writing(engine) as connection:
        source = trained_job(connection)
        spec = spec_from(source.id, data={"dataset": "flowers"})
        with pytest.raises(SpecRefused) as refused:
            submit(connection, spec, data_roots=(tmp_path,))

    channels, classes = (one.detail for one in refused.value.refusals)
    assert "reads pictures of 1 channels, those of flowers have 3" in channels
    assert "knows 10 classes, flowers has 2; set pretrained.head to new" in classes


def test_a_model_that_a_waiting_job_needs_cannot_be_deleted(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        source = trained_job(connection)
        job = submit(connection, taught_by(source.id))
        with pytest.raises(IllegalStateChange, match=f"job {job.id}, which has not ended, needs"):
            wishes.delete(connection, TENANT, source.id)
        wishes.cancel(connection, TENANT, job.id)
        wishes.delete(connection, TENANT, source.id)


def test_a_job_whose_source_was_deleted_is_not_retried(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        source = trained_job(connection)
        job = submit(connection, spec_from(source.id))
        endings.fail(connection, job.id, claim(connection).job.attempt, DIVERGED)
        wishes.delete(connection, TENANT, source.id)

        with pytest.raises(IllegalStateChange, match=f"names job {source.id}, which has been del"):
            wishes.retry(connection, TENANT, job.id)


def test_a_source_deleted_between_admission_and_submit_is_told(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        spec = spec_from("job_gone").model_dump(mode="json")

        assert [one.job_id for one in sources.hold(connection, TENANT, spec)] == ["job_gone"]


def test_claims_of_old_specs_without_the_sections_have_no_sources() -> None:
    assert sources.of({"model": {}}) == []
    assert sources.of({"pretrained": {"weights": "a/model.safetensors"}}) == []
