"""The net under training on this device; its gradients are the mean over all devices."""

import warnings
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import GradBucket
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from netaug_core.training.devices import Group


class Replica:
    """Runs the net; with several devices through torch's DistributedDataParallel.

    Each pass reads a slice of every weight, whichever net is drawn, so every weight has a gradient
    (zero outside the slice) and none has to be searched for.
    """

    def __init__(self, net: nn.Module, device: torch.device, group: Group) -> None:
        self._net = net
        self._parallel: DistributedDataParallel | None = None
        if group.is_alone:
            return
        is_gpu = device.type == "cuda"
        with warnings.catch_warnings():
            # torch has a new name for it since 2.14, which older ones do not know.
            warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
            self._parallel = DistributedDataParallel(
                net,
                device_ids=[device] if is_gpu else None,
                broadcast_buffers=False,  # the learner averages running statistics, once a step
            )
        if not is_gpu:
            self._parallel.register_comm_hook(group.rank.count, _mean_in_order)

    def __call__(self, images: Tensor) -> Tensor:
        net = self._net if self._parallel is None else self._parallel
        logits: Tensor = net(images)
        return logits

    def unreduced(self) -> AbstractContextManager[None]:
        """Passes inside add to this device's own gradients; the next one outside reduces all."""
        return nullcontext() if self._parallel is None else self._parallel.no_sync()


def _mean_in_order(count: int, bucket: GradBucket) -> Future[Tensor]:
    """Sums in the order of the ranks, so that the bits do not depend on how weights are grouped.

    DistributedDataParallel regroups them after its first step: a resumed run does so later than the
    undisturbed one, and a ring's order of additions depends on where in a group a weight lies.
    """
    gradients = bucket.buffer()
    received = [torch.empty_like(gradients) for _ in range(count)]
    work = dist.all_gather(received, gradients, async_op=True)

    def add_up(_: Future[list[Tensor]]) -> Tensor:
        gradients.copy_(received[0])
        for other in received[1:]:
            gradients.add_(other)
        return gradients.div_(count)

    return work.get_future().then(add_up)
