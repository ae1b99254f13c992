"""What would make a network fit its target: smaller ones are tried, none is guessed. Torch-free."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from netaug_core.deployment import shortfalls
from netaug_core.deployment.profile import Needs, needs
from netaug_core.families.registry import FAMILIES
from netaug_core.graph import arena, building
from netaug_core.sections.target import Limits
from netaug_core.spec import JobSpec

SIZE_STEP = 8  # pixels between the input sizes that are tried
DETECTOR_STEP = 32  # a detector's coarsest cell
WIDTHS = tuple(hundredths / 100 for hundredths in range(10, 400, 5))
COMBINED_WIDTHS = (0.75, 0.5, 0.35, 0.25, 0.1)  # tried with smaller inputs
STEM_STRIDE = 2

Change = int | float
Model = Mapping[str, Change]  # changes of the section `model`


@dataclass(frozen=True)
class Remedy:
    """Changes of a spec with which its network fits.

    Attributes:
        changes: new values, by the fields' names as `--set` takes them.
        needs: the network's, then.
    """

    changes: Mapping[str, Change]
    needs: Needs


def find(
    spec: JobSpec, limits: Limits, *, num_classes: int, in_channels: int
) -> tuple[Remedy, ...]:
    """The largest input that fits, the largest width, the stem's stride: each if it is enough.

    Where no single change is, the first of a few widths that fits at a smaller input.
    """

    def trial(model: Model) -> Needs | None:
        """What the changed network needs, if the target has it."""
        changed = spec.model_copy(update={"model": spec.model.model_copy(update=model)})
        table = changed.table(num_classes=num_classes, in_channels=in_channels)
        graph = building.of_table(table, changed.model.input_size)
        least = needs(graph, max(arena.alive_bytes(graph).values()))
        if shortfalls.of(least, limits):
            return None
        needed = needs(graph, arena.plan(graph).size_bytes)
        return None if shortfalls.of(needed, limits) else needed

    def remedies(candidates: Sequence[Model]) -> list[Remedy]:
        found = _largest(candidates, trial)
        return [_remedy(*found)] if found and _is_valid(spec, found[0]) else []

    single = [*remedies(_sizes(spec)), *remedies(_widths(spec)), *remedies(_strides(spec))]
    if single:
        return tuple(single)
    for least in _combined(spec):
        both = remedies([{**size, **least} for size in _sizes(spec)])
        if both:
            return tuple(both)
    return ()


def _largest(
    candidates: Sequence[Model], trial: Callable[[Model], Needs | None]
) -> tuple[Model, Needs] | None:
    """The last candidate that fits, of such as need ever more; by bisection."""
    found = None
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        needed = trial(candidates[middle])
        if needed is None:
            high = middle
        else:
            found, low = (candidates[middle], needed), middle + 1
    return found


def _remedy(model: Model, needed: Needs) -> Remedy:
    return Remedy({f"model.{name}": value for name, value in model.items()}, needed)


def _is_valid(spec: JobSpec, model: Model) -> bool:
    document = spec.model_dump(mode="json")
    try:
        JobSpec.model_validate({**document, "model": {**document["model"], **model}})
    except ValidationError:
        return False
    return True


def _sizes(spec: JobSpec) -> list[Model]:
    step = SIZE_STEP if spec.detection is None else DETECTOR_STEP
    return [{"input_size": size} for size in range(step, spec.model.input_size, step)]


def _widths(spec: JobSpec) -> list[Model]:
    family = FAMILIES.get(spec.model.name)
    if family is None or family.is_fixed:
        return []
    return [{"width": width} for width in WIDTHS if width < spec.model.width]


def _strides(spec: JobSpec) -> list[Model]:
    is_small = spec.model.stem_stride < STEM_STRIDE
    return [{"stem_stride": STEM_STRIDE}] if is_small else []


def _combined(spec: JobSpec) -> list[Model]:
    """What may go with a smaller input, the least change first."""
    stride: Model = dict(*_strides(spec))
    narrower = {one["width"] for one in _widths(spec)}
    widths = [width for width in COMBINED_WIDTHS if width in narrower]
    return [*([stride] if stride else []), *({"width": width, **stride} for width in widths)]
