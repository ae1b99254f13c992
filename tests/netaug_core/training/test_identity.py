"""Which specs share their checkpoints."""

from pydantic import Field

from netaug_core.sections.training import TrainingSpec
from netaug_core.spec import JobSpec
from netaug_core.training.identity import spec_hash

DOCUMENT = {
    "model": {"name": "mobilenet_v2", "input_size": 32},
    "data": {"dataset": "digits"},
    "training": {"epochs": 2},
}


class LaterTraining(TrainingSpec):
    clipping: float = Field(0.0)


class LaterSpec(JobSpec):
    """The spec of a version that knows one field more."""

    training: LaterTraining


def test_a_field_that_a_later_version_adds_does_not_part_a_run_from_its_checkpoints() -> None:
    before = spec_hash(JobSpec.model_validate(DOCUMENT))
    kept = JobSpec.model_validate(DOCUMENT).model_dump(mode="json")  # as the database has it
    assert spec_hash(LaterSpec.model_validate(kept)) == before

    used = DOCUMENT | {"training": {"epochs": 2, "clipping": 1.0}}
    assert spec_hash(LaterSpec.model_validate(used)) != before


def test_names_and_resources_do_not_part_it_but_what_is_trained_does() -> None:
    before = spec_hash(JobSpec.model_validate(DOCUMENT))
    renamed = DOCUMENT | {"name": "other", "tags": ["x"], "resources": {"priority": 1}}
    assert spec_hash(JobSpec.model_validate(renamed)) == before

    for changed in (
        {"augment": None},
        {"control": True},
        {"training": {"epochs": 3}},
        {"model": {"name": "mobilenet_v2", "input_size": 64}},
        {"data": {"dataset": "fashion-mnist"}},
    ):
        assert spec_hash(JobSpec.model_validate(DOCUMENT | changed)) != before, changed
