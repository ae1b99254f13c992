"""Whether a network can be trained as a spec asks, told before any training. Torch-free."""

import itertools
from functools import lru_cache

from pydantic_core import PydanticCustomError

from netaug_core.architectures import Architecture
from netaug_core.regularisers import drop_path_rates, last_map_size
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.model import ModelSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.vocabulary import strided
from netaug_core.widths import Multipliers, augmented, smallest


def check(architecture: Architecture, input_size: int, augment: AugmentSpec | None) -> None:
    """Judge the network, its input and its augmentation together.

    Raises:
        PydanticCustomError: the image shrinks to nothing, or multipliers make no difference.
    """
    least = least_input_size(architecture)
    if input_size < least:
        raise PydanticCustomError(
            "input_too_small",
            "model.input_size {size} is too small for the strides of {name}, which halve the image "
            "{halvings} times: give at least {least}, or use stem_stride 1",
            {
                "size": input_size,
                "name": architecture.name,
                "halvings": strides(architecture).count(2),
                "least": least,
            },
        )
    if augment is not None:
        _check_augmented_input(input_size, least, augment)
        _check_multipliers(architecture, augment)


def check_devices(
    num_devices: int, batch_size: int, training: TrainingSpec, augment: AugmentSpec | None
) -> None:
    """Judge whether several devices can share a training.

    Raises:
        PydanticCustomError: the batch cannot be divided, or the devices could not share statistics.
    """
    if num_devices == 1:
        return
    if batch_size % num_devices or batch_size < 2 * num_devices:
        raise PydanticCustomError(
            "indivisible_batch",
            "data.batch_size must be a multiple of {count}, the number of devices, and give each "
            "at least 2 images; got {batch_size}",
            {"count": num_devices, "batch_size": batch_size},
        )
    draws_apart = augment is not None and augment.sample_per_device
    if training.batch_norm == "all_devices" and draws_apart:
        raise PydanticCustomError(
            "unshared_statistics",
            "training.batch_norm: all_devices needs the same network on each device, and "
            "augment.sample_per_device is true; set one of them back to its default",
            {},
        )


def check_regularisers(
    architecture: Architecture, model: ModelSpec, augment: AugmentSpec | None
) -> None:
    """Judge drop path and DropBlock in the network as they are asked for.

    Raises:
        PydanticCustomError: there is no shortcut to take, or no map that holds a square.
    """
    if model.drop_path and not drop_path_rates(architecture, model.drop_path):
        raise PydanticCustomError(
            "no_shortcut",
            "model.drop_path {rate} needs a block with a shortcut, and {name} has none: set "
            "drop_path to 0, or give a block stride 1 and as many channels as the one before it",
            {"rate": model.drop_path, "name": architecture.name},
        )
    if model.drop_block:
        _check_squares(architecture, model, model.input_size, "model.input_size")
        if augment is not None:
            size = augmented_input_size(model.input_size, augment)
            _check_squares(architecture, model, size, "augment.input_scale")


def augmented_input_size(input_size: int, augment: AugmentSpec) -> int:
    """Side of what the augmented pass sees."""
    return round(input_size * augment.input_scale)


def least_input_size(architecture: Architecture) -> int:
    """The smallest image of which every stride still has two pixels to halve."""
    return next(size for size in itertools.count(1) if _fits(size, architecture))


def strides(architecture: Architecture) -> list[int]:
    """Of every layer and block that reads an image, in running order."""
    layers = [architecture.stem, architecture.pool, *architecture.blocks, architecture.final]
    return [layer.stride for layer in layers if layer is not None]


def _fits(size: int, architecture: Architecture) -> bool:
    for stride in strides(architecture):
        if size < stride:
            return False
        size = strided(size, stride)
    return True


def _check_augmented_input(input_size: int, least: int, augment: AugmentSpec) -> None:
    augmented_size = augmented_input_size(input_size, augment)
    if augmented_size < least:
        raise PydanticCustomError(
            "augmented_input_too_small",
            "augment.input_scale {scale} leaves {size} of {input_size} pixels, and the strides of "
            "the network need {least}: raise input_scale or model.input_size",
            {
                "scale": augment.input_scale,
                "size": augmented_size,
                "input_size": input_size,
                "least": least,
            },
        )


def _check_squares(
    architecture: Architecture, model: ModelSpec, input_size: int, field: str
) -> None:
    side = last_map_size(architecture, input_size)
    if side < model.drop_block_size:
        raise PydanticCustomError(
            "drop_block_too_large",
            "model.drop_block_size {size} is larger than the map that the last block of {name} "
            "makes of {input_size} pixels, which has a side of {side}: give at most {most}, or "
            "raise {field}",
            {
                "size": model.drop_block_size,
                "name": architecture.name,
                "input_size": input_size,
                "side": side,
                "most": side if side % 2 else side - 1,
                "field": field,
            },
        )


def _check_multipliers(architecture: Architecture, augment: AugmentSpec) -> None:
    for field in ("width_multipliers", "expand_multipliers"):
        multipliers: tuple[float, ...] = getattr(augment, field)
        alike = _first_alike(architecture, field, multipliers)
        if alike is not None:
            low, high = alike
            raise PydanticCustomError(
                "multipliers_collapse",
                "augment.{field}: {low} and {high} give {name} the same channels everywhere; "
                "leave one of them out, or [1.0] alone if the network has nothing to widen",
                {"field": field, "low": low, "high": high, "name": architecture.name},
            )


# Most specs of an installation share few networks, and this is most of what a check costs.
@lru_cache(maxsize=256)
def _first_alike(
    architecture: Architecture, field: str, multipliers: tuple[float, ...]
) -> tuple[float, float] | None:
    """Two neighbours that make no difference to the network."""
    networks = [_at(architecture, field, multiplier) for multiplier in multipliers]
    for (low, high), (narrow, wide) in zip(
        itertools.pairwise(multipliers), itertools.pairwise(networks), strict=True
    ):
        if narrow == wide:
            return low, high
    return None


def _at(architecture: Architecture, field: str, multiplier: float) -> Architecture:
    """The network with one multiplier on one axis."""
    one, other = (multiplier,), (1.0,)
    is_width = field == "width_multipliers"
    multipliers = Multipliers(one, other) if is_width else Multipliers(other, one)
    return augmented(
        architecture,
        architecture,
        multipliers,
        choose_width=smallest,
        choose_expand=smallest,
    )
