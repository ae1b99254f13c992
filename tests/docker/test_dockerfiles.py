"""Every Dockerfile passes hadolint, installs by hash and leaves root."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HADOLINT = Path(sys.executable).parent / "hadolint"
DOCKERFILES = sorted((ROOT / "docker").rglob("*Dockerfile"))


def test_there_are_dockerfiles_to_check() -> None:
    assert len(DOCKERFILES) >= 6


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_hadolint_finds_nothing(path: Path) -> None:
    answer = subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_hadolint_finds_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM debian\nRUN sudo ls\n")
    answer = subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "DL3004" in answer.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_last_user_is_a_number_and_not_root(path: Path) -> None:
    users = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("USER ")]
    assert users
    assert int(users[-1].split(":")[0]) >= 999


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_are_installed_by_hash(path: Path) -> None:
    installs = [line for line in path.read_text().splitlines() if "pip install" in line]
    assert all("--require-hashes" in line for line in installs)
