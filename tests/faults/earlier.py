"""The release before this one, out of the project's history, where a checkout has it."""

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NEEDED = "tests/faults/process.py"  # a tree without it cannot be started by these tests
SECOND_MIGRATION = "migrations/versions/0002_*.py"


def extract(directory: Path) -> bool:
    """Write the tree of the newest tagged release; before any, that of the first schema alone.

    Returns:
        False if the history has none: no checkout, a shallow one, or no earlier schema yet.
    """
    commit = _newest_tag() or _before_the_second_migration()
    if not commit or _git("cat-file", "-e", f"{commit}:{NEEDED}") is None:
        return False
    with tarfile.open(fileobj=BytesIO(_git("archive", commit) or b"")) as tree:
        tree.extractall(directory, filter="data")
    return True


def _newest_tag() -> str:
    tags = _git("tag", "--list", "v*", "--merged", "HEAD^", "--sort=-creatordate") or b""
    return tags.decode().partition("\n")[0]


def _before_the_second_migration() -> str:
    query = ("log", "--diff-filter=A", "--reverse", "--format=%H", "--", SECOND_MIGRATION)
    added = (_git(*query) or b"").decode().partition("\n")[0]
    return f"{added}^" if added else ""


def _git(*arguments: str) -> bytes | None:
    """What git says; None if it refuses, or there is no git."""
    git = shutil.which("git")
    if git is None:
        return None
    said = subprocess.run([git, "-C", str(ROOT), *arguments], capture_output=True)
    return said.stdout if said.returncode == 0 else None
