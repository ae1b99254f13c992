import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from netaug_client import downloads
from netaug_client.errors import DownloadDamaged
from netaug_client.models import Artifact

CONTENT = b"weights" * 100


def make_artifact(name: str = "model.onnx", content: bytes = CONTENT) -> Artifact:
    return Artifact(
        id="art_1",
        name=name,
        kind="model",
        media_type="application/octet-stream",
        description="",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        created_at=datetime.now(UTC),
    )


def test_a_whole_file_gets_its_name(tmp_path: Path) -> None:
    saved = downloads.save([CONTENT[:10], CONTENT[10:]], make_artifact(), tmp_path / "new")
    assert saved == tmp_path / "new" / "model.onnx"
    assert saved.read_bytes() == CONTENT


@pytest.mark.parametrize("arrived", [CONTENT[:-1], CONTENT + b"x", b"W" + CONTENT[1:]])
def test_a_damaged_download_is_refused_and_leaves_the_older_file(
    tmp_path: Path, arrived: bytes
) -> None:
    (tmp_path / "model.onnx").write_text("older")
    with pytest.raises(DownloadDamaged, match=r"model\.onnx"):
        downloads.save([arrived], make_artifact(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_text() == "older"


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "..", "", "a\\b"])
def test_a_name_that_leaves_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DownloadDamaged, match="no file name"):
        downloads.save([CONTENT], make_artifact(name), tmp_path / "in")
    assert list(tmp_path.rglob("*")) == [tmp_path / "in"]
