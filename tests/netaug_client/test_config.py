import os
from pathlib import Path

import pytest

from netaug_client import config
from netaug_client.errors import NotConfigured


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("NETAUG_URL", raising=False)
    monkeypatch.delenv("NETAUG_API_KEY", raising=False)


def write_config(text: str) -> None:
    path = config.config_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)


def announce(pid: int) -> None:
    state = config.default_state_dir()
    state.mkdir(parents=True)
    (state / "server.json").write_text(f'{{"url": "http://127.0.0.1:1", "pid": {pid}}}')
    (state / "api-key").write_text("nak_embedded\n")


def test_without_any_setting_the_error_names_all_the_remedies() -> None:
    with pytest.raises(NotConfigured, match=r"NETAUG_URL.*config\.yaml.*netaug up"):
        config.find_server()


def test_an_argument_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_config("url: http://file\napi_key: nak_file\n")
    assert config.find_server() == config.Server("http://file", "nak_file")
    monkeypatch.setenv("NETAUG_URL", "http://environment")
    monkeypatch.setenv("NETAUG_API_KEY", "nak_environment")
    assert config.find_server() == config.Server("http://environment", "nak_environment")
    assert config.find_server("http://argument", "nak_a").url == "http://argument"


def test_the_files_key_is_not_sent_to_another_server() -> None:
    write_config("url: http://file\napi_key: nak_file\n")
    with pytest.raises(NotConfigured, match="no API key for http://elsewhere"):
        config.find_server("http://elsewhere")


def test_a_running_platform_of_this_machine_is_found() -> None:
    announce(os.getpid())
    assert config.find_server() == config.Server("http://127.0.0.1:1", "nak_embedded")


def test_a_platform_that_was_killed_is_not_taken_for_running() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    announce(child)
    with pytest.raises(NotConfigured):
        config.find_server()


def test_a_config_file_of_another_shape_is_refused_by_name() -> None:
    write_config("- http://file\n")
    with pytest.raises(NotConfigured, match=r"config\.yaml must be lines"):
        config.find_server()
