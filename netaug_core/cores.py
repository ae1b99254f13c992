"""How many CPU cores a process may use."""

import os


def usable_cores() -> int:
    """Cores this process may run on: fewer than the machine's under taskset, a cpuset, Slurm."""
    return len(os.sched_getaffinity(0))
