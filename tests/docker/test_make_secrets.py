"""docker/make-secrets: random, complete, closed to others, never overwritten."""

import hashlib
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).parent.parent.parent


def make_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "docker/make-secrets", folder], capture_output=True, text=True, check=False
    )


def test_it_makes_every_secret_that_compose_names(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets(folder).returncode == 0
    named = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"]
    assert {path.name for path in folder.iterdir()} == set(named)


def test_the_folder_is_closed_to_other_users(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    make_secrets(tmp_path / "a")
    make_secrets(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_text() != (tmp_path / "b" / path.name).read_text()


def test_existing_secrets_are_refused_and_kept(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = (tmp_path / "postgres_password").read_text()
    again = make_secrets(tmp_path)
    assert again.returncode == 1
    assert "has secrets already" in again.stderr
    assert (tmp_path / "postgres_password").read_text() == before


def test_both_sides_of_a_connection_have_the_same_password(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    database = urlsplit((tmp_path / "netaug_database_url").read_text())
    assert database.password == (tmp_path / "postgres_password").read_text()
    broker = urlsplit((tmp_path / "netaug_broker_url").read_text())
    assert broker.password is not None
    digest = hashlib.sha256(broker.password.encode()).hexdigest()
    assert f"#{digest}" in (tmp_path / "redis_acl").read_text()
