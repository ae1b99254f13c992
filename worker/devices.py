"""Which GPUs this worker may use. Asks the driver's tool, so that nobody loads torch for it."""

import shutil
import subprocess

ASK_SECONDS = 10.0
MOST_PER_WORKER = 1  # one trainer on one device; a server with more GPUs runs more workers


def gpu_names() -> list[str]:
    """The names of the GPUs that the driver shows to this process; none without a driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    answer = subprocess.run(  # noqa: S603  # a fixed command
        [tool, "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
        check=False,
    )
    names = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    return names if answer.returncode == 0 else []
