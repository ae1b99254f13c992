"""Device, threads and seeds: what makes two runs of a spec the same run."""

import torch

from netaug_core.errors import BadSpec


def choose_device(wish: str) -> torch.device:
    """The device for auto, cpu or cuda.

    Raises:
        BadSpec: cuda was asked for and there is none.
    """
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise BadSpec("--device cuda: this machine has no usable GPU; use --device cpu or auto")
    return torch.device(wish)


def make_deterministic(seed: int, num_threads: int | None) -> None:
    """Seed torch's own generators and choose algorithms that give the same bits each time.

    On a GPU the few operations without such an algorithm only warn; resuming bit for bit is
    promised, and tested, for the CPU.
    """
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
