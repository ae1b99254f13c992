"""Which of this machine's GPUs each of its workers has: none is another's, too."""

import json
from itertools import pairwise

from netaug_client.embedded import processes
from netaug_client.errors import NetaugError

VISIBLE = "CUDA_VISIBLE_DEVICES"


class TooFewGpus(NetaugError):
    """There is not one for each worker."""


def divided(environment: dict[str, str], workers: int) -> list[dict[str, str]]:
    """What each worker's environment says of them: neighbours stay together.

    Raises:
        TooFewGpus: there are some, but not one for each.
    """
    if workers == 1:
        return [{}]
    gpus = json.loads(processes.output_of(("worker.devices",), environment))
    if not gpus:
        return [{}] * workers
    if workers > len(gpus):
        raise TooFewGpus(
            f"--workers {workers}: {len(gpus)} GPUs are visible here, and each worker takes at "
            f"least one; give at most --workers {len(gpus)}, or set {VISIBLE} to nothing to train "
            "on the CPU"
        )
    firsts = [number * len(gpus) // workers for number in range(workers + 1)]
    return [{VISIBLE: ",".join(gpus[first:after])} for first, after in pairwise(firsts)]
