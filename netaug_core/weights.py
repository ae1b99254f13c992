"""Weights that a job starts or learns from, found by reference. Reads headers; knows no torch.

A reference is a finished job's id, or the path of a .safetensors file below a data root.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from netaug_core import safetensors_header
from netaug_core.datasets import file_digest
from netaug_core.errors import BadSpec
from netaug_core.safetensors_header import Header, NotSafetensors
from netaug_core.sections.training import DistillationSpec, PretrainedSpec

PRETRAINED = "pretrained.weights"
TEACHER = "distillation.teacher"
MODEL_FILE = "model.safetensors"  # the artifact of a finished job, as in export/names.py
SUFFIX = ".safetensors"
JOB_ID = re.compile(r"job_[0-9a-z-]{1,60}")
MAX_FILE_BYTES = 2 << 30  # for large teachers: the tiny networks themselves have megabytes


class Preprocessing(BaseModel):
    """How a network's input is made of a picture of 0..1."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    input_size: int = Field(ge=1, le=4096)
    channels: int = Field(ge=1, le=16)
    mean: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]
    std: tuple[Annotated[float, Field(gt=0.0, allow_inf_nan=False)], ...]

    @model_validator(mode="after")
    def _one_of_each_a_channel(self) -> Self:
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError("mean and std need one number a channel")
        return self


_CLASSES = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that is there and whose header is sound.

    Attributes:
        field: the field of the spec that names it.
        reference: what that field says.
    """

    field: str
    reference: str
    path: Path
    header: Header

    def wrong(self, sentence: str) -> BadSpec:
        """An error that names the field and the file; `sentence` goes on after the file's name."""
        return BadSpec(f"{self.field}: {self.reference} {sentence}")

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the whole file, in hexadecimal."""
        return file_digest(self.path)

    @cached_property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes of its classifier; None if the file does not say.

        Raises:
            BadSpec: the metadata is damaged.
        """
        text = self.header.metadata.get("classes")
        try:
            return None if text is None else _CLASSES.validate_json(text)
        except ValidationError as error:
            raise self.wrong("has damaged metadata: classes is no JSON list of names") from error

    @cached_property
    def preprocessing(self) -> Preprocessing | None:
        """How its network's input is made; None if the file does not say.

        Raises:
            BadSpec: the metadata is damaged.
        """
        text = self.header.metadata.get("preprocessing")
        try:
            return None if text is None else Preprocessing.model_validate_json(text)
        except ValidationError as error:
            raise self.wrong(
                "has damaged metadata: preprocessing needs input_size, channels, mean and std"
            ) from error


@dataclass(frozen=True)
class Inputs:
    """The files that a spec names."""

    pretrained: WeightsFile | None = None
    teacher: WeightsFile | None = None

    def lineage(self) -> dict[str, dict[str, str]]:
        """What the trained network comes from, by field: the reference and the file's SHA-256."""
        return {
            file.field: {"reference": file.reference, "sha256": file.sha256}
            for file in (self.pretrained, self.teacher)
            if file is not None
        }


def find_inputs(
    pretrained: PretrainedSpec | None,
    distillation: DistillationSpec | None,
    *,
    roots: Sequence[Path],
    inputs: Path | None,
) -> Inputs:
    """The files that these sections of a spec name; see `find` for the arguments.

    Raises:
        BadSpec: one of them cannot be used.
    """
    found = {
        field: find(reference, field=field, roots=roots, inputs=inputs)
        for field, reference in references(pretrained, distillation)
    }
    return Inputs(found.get(PRETRAINED), found.get(TEACHER))


def references(
    pretrained: PretrainedSpec | None, distillation: DistillationSpec | None
) -> Iterator[tuple[str, str]]:
    """The fields that name weights, each with what it says."""
    if pretrained is not None:
        yield PRETRAINED, pretrained.weights
    if distillation is not None:
        yield TEACHER, distillation.teacher


def is_job(reference: str) -> bool:
    """Whether it is a job's id and no path."""
    return JOB_ID.fullmatch(reference) is not None


def staged(inputs: Path, job_id: str) -> Path:
    """Where a job's weights lie in the directory of an attempt's inputs."""
    return inputs / f"{job_id}{SUFFIX}"


def find(reference: str, *, field: str, roots: Sequence[Path], inputs: Path | None) -> WeightsFile:
    """The file of a reference, with its header.

    Args:
        reference: a job's id, or a path below a data root.
        field: the field of the spec that says so.
        roots: the data roots, searched in order.
        inputs: the directory that holds `<job id>.safetensors`; None without a service.

    Raises:
        BadSpec: it is not there, is reached through a link, is too large, or is no safetensors
            file.
    """
    path = (
        _of_job(reference, field, inputs) if is_job(reference) else _below(reference, field, roots)
    )
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise BadSpec(
            f"{field}: {reference} has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read"
        )
    try:
        header = safetensors_header.read(path)
    except NotSafetensors as error:
        raise BadSpec(f"{field}: {reference} {error}") from error
    return WeightsFile(field, reference, path, header)


def _of_job(job_id: str, field: str, inputs: Path | None) -> Path:
    if inputs is None:
        raise BadSpec(
            f"{field}: {job_id} is a job of a service; without one, give --inputs DIR that holds "
            f"{job_id}{SUFFIX}, or the path of a file below a data root (--data DIR)"
        )
    path = staged(inputs, job_id)
    if path.is_symlink() or not path.is_file():
        raise BadSpec(f"{field}: there is no file {path.name} in {inputs}")
    return path


def _below(reference: str, field: str, roots: Sequence[Path]) -> Path:
    for root in roots:
        path = root / reference
        if not path.is_file():
            continue
        if path.resolve() != root.resolve() / reference:
            raise BadSpec(
                f"{field}: {reference} is reached through a link or leaves the data root; put the "
                "file itself below the data root"
            )
        return path
    raise BadSpec(
        f"{field}: there is no file {reference} below the data root; give the path of a "
        f"{MODEL_FILE} there, or the id of a job that has succeeded"
    )
