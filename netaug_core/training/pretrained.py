"""Starting from trained weights: every tensor must fit, and nothing is skipped in silence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from netaug_core.augment.supernet import Supernet
from netaug_core.models.network import Network, build
from netaug_core.sections.training import PretrainedSpec
from netaug_core.weights import WeightsFile

HEAD = "classifier."
STEM = "stem.conv.weight"
VARIANCE = ".running_var"
SHOWN_NAMES = 20
MOST_LISTED = 1000  # tensors that do not fit; the widest family has fewer
MOST_NAME = 100


def load_into(
    net: Network | Supernet,
    pretrained: PretrainedSpec,
    file: WeightsFile,
    *,
    class_names: Sequence[str],
) -> None:
    """Copy a file's weights and running statistics into a network that is initialised already.

    A supernet takes them into its leading slice, the tiny net; its further channels, and a new
    head, stay as they were initialised.

    Args:
        net: before it is compiled, wrapped for several devices or given to an optimizer's step.
        pretrained: what becomes of the classifier.
        file: as `weights.find` found it.
        class_names: of the dataset, in the classifier's order.

    Raises:
        BadSpec: the file does not fit the network or the dataset, or holds a number that is not
            finite.
    """
    check_channels(net.architecture.in_channels, file)
    if pretrained.head == "keep":
        check_classes(file, class_names)
    wanted = _tiny_tensors(net, pretrained)
    _check_tensors(wanted, file, pretrained)
    copy_into(net, wanted, read(file))


def copy_into(
    net: nn.Module | Supernet[Any, Any], names: Iterable[str], loaded: Mapping[str, Tensor]
) -> None:
    """Copy these tensors into a network; a supernet takes them into its tiny net."""
    tensors = {name: loaded[name] for name in names}
    if isinstance(net, Supernet):
        net.load_base(tensors)
    else:
        net.load_state_dict(tensors, strict=False)  # what is missing is meant to be


def check_finite(file: WeightsFile, tensors: Mapping[str, Tensor]) -> None:
    """Raise BadSpec if a tensor of the file cannot be part of a sound network."""
    bad = [name for name, tensor in tensors.items() if not _is_sound(name, tensor)]
    if bad:
        more = f" and {len(bad) - SHOWN_NAMES} more" if len(bad) > SHOWN_NAMES else ""
        raise file.wrong(
            f"holds NaN, infinity or a negative variance in {', '.join(bad[:SHOWN_NAMES])}"
            f"{more}; take the weights of a training that did not diverge"
        )


def _is_sound(name: str, tensor: Tensor) -> bool:
    negative = name.endswith(VARIANCE) and bool((tensor < 0).any())
    return bool(torch.isfinite(tensor).all()) and not negative


def read(file: WeightsFile) -> dict[str, Tensor]:
    """Its tensors.

    Raises:
        BadSpec: they cannot be read, or cannot be part of a sound network.
    """
    try:
        tensors = load_file(file.path)
    except (SafetensorError, OSError) as error:
        raise file.wrong(f"cannot be read: {error}") from error
    check_finite(file, tensors)
    return tensors


def _tiny_tensors(net: Network | Supernet, pretrained: PretrainedSpec) -> dict[str, Tensor]:
    """The tensors to load, by name and at the tiny net's shapes; they have no content."""
    with torch.device("meta"):
        tensors = build(net.architecture).state_dict()
    keep = pretrained.head == "keep"
    return {name: t for name, t in tensors.items() if keep or not name.startswith(HEAD)}


def check_channels(wanted: int, file: WeightsFile) -> None:
    """Raise BadSpec if its network reads pictures of other than `wanted` channels."""
    stem = file.header.tensors.get(STEM)
    if stem is not None and len(stem.shape) == 4 and stem.shape[1] != wanted:
        raise file.wrong(
            f"reads pictures of {stem.shape[1]} channels, the dataset's have {wanted}; start from "
            f"a network that was trained on pictures of {wanted} channels"
        )


def check_classes(file: WeightsFile, class_names: Sequence[str]) -> None:
    """Raise BadSpec if its classes are not these."""
    known = file.class_names
    if known is None:
        raise file.wrong(
            "does not say which classes its head has; set pretrained.head to new, or add the "
            "metadata `classes`, a JSON list of their names"
        )
    if known != tuple(class_names):
        raise file.wrong(
            f"has other classes than the dataset: {compare_classes(known, class_names)}; set "
            "pretrained.head to new, or use the dataset that it was trained on"
        )


def compare_classes(known: Sequence[str], class_names: Sequence[str]) -> str:
    """Both sides of a difference: how many, and the first class in which they differ."""
    counts = f"it has {len(known)}, the dataset {len(class_names)}"
    for index, (one, other) in enumerate(zip(known, class_names, strict=False)):
        if one != other:
            return f"{counts}; class {index} is {one[:60]!r} there and {other[:60]!r} here"
    longer = known if len(known) > len(class_names) else class_names
    only = longer[min(len(known), len(class_names))]
    where = "there" if longer is known else "in the dataset"
    return f"{counts}; {only[:60]!r} is only {where}"


def _check_tensors(
    wanted: Mapping[str, Tensor], file: WeightsFile, pretrained: PretrainedSpec
) -> None:
    keep = pretrained.head == "keep"
    check_tensors(wanted, file, is_spare=lambda name: not keep and name.startswith(HEAD))


def check_tensors(
    wanted: Mapping[str, Tensor], file: WeightsFile, *, is_spare: Callable[[str], bool]
) -> None:
    """Raise BadSpec, which lists them, if tensors are missing, of another shape, or unknown.

    Args:
        wanted: by name.
        file: may have more, if `is_spare` says so of the name.
        is_spare: whether a tensor that is not wanted may be left.
    """
    misfits = list(_misfits(wanted, file, is_spare))
    if not misfits:
        return
    listed = "".join(f"\n  {misfit}" for misfit in misfits[:MOST_LISTED])
    if len(misfits) > MOST_LISTED:  # a file from elsewhere may hold any number
        listed += f"\n  and {len(misfits) - MOST_LISTED:,} more"
    raise file.wrong(
        "does not fit this network; use the model section that it was trained with. "
        f"{len(misfits)} tensors differ:{listed}"
    )


def _misfits(
    wanted: Mapping[str, Tensor], file: WeightsFile, is_spare: Callable[[str], bool]
) -> Iterator[str]:
    held = file.header.tensors
    for name, tensor in wanted.items():
        shape, entry = tuple(tensor.shape), held.get(name)
        if entry is None:
            yield f"{name}: missing in the file, {_shape(shape)} in the network"
        elif entry.shape != shape:
            yield f"{name}: {_shape(entry.shape)} in the file, {_shape(shape)} in the network"
        elif _is_float(entry.dtype) != tensor.is_floating_point():
            yield f"{name}: {entry.dtype} in the file, {tensor.dtype} in the network"
    for name, entry in held.items():
        if name not in wanted and not is_spare(name):
            printable = ascii(name[:MOST_NAME])[1:-1]  # a stranger's: no line breaks, no escapes
            yield f"{printable}: {_shape(entry.shape)} in the file, not in the network"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _is_float(dtype: str) -> bool:
    return dtype.startswith(("F", "BF"))
