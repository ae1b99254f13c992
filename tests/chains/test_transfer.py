"""Jobs built on one another."""

from pathlib import Path
from typing import Any

import pytest

from netaug_client.client import Client
from netaug_client.errors import Invalid
from netaug_client.jobs import Job
from netaug_core.weights import MODEL_FILE
from tests.chains.conftest import ENDED_S, card, succeeded
from tests.netaug_core import shapes
from tests.small_network import SMALL_MODEL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * ENDED_S)]

TINY: dict[str, Any] = {
    "model": SMALL_MODEL,
    "augment": None,
    "training": {"epochs": 1, "learning_rate": 0.01},
}


def submit(client: Client, name: str, dataset: str, **sections: Any) -> Job:
    data = {"dataset": dataset, "validation_fraction": 0.2, "batch_size": 10}
    return client.jobs.submit({**TINY, "name": name, "data": data, **sections})


def test_jobs_start_from_a_model_and_learn_from_it_unless_their_classes_are_others(
    client: Client, tmp_path: Path, data_root: Path
) -> None:
    shapes.write_folder(data_root / "stripes")
    shapes.write_folder(data_root / "patterns", shapes.OTHER_CLASSES)
    shapes.write_folder(data_root / "others", shapes.OTHER_CLASSES[:2])
    first = succeeded(submit(client, "first", "stripes"))
    second = submit(client, "second", "patterns", pretrained={"weights": first.id, "head": "new"})
    student = submit(client, "student", "stripes", distillation={"teacher": first.id})
    untaught = submit(client, "untaught", "others", distillation={"teacher": first.id})
    with pytest.raises(Invalid, match="knows 2 classes, patterns has 3; name another teacher"):
        submit(client, "refused", "patterns", distillation={"teacher": first.id})
    cards = [card(succeeded(job), tmp_path) for job in (second, student)]
    untaught.wait(ENDED_S)

    (model,) = [file for file in first.artifacts() if file.name == MODEL_FILE]
    of_first = {"reference": first.id, "sha256": model.sha256}
    assert cards[0]["lineage"] == {"pretrained.weights": of_first}
    assert [row["class"] for row in cards[0]["scores"]["per_class"]] == [*shapes.OTHER_CLASSES]
    assert cards[1]["lineage"] == {"distillation.teacher": of_first}
    failure = untaught.details.failure
    assert failure is not None
    assert (untaught.status, failure.failure_class) == ("failed", "user_error")
    assert "class 0 is 'across' there and 'checked' here" in failure.message
    assert untaught.metrics() == []  # no step was made
