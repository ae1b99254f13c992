"""Files that others made."""

from pathlib import Path

import pytest

from netaug_core.data.detection import files, voc_xml
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(b"12345")

    assert files.content(path, 5) == b"12345"
    with pytest.raises(BadData, match=r"a\.xml is larger than 4 bytes; split or remove it"):
        files.content(path, 4)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(files.Unusable, match="cannot be one"):
        files.inside(tmp_path, "a" * 5000)


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/a", "a//b", "a\\b", "C:a", "a\0b"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(files.Unusable, match="leaves the folder"):
        files.inside(tmp_path, name)


def test_a_folder_behind_a_link_is_outside(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    assert files.inside(tmp_path, "elsewhere/a..b.png") == tmp_path / "elsewhere/a..b.png"
    with pytest.raises(files.Unusable, match="link is a link; put the file itself there"):
        files.inside(tmp_path, "link/a.png")


def test_elements_in_elements_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a>" * 100_000)

    with pytest.raises(voc_xml.BadXml, match="nested more than 32 deep"):
        voc_xml.read(path)


def test_an_encoding_does_not_smuggle_a_doctype_in(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>'.encode("utf-16"))

    with pytest.raises(voc_xml.BadXml, match="<!DOCTYPE> is not accepted"):
        voc_xml.read(path)


@pytest.mark.parametrize("encoding", ["nonsense", "idna", "rot13", "utf-7", "cp037"])
def test_a_strange_encoding_is_a_sentence(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(f'<?xml version="1.0" encoding="{encoding}"?><annotation/>')

    with pytest.raises(voc_xml.BadXml):
        voc_xml.read(path)


def test_damage_anywhere_is_a_sentence_or_harmless(tmp_path: Path) -> None:
    detection_sets.write_voc_folder(tmp_path)
    path = tmp_path / "Annotations/test_0.xml"
    good = path.read_bytes()
    told = 0
    for place in range(0, len(good), 7):
        path.write_bytes(good[:place] + bytes([place % 256]) + good[place + 1 :])
        try:
            voc_xml.read(path)
        except voc_xml.BadXml:
            told += 1

    assert told > len(good) / 7 / 4
