"""The application as a whole: its process, and its documentation pages."""

import re
import subprocess
import sys
from collections.abc import Callable

import httpx2
import psutil
import pytest
from starlette.testclient import TestClient

from tests.api.conftest import SPEC, Platform, Server

HEAVY = ("torch", "torchvision", "numpy", "sklearn", "celery", "kombu", "redis", "onnx")
MAX_RESIDENT_BYTES = 150_000_000
WAIT_S = 30.0


def test_the_application_loads_nothing_heavy() -> None:
    program = (
        f"import sys, api.__main__\nprint([name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert loaded.stdout.strip() == "[]"


def test_the_process_stays_small(serve: Callable[..., Server], platform: Platform) -> None:
    server = serve()
    with httpx2.Client(base_url=server.url, headers=platform.bearer(), timeout=WAIT_S) as http:
        for _ in range(100):
            job_id = http.post("/v1/jobs", json=SPEC).raise_for_status().json()["id"]
            http.get(f"/v1/jobs/{job_id}").raise_for_status()
        http.get("/openapi.json").raise_for_status()
        http.get("/readyz")

    assert psutil.Process(server.process.pid).memory_info().rss < MAX_RESIDENT_BYTES


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_needs_no_internet(door: TestClient, page: str) -> None:
    html = door.get(page, headers={"Authorization": ""}).raise_for_status().text

    addresses = re.findall(r"(?:src|href)=[\"']([^\"']+)", html)
    assert addresses
    assert "//" not in "".join(addresses)
    for address in addresses:
        assert door.get(address).status_code == 200, address


def test_the_documentation_may_load_from_here_alone(door: TestClient) -> None:
    policy = door.get("/docs").headers["content-security-policy"]

    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_a_server_without_settings_says_which_is_missing() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "api"], capture_output=True, text=True, env={"PATH": ""}, check=False
    )

    assert ended.returncode != 0
    assert "database_url" in ended.stderr
