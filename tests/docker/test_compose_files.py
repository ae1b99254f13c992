"""What docker-compose.yml promises of every service, on the files as Compose itself reads them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
TOOLS = Path(sys.executable).parent
COMBINATIONS = {
    "pulled": ("docker-compose.yml",),
    "debian": ("docker-compose.yml", "docker/compose.debian.yml"),
}
SECRETS = ("postgres_password", "database_url", "broker_url", "s3_access_key", "s3_secret_key")
ONE_SHOT = "migrate"
SERVICES = {"postgres", "redis", "s3", "migrate", "api", "dispatcher", "worker", "worker-cpu"}


def compose_config(*files: str) -> dict[str, Any]:
    arguments = [part for file in files for part in ("-f", file)]
    answer = subprocess.run(
        [TOOLS / "docker-compose", *arguments, "--profile", "cpu", "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    config: dict[str, Any] = json.loads(answer.stdout)
    return config


@pytest.fixture(scope="module", params=COMBINATIONS)
def services(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = compose_config(*COMBINATIONS[request.param])["services"]
    return found


def softness(service: dict[str, Any]) -> list[str]:
    """What is not hardened in a service."""
    faults = []
    if service.get("user", "").split(":")[0] in {"", "0", "root"}:
        faults.append("runs as root")
    if not service.get("read_only"):
        faults.append("has a writable root")
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        faults.append("keeps capabilities")
    if "no-new-privileges:true" not in service.get("security_opt", []):
        faults.append("may gain privileges")
    if not service.get("init"):
        faults.append("has no init")
    if service.get("privileged") or service.get("network_mode") == "host":
        faults.append("is not isolated")
    if not service.get("logging", {}).get("options", {}).get("max-size"):
        faults.append("has unlimited logs")
    faults += [
        f"has the secret {name} in its environment"
        for name, value in (service.get("environment") or {}).items()
        if any(secret in name.lower() for secret in SECRETS) and not name.endswith("_FILE")
        if value
    ]
    return faults


def test_all_services_are_there(services: dict[str, Any]) -> None:
    assert set(services) == SERVICES


def test_every_service_is_hardened(services: dict[str, Any]) -> None:
    assert {name: softness(service) for name, service in services.items()} == {
        name: [] for name in SERVICES
    }


def test_a_soft_service_is_found() -> None:
    soft = {"user": "0:0", "environment": {"NETAUG_DATABASE_URL": "postgresql://u:p@h/d"}}
    assert len(softness(soft)) == 7


def test_every_service_that_stays_has_a_health_check(services: dict[str, Any]) -> None:
    without = {n for n, s in services.items() if not s.get("healthcheck", {}).get("test")}
    assert without == {ONE_SHOT}


def test_only_the_worker_asks_for_a_gpu(services: dict[str, Any]) -> None:
    asking = {
        name
        for name, service in services.items()
        if service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
    }
    assert asking == {"worker"}


def test_only_the_api_is_published_and_only_on_this_machine(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["api"]
    assert [port["host_ip"] for port in published["api"]] == ["127.0.0.1"]


def test_the_api_has_no_way_to_the_broker(services: dict[str, Any]) -> None:
    assert "netaug_broker_url" not in {s["source"] for s in services["api"]["secrets"]}


@pytest.mark.parametrize("name", ["api", "worker", "worker-cpu"])
def test_data_is_mounted_read_only(services: dict[str, Any], name: str) -> None:
    (data,) = (v for v in services[name]["volumes"] if v["target"] == "/data")
    assert data["read_only"]


@pytest.mark.parametrize("name", ["worker", "worker-cpu"])
def test_a_worker_has_longer_to_stop_than_its_trainer(services: dict[str, Any], name: str) -> None:
    grace = services[name]["stop_grace_period"]
    assert grace == "1m30s"  # over NETAUG_GRACE_SECONDS, 20 by default, and an upload


def test_the_backend_reaches_nothing_outside() -> None:
    assert compose_config("docker-compose.yml")["networks"]["backend"]["internal"] is True


def test_the_gpu_worker_has_all_gpus_unless_told_otherwise(services: dict[str, Any]) -> None:
    worker = services["worker"]
    [device] = worker["deploy"]["resources"]["reservations"]["devices"]

    assert device["count"] in ("all", -1)
    assert not worker["environment"].get("CUDA_VISIBLE_DEVICES")
