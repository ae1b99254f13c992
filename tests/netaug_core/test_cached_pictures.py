"""Whole runs whose trainer keeps the pictures that it decoded."""

from pathlib import Path

from netaug_core.events import Failed
from netaug_core.launch import Shares
from tests.netaug_core import runs, shapes


def test_a_cache_of_pictures_changes_no_weight(tmp_path: Path) -> None:
    shapes.write_folder(tmp_path / "stripes")
    document = shapes.make_spec().model_dump(mode="json")
    document["data"]["preparation"] = {"short_side": 32, "format": "jpeg"}
    document["training"]["epochs"] = 2
    spec = runs.write_spec(tmp_path / "job", document)

    for out, cache_bytes in (("without", "0"), ("with", "1000000")):
        options = ("--data", str(tmp_path), "--image-cache", cache_bytes)
        process = runs.start(spec, tmp_path / out, *options)
        process.rest()
        assert process.wait() == (0, "")

    with_cache, without = (
        (tmp_path / out / "model.safetensors").read_bytes() for out in ("with", "without")
    )
    assert with_cache == without


def test_a_cache_larger_than_the_machine_is_refused_with_its_size(tmp_path: Path) -> None:
    shapes.write_folder(tmp_path / "stripes")
    spec = runs.write_spec(tmp_path / "job", shapes.make_spec().model_dump(mode="json"))
    options = ("--data", str(tmp_path), "--image-cache", str(1 << 60))

    process = runs.start(spec, tmp_path / "out", *options)
    (failed,) = process.rest()

    assert process.wait()[0] == 64
    assert isinstance(failed, Failed)
    assert f"the image cache of {1 << 60} bytes cannot be had" in failed.message


def test_what_the_machine_has_is_shared_by_all_devices() -> None:
    shares = Shares(num_threads=5, num_loader_workers=3, image_cache_bytes=1001)

    words = shares.arguments(num_devices=2)

    assert words == ["--threads", "2", "--loader-workers", "2", "--image-cache", "500"]
