"""Device, threads and seeds: what makes two runs of a spec the same run."""

import torch

from netaug_core.errors import BadSpec


def choose_device(wish: str, number: int | None = None) -> torch.device:
    """The device for auto, cpu or cuda.

    Args:
        wish: one of these.
        number: of the GPU, for one of several processes on this machine.

    Raises:
        BadSpec: cuda was asked for and there is none, or not as many as processes.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    if wish == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise BadSpec("--device cuda: this machine has no usable GPU; use --device cpu or auto")
    if number is None:
        return torch.device("cuda")
    if number >= torch.cuda.device_count():
        raise BadSpec(
            f"--devices: process {number} (counted from 0) of this machine has no GPU of its own, "
            f"there are {torch.cuda.device_count()}; start fewer"
        )
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return device


def make_deterministic(seed: int, num_threads: int | None) -> None:
    """Seed torch's own generators and choose algorithms that give the same bits each time.

    On a GPU the few operations without such an algorithm only warn; resuming bit for bit is
    promised, and tested, for the CPU.
    """
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    torch.manual_seed(seed)
    # As use_deterministic_algorithms, which would also load the compiler: two seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
