"""One installation under Docker Compose, with its own secrets, volumes and port, for a test."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).parent.parent.parent
COMPOSE = Path(sys.executable).parent / "docker-compose"
FILES = ("docker-compose.yml", "docker/compose.debian.yml")
BUILT = ("postgres", "redis", "s3", "migrate", "worker-cpu")  # the others use the same images
BUILD_SECONDS = 3600.0
START_SECONDS = 300
COMMAND_SECONDS = 400.0


class Installation:
    """`docker compose` on the project's files, with the CPU worker instead of the GPU's."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._project = f"netaug-test-{secrets.token_hex(4)}"
        self._environment = {
            **os.environ,
            "NETAUG_SECRETS_DIR": str(folder),
            "NETAUG_LISTEN": f"127.0.0.1:{self._port}",
            "NETAUG_GPU_WORKERS": "0",
            "NETAUG_TRAINER_THREADS": "1",
        }
        subprocess.run([ROOT / "docker/make-secrets", folder], check=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def build(self) -> None:
        if os.environ.get("NETAUG_COMPOSE_BUILD") != "0":  # 0: the images are there already
            self.compose("build", *BUILT, seconds=BUILD_SECONDS)

    def start(self) -> None:
        self.compose("up", "--detach", "--no-build", *self._waiting())

    def restart(self, service: str) -> None:
        """Stop a service as `docker stop` does, start it, and wait until it is healthy."""
        self.compose("stop", service)
        self.compose("up", "--detach", "--no-build", "--no-deps", *self._waiting(), service)

    def create_key(self) -> str:
        command = ("python", "-m", "jobs", "create-key", "--scope", "admin")
        answer = self.compose("run", "--rm", "--no-deps", "-T", "migrate", *command)
        return answer.strip().splitlines()[-1]

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "200")

    def remove(self) -> None:
        self.compose("down", "--volumes", "--timeout", "30")

    @staticmethod
    def _waiting() -> tuple[str, ...]:
        return ("--wait", "--wait-timeout", str(START_SECONDS))

    def compose(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> str:
        files = [part for file in FILES for part in ("-f", file)]
        answer = subprocess.run(
            [COMPOSE, "-p", self._project, *files, "--profile", "cpu", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert answer.returncode == 0, f"compose {arguments}: {answer.stderr[-4000:]}"
        return answer.stdout


def has_engine() -> bool:
    """Whether a Docker engine answers."""
    arguments = [COMPOSE, "ls", "--quiet"]
    return subprocess.run(arguments, capture_output=True, check=False).returncode == 0
