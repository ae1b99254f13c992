"""Generated detection datasets in true VOC or COCO form, the same for the same seed.

A picture depends on the seed, its part and its number alone: a larger set has the smaller within.
Another version of NumPy, Pillow or libjpeg-turbo may change a byte; the digest tells.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # its stubs are not marked as types

from netaug_core.data.detection.coco_writer import write_coco
from netaug_core.data.detection.folder import digest, read_detection_folder
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc import PICTURES
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.data.scenes import fashion, stamps
from netaug_core.data.scenes.backgrounds import Backgrounds, read_backgrounds
from netaug_core.data.scenes.composition import Scene, compose
from netaug_core.data.scenes.crops import write_crops
from netaug_core.data.scenes.cutouts import Cutouts
from netaug_core.datasets import folder_digest
from netaug_core.errors import BadSpec

Kind = Literal["fashion-scenes", "stamps-scenes"]
Written = Literal["voc", "coco", "crops"]
STREAM = 0x7363_656E  # draws of its own, apart from every other use of the seed
QUALITY, SUBSAMPLING = 95, "444"  # of the JPEG files: an edge keeps its colour
LEAST_SIDE, MOST_SIDE = 32, 1024
MOST_PICTURES = 1_000_000
ABOUT_FILE = "scenes.json"
NAMES: dict[Kind, tuple[str, ...]] = {
    "fashion-scenes": fashion.NAMES,
    "stamps-scenes": stamps.NAMES,
}
LICENCES: dict[Kind, str] = {
    "fashion-scenes": "MIT (Fashion-MNIST); CC BY 2.0 (photos by way of scikit-learn)",
    "stamps-scenes": "GPL-2 (Tux Paint stamps); CC BY 2.0 (photos by way of scikit-learn)",
}


@dataclass(frozen=True)
class ScenesPlan:
    """What is to be written.

    Attributes:
        size: side of the pictures in pixels.
        classes: the only ones, by name; none given: all.
        stamps: where Tux Paint's stamps are.
        data_roots: where Fashion-MNIST is looked for, besides the place of its Debian package.
    """

    kind: Kind
    seed: int = 0
    num_train: int = 2_000
    num_test: int = 500
    size: int = 256
    classes: Sequence[str] = ()
    stamps: Path = stamps.DIRECTORY
    data_roots: Sequence[Path] = ()

    def check(self) -> None:
        """Raises: BadSpec: a number is out of its range."""
        for name, value, least, most in (
            ("seed", self.seed, 0, 2**63 - 1),
            ("num_train", self.num_train, 1, MOST_PICTURES),
            ("num_test", self.num_test, 1, MOST_PICTURES),
            ("size", self.size, LEAST_SIDE, MOST_SIDE),
        ):
            if not least <= value <= most:
                raise BadSpec(f"{name} must be from {least} to {most}; got {value}")
        known = NAMES[self.kind]
        for name in self.classes:
            if name not in known:
                raise BadSpec(f"class: {self.kind} has no {name!r}; it has {', '.join(known)}")
        if len(set(self.classes)) < len(self.classes):
            raise BadSpec("class: name each once")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, in the order in which they are numbered."""
        return tuple(n for n in NAMES[self.kind] if not self.classes or n in self.classes)


@dataclass(frozen=True)
class WrittenScenes:
    """Attributes: digest: SHA-256 of all files of the dataset, as its readers know it."""

    kind: Kind
    form: Written
    seed: int
    num_train: int
    num_test: int
    size: int
    class_names: tuple[str, ...]
    digest: str
    licence: str


def write_scenes(
    plan: ScenesPlan, folder: Path, form: Written, *, told: Callable[[], None] = lambda: None
) -> WrittenScenes:
    """Make the pictures, write them, and read them back as any other dataset is read.

    Args:
        plan: what to make.
        folder: becomes the dataset; new, or empty.
        form: VOC has the lists trainval and test, COCO the parts train and val; crops is an
            ImageFolder of the objects one by one, for classification.
        told: is called after each picture.

    Raises:
        BadSpec: a number is out of its range, or the folder holds something.
        BadData: the objects or the backgrounds are not on this machine.
    """
    plan.check()
    _make_empty(folder)
    names, cutouts = _cutouts(plan)
    backgrounds = read_backgrounds()
    part_names = ("trainval", "test") if form == "voc" else ("train", "val")
    made = {
        name: _Part(plan, number, cutouts[number], backgrounds[number])
        for number, name in enumerate(part_names)
    }
    counts = dict(zip(part_names, (plan.num_train, plan.num_test), strict=True))
    if form == "crops":
        written = [
            write_crops(folder / name, part.scenes(counts[name], told), names)
            for name, part in made.items()
        ]
        return _told(plan, folder, form, written, names, folder_digest(folder))
    parts: dict[str, DetectionPart] = {}
    for name, part in made.items():
        pictures = folder / (PICTURES if form == "voc" else name)
        pictures.mkdir(exist_ok=True)
        parts[name] = part.write(pictures, name, counts[name], told)
    (write_voc if form == "voc" else write_coco)(folder, parts, names)
    return _read_back(plan, folder, form)


@dataclass(frozen=True)
class _Part:
    """Scenes of one part, made one after the other."""

    plan: ScenesPlan
    number: int
    cutouts: Cutouts
    backgrounds: Backgrounds

    def scenes(self, count: int, told: Callable[[], None]) -> Iterator[Scene]:
        for number in range(count):
            random = np.random.default_rng((STREAM, self.plan.seed, self.number, number))
            yield compose(random, self.cutouts, self.backgrounds, self.plan.size)
            told()

    def write(
        self, pictures: Path, name: str, count: int, told: Callable[[], None]
    ) -> DetectionPart:
        paths, annotations = [], []
        for number, scene in enumerate(self.scenes(count, told)):
            paths.append(pictures / f"{name}_{number:06d}.jpg")
            paths[-1].write_bytes(
                simplejpeg.encode_jpeg(scene.pixels, quality=QUALITY, colorsubsampling=SUBSAMPLING)
            )
            annotations.append(scene.annotation)
        return DetectionPart(tuple(paths), tuple(annotations))


def _make_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise BadSpec(f"{folder} must be a new or an empty folder; name another, or empty it")
    folder.mkdir(parents=True, exist_ok=True)


def _cutouts(plan: ScenesPlan) -> tuple[tuple[str, ...], tuple[Cutouts, Cutouts]]:
    if plan.kind == "fashion-scenes":
        return plan.names, fashion.read_garments(plan.data_roots, plan.names)
    return plan.names, stamps.read_stamps(plan.stamps, plan.names)


def _read_back(plan: ScenesPlan, folder: Path, form: Written) -> WrittenScenes:
    dataset = read_detection_folder(folder)
    counts = len(dataset.train), len(dataset.test)
    return _told(plan, folder, form, counts, dataset.class_names, digest(folder, dataset))


def _told(  # all that is told
    plan: ScenesPlan,
    folder: Path,
    form: Written,
    counts: Sequence[int],
    class_names: tuple[str, ...],
    content: str,
) -> WrittenScenes:
    """Beside the dataset too."""
    written = WrittenScenes(
        kind=plan.kind,
        form=form,
        seed=plan.seed,
        num_train=counts[0],
        num_test=counts[1],
        size=plan.size,
        class_names=class_names,
        digest=content,
        licence=LICENCES[plan.kind],
    )
    (folder / ABOUT_FILE).write_text(json.dumps(asdict(written), indent=2) + "\n")
    return written
