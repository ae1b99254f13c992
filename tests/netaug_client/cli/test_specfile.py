import json
from pathlib import Path

import pytest
import typer

from netaug_client.cli import specfile

SPEC = """
model: {name: mobilenet_v2, input_size: 28}
data: {dataset: digits}
training: {epochs: 3}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "job.yaml"
    path.write_text(SPEC)
    return str(path)


def test_set_changes_a_field_with_its_yaml_type(file: str) -> None:
    spec = specfile.read(
        file, ["training.epochs=7", "augment=null", "name=x", "data.horizontal_flip=true"]
    )
    assert spec.training.epochs == 7
    assert spec.augment is None
    assert spec.name == "x"
    assert spec.data.horizontal_flip is True


def test_set_makes_a_section_that_is_not_there(file: str) -> None:
    spec = specfile.read(file, ["augment.width_multipliers=[1.0, 2.0]"])
    assert spec.augment is not None
    assert spec.augment.width_multipliers == (1.0, 2.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("training.epochs=0", "training.epochs.*greater than or equal to 1.*got 0"),
        ("training.epochs=1000000000", "training.epochs.*10000.*got 1000000000"),
        ("training.epochs=many", "training.epochs.*integer.*got 'many'"),
        ("training.epoch=5", "training.epoch:.*not permitted.*got 5"),
        ("model.name=resnet", "model.name.*choose one of.*mobilenet_v2"),
        ("augment.width_multipliers=[2.0]", "must start with 1.0.*got"),
        ("model.input_size=-1", "model.input_size.*got -1"),
        ("name.first=x", "name.*"),
        ("training.epochs", "field=value.*got 'training.epochs'"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(file: str, change: str, told: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"(?s){told}"):
        specfile.read(file, [change])


def test_a_missing_section_is_named(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"model": {"name": "mobilenet_v2"}}))
    with pytest.raises(typer.BadParameter, match=r"(?s)data: .*training: "):
        specfile.read(str(path), [])


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "a: [1\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(typer.BadParameter):
        specfile.read(str(path), [])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"nowhere\.yaml"):
        specfile.read(str(tmp_path / "nowhere.yaml"), [])
