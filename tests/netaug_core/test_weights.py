"""Weights by reference: only sound safetensors files, only below a data root or in the inputs."""

import json
import pickle
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from netaug_core import safetensors_header, weights
from netaug_core.documents import sentences
from netaug_core.errors import BadSpec
from netaug_core.export import names
from netaug_core.sections.training import DistillationSpec, PretrainedSpec
from netaug_core.weights import WeightsFile

FIELD = weights.PRETRAINED


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


SOUND = safetensors({"x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}, b"ab")


def find(root: Path, reference: str = "model.safetensors") -> WeightsFile:
    return weights.find(reference, field=FIELD, roots=(root / "other", root), inputs=None)


def test_a_file_below_a_data_root_is_found_with_its_header(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.safetensors").write_bytes(SOUND)

    file = find(tmp_path, "a/b.safetensors")

    assert file.header.tensors["x"].shape == (2,)
    assert (file.class_names, file.preprocessing) == (None, None)
    assert len(file.sha256) == 64


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (pickle.dumps({"x": 1}), "is a pickle"),
        (b"PK\x03\x04 an archive of torch.save", "is a pickle"),
        (b"", "is no safetensors file, or was cut short"),
        (SOUND[:20], "is no safetensors file, or was cut short"),
        (SOUND[:-1], "was cut short, or has bytes that no tensor owns"),
        (SOUND + b"c", "was cut short, or has bytes that no tensor owns"),
        (safetensors([1]), "has a damaged header"),
        (safetensors({"x": {"dtype": 3, "shape": "?"}}), "has a damaged header"),
        ((9).to_bytes(8, "little") + b"not JSON!", "has a damaged header"),
    ],
)
def test_what_is_no_sound_safetensors_file_is_told(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(BadSpec, match=rf"pretrained\.weights: model\.safetensors {sentence}"):
        find(tmp_path)


def test_a_huge_header_and_a_huge_file_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write((safetensors_header.MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        file.truncate(safetensors_header.MAX_HEADER_BYTES + 100)
    with pytest.raises(BadSpec, match="has a header of"):
        find(tmp_path)
    with path.open("r+b") as file:
        file.truncate(weights.MAX_FILE_BYTES + 1)  # sparse: no such space is used
    with pytest.raises(BadSpec, match="at most"):
        find(tmp_path)


def test_a_link_out_of_the_root_is_refused_and_a_missing_file_named(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(SOUND)
    (root / "model.safetensors").symlink_to(tmp_path / "secret")

    with pytest.raises(BadSpec, match="is reached through a link"):
        find(root)
    with pytest.raises(BadSpec, match=r"there is no file gone\.safetensors below the data root"):
        find(root, "gone.safetensors")


def test_a_jobs_weights_are_in_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "job_1.safetensors").write_bytes(SOUND)
    teacher = DistillationSpec(teacher="job_1")

    found = weights.find_inputs(None, teacher, roots=(), inputs=tmp_path)

    assert found.teacher is not None
    assert found.lineage() == {
        "distillation.teacher": {"reference": "job_1", "sha256": found.teacher.sha256}
    }
    with pytest.raises(BadSpec, match=r"there is no file job_2\.safetensors"):
        weights.find("job_2", field=FIELD, roots=(), inputs=tmp_path)
    with pytest.raises(BadSpec, match="give --inputs DIR"):
        weights.find("job_1", field=FIELD, roots=(tmp_path,), inputs=None)


@pytest.mark.parametrize("key", ["classes", "preprocessing"])
def test_damaged_metadata_is_told(tmp_path: Path, key: str) -> None:
    content = safetensors({"__metadata__": {key: '{"mean": 1}'}})
    (tmp_path / "model.safetensors").write_bytes(content)
    file = find(tmp_path)

    with pytest.raises(BadSpec, match=f"has damaged metadata: {key}"):
        _ = (file.class_names, file.preprocessing)


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_preprocessing_that_makes_no_picture_is_told(tmp_path: Path, number: str) -> None:
    preprocessing = f'{{"input_size": 28, "channels": 1, "mean": [{number}], "std": [1.0]}}'
    content = safetensors({"__metadata__": {"preprocessing": preprocessing}})
    (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(BadSpec, match="has damaged metadata: preprocessing"):
        _ = find(tmp_path).preprocessing


@pytest.mark.parametrize("reference", ["model.pt", "a/model.PTH", "x.ckpt", "x.bin", "../x.pkl"])
def test_a_spec_takes_no_pickle_and_says_what_to_do_instead(reference: str) -> None:
    suffix = f".{reference.rpartition('.')[2]}"

    for section, field in ((PretrainedSpec, "weights"), (DistillationSpec, "teacher")):
        with pytest.raises(ValidationError) as refused:
            section.model_validate({field: reference})
        (sentence,) = sentences(refused.value)
        assert sentence.startswith(f"{field}: a {suffix} file is a pickle, which can run any prog")
        assert "safetensors.torch.save_file" in sentence
        assert sentence.endswith(f"; got {reference!r}")


@pytest.mark.parametrize(
    "reference",
    [
        *("../x.safetensors", "/x.safetensors", ".x.safetensors", "a//x.safetensors", "x.onnx"),
        *("x.safetensors\n", "job_", "job_A", "JOB_1", "", "x" * 190 + ".safetensors"),
    ],
)
def test_a_spec_takes_a_jobs_id_or_a_file_below_a_data_root_alone(reference: str) -> None:
    schema = Draft202012Validator(PretrainedSpec.model_json_schema())

    with pytest.raises(ValidationError, match=r"give a finished job's id \(job_...\), or the path"):
        PretrainedSpec(weights=reference)

    assert not schema.is_valid({"weights": reference}) or reference.endswith("\n")


@pytest.mark.parametrize("reference", ["job_0199f1e6", "x.safetensors", "a-b/c_d/x.y.safetensors"])
def test_a_reference_that_is_taken_fits_the_schema(reference: str) -> None:
    schema = Draft202012Validator(PretrainedSpec.model_json_schema())

    assert PretrainedSpec(weights=reference).weights == reference
    assert schema.is_valid({"weights": reference})


def test_the_model_file_has_one_name() -> None:
    assert names.MODEL_SAFETENSORS == weights.MODEL_FILE
