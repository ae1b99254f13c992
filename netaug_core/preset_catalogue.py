"""The presets to choose from: what each is for, and the whole spec it stands for. Torch-free."""

from dataclasses import dataclass
from typing import Any

from netaug_core.presets import PRESETS, Document, nearest
from netaug_core.spec import JobSpec

WEIGHTS_TO_COME = "job_to-be-named"  # stands in while a spec that needs weights is checked


class UnknownPreset(Exception):
    """There is no preset of this name."""


@dataclass(frozen=True)
class PresetInfo:
    """A preset in a list."""

    name: str
    model: str
    dataset: str
    description: str


@dataclass(frozen=True)
class Preset(PresetInfo):
    """A preset with all that it says.

    Attributes:
        needs: fields that only its user knows; `spec` lacks them.
        spec: a job's spec with every default filled in.
    """

    needs: tuple[str, ...]
    spec: Document


def catalogue() -> list[PresetInfo]:
    """All presets, by name."""
    return [_info(name) for name in sorted(PRESETS)]


def find(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UnknownPreset: there is none; the message names the most similar one.
    """
    if name not in PRESETS:
        raise UnknownPreset(
            f"there is no preset {name[:100]!r}, the most similar is {nearest(name)}; "
            "`netaug presets list` and `GET /v1/presets` show all"
        )
    needs, spec = _whole_spec(name)
    return Preset(**vars(_info(name)), needs=needs, spec=spec)


def _info(name: str) -> PresetInfo:
    document = PRESETS[name]
    return PresetInfo(
        name=name,
        model=document["model"]["name"],
        dataset=document["data"]["dataset"],
        description=_describe(document),
    )


def _describe(document: Document) -> str:
    model, training = document["model"], document["training"]
    if "pretrained" in document:
        purpose = f"fine-tune trained weights, new head, dropout {model['dropout']:g}"
    elif document["augment"] is None:
        purpose = "the plain network, as NetAug is compared with"
    else:
        widths = " ".join(f"{width:g}" for width in document["augment"]["width_multipliers"])
        purpose = f"NetAug, widths x {widths}"
    return (
        f"{purpose}; {model['input_size']} pixels, {training['epochs']} epochs, "
        f"batch {document['data']['batch_size']}, rate {training['learning_rate']:g}"
    )


def _whole_spec(name: str) -> tuple[tuple[str, ...], Document]:
    """The fields that are left to the user, and the spec without them."""
    document: dict[str, Any] = {"name": name.replace("/", "-"), "preset": name}
    if "pretrained" not in PRESETS[name]:
        return (), JobSpec.model_validate(document).model_dump(mode="json")
    document["pretrained"] = {"weights": WEIGHTS_TO_COME}
    spec = JobSpec.model_validate(document).model_dump(mode="json")
    del spec["pretrained"]["weights"]
    return ("pretrained.weights",), spec
