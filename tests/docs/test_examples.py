"""The job files and presets that the guides name."""

import re
from pathlib import Path

import pytest

from netaug_core.presets import PRESETS
from netaug_core.spec import load_spec

EXAMPLES = sorted(Path("examples").glob("*.yaml"))
GUIDES = (Path("README.md"), *sorted(Path("docs").glob("*.md")))
PRESET = re.compile(r"\b(?:paper|transfer)/[a-z0-9_]+(?:/[a-z0-9_]+)?")


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_an_example_is_a_job(path: Path) -> None:
    assert load_spec(path).training.epochs > 0


@pytest.mark.parametrize("guide", GUIDES, ids=str)
def test_a_guide_names_presets_that_exist(guide: Path) -> None:
    named = set(PRESET.findall(guide.read_text()))

    assert not [name for name in named if not any(one.startswith(name) for one in PRESETS)]


@pytest.mark.parametrize("guide", GUIDES, ids=str)
def test_a_guide_links_to_files_that_exist(guide: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", guide.read_text())

    assert not [link for link in links if not (guide.parent / link).exists()]
