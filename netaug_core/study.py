"""A study as data: models x methods x seeds, each a job spec. Torch-free.

A job's document is `job`, below the model's overlay, below the method's, below the seed.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from netaug_core import study_metric
from netaug_core.documents import sentences
from netaug_core.placeholders import MARK, replace
from netaug_core.presets import merge
from netaug_core.sections.fields import Count, Section
from netaug_core.spec import JobSpec
from netaug_core.study_metric import Metric

Document = dict[str, Any]
StudyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,23}$")]

# "@big-{model}" names another teacher for each model, "@big-{seed}" one for each seed.
MODEL_MARK, SEED_MARK = "{model}", "{seed}"
MAX_JOBS = 2000
NOT_TRAINED_YET = "job_0"  # in a teacher's place while the grid is checked


@dataclass(frozen=True)
class Cell:
    """One place of the grid: one job."""

    model: str
    method: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model} {self.method} seed {self.seed}"


class StudySpec(Section):
    """A comparison of training methods, fair because everything else is the same."""

    name: StudyName
    baseline: Label = Field(description="The method that the others are compared with.")
    references: tuple[Label, ...] = Field(
        (), max_length=8, description="Further methods that the others are compared with."
    )
    metric: Metric = Field(
        "test_accuracy", description="A score in the jobs' results; which there are, the task says."
    )
    job: Document = Field(description="What all jobs share: a job's document, or part of one.")
    models: dict[Label, Document] = Field(min_length=1, description="Overlays on `job`.")
    methods: dict[Label, Document] = Field(min_length=1, description="Overlays on a model.")
    teachers: dict[Label, Document] = Field(
        default_factory=dict,
        description="Overlays on `job`, each trained once and first. `@name` in a job's document "
        "becomes the finished job's id; `{model}` in it is the model's name, `{seed}` the seed.",
    )
    seeds: tuple[Annotated[Count, Field(ge=0, lt=2**31)], ...] = Field(min_length=1)

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise PydanticCustomError(
                "seed_twice", "a seed twice is the same job twice; name each once", {}
            )
        return seeds

    @model_validator(mode="after")
    def _references_exist(self) -> "StudySpec":
        for name in (self.baseline, *self.references):
            if name not in self.methods:
                raise PydanticCustomError(
                    "unknown_method",
                    "the methods are compared with {name}, and there is no such method; choose "
                    "one of {choices}",
                    {"name": name, "choices": ", ".join(self.methods)},
                )
        if len({self.baseline, *self.references}) <= len(self.references):
            raise PydanticCustomError(
                "reference_twice", "baseline and references must all differ", {}
            )
        return self

    @model_validator(mode="after")
    def _jobs_are_valid(self) -> "StudySpec":
        count = len(self.models) * len(self.methods) * len(self.seeds)
        if count > MAX_JOBS:
            raise PydanticCustomError(
                "study_too_large",
                "{count} jobs are too many for one study; the most is {most}",
                {"count": count, "most": MAX_JOBS},
            )
        problems = [*self._problems()]
        if problems:
            raise PydanticCustomError(
                "bad_jobs", "{problems}", {"problems": "\n".join(problems)[:10_000]}
            )
        return self

    def _problems(self) -> list[str]:
        """One line a wrong field of a wrong job; of the seeds, the first stands for all."""
        seed, problems = self.seeds[0], []
        for name in self.teachers:
            problems += _wrong(f"teacher {name}", partial(self.teacher_spec, name))
        for model, method in itertools.product(self.models, self.methods):
            where = f"model {model}, method {method}"
            cell = Cell(model, method, seed)
            if _seed(self._document(cell)) != _seed(self.job):
                problems.append(f"{where}: training.seed comes from seeds; leave it out")
            problems += _wrong(where, partial(self._check_job, cell))
        return problems

    def _check_job(self, cell: Cell) -> None:
        """Judge a job before there are teachers.

        Raises:
            ValueError: see `job_spec`; or the job does not measure the metric, or another seed's
                teacher is not there.
        """
        stand_ins = dict.fromkeys(self.teachers, NOT_TRAINED_YET)
        study_metric.check(self.metric, self.job_spec(cell, stand_ins))
        for seed in self.seeds:
            self.teachers_of(Cell(cell.model, cell.method, seed))

    def cells(self) -> tuple[Cell, ...]:
        """All jobs, seed by seed: a study cut short has whole comparisons of its first seeds."""
        return tuple(
            Cell(model, method, seed)
            for seed, model, method in itertools.product(self.seeds, self.models, self.methods)
        )

    def teachers_of(self, cell: Cell) -> frozenset[str]:
        """The teachers that a job needs.

        Raises:
            ValueError: the document names one that the study has not.
        """
        found: set[str] = set()
        replace(self._document(cell), lambda name: found.add(self._teacher(name, cell)))
        return frozenset(found)

    def job_spec(self, cell: Cell, teachers: Mapping[str, str]) -> JobSpec:
        """The job of a cell, with the ids of the teachers' finished jobs.

        Raises:
            ValueError: it is no valid job (a pydantic ValidationError), or names a teacher that
                the study has not.
        """
        document = replace(self._document(cell), lambda name: teachers[self._teacher(name, cell)])
        own = {
            "name": f"{self.name} {cell.model} {cell.method} {cell.seed}",
            "tags": _tagged(document, self.tags(cell)),
        }
        return JobSpec.model_validate(merge(document, {**own, "training": {"seed": cell.seed}}))

    def teacher_spec(self, name: str) -> JobSpec:
        """The job of a teacher.

        Raises:
            ValueError: it is no valid job (a pydantic ValidationError), or has a teacher itself.
        """
        document = replace(merge(self.job, self.teachers[name]), _no_teacher)
        own = {
            "name": f"{self.name} teacher {name}",
            "tags": _tagged(document, self.teacher_tags(name)),
        }
        return JobSpec.model_validate(merge(document, own))

    @property
    def tag(self) -> str:
        return f"study:{self.name}"

    def tags(self, cell: Cell) -> tuple[str, ...]:
        own = (f"model:{cell.model}", f"method:{cell.method}", f"seed:{cell.seed}")
        return (self.tag, *own)

    def teacher_tags(self, name: str) -> tuple[str, ...]:
        return (self.tag, f"teacher:{name}")

    def _document(self, cell: Cell) -> Document:
        return merge(merge(self.job, self.models[cell.model]), self.methods[cell.method])

    def _teacher(self, written: str, cell: Cell) -> str:
        name = written.replace(MODEL_MARK, cell.model).replace(SEED_MARK, str(cell.seed))
        if name not in self.teachers:
            known = ", ".join(self.teachers) or "none"
            raise ValueError(f"{MARK}{name}: no such teacher; the study has {known}")
        return name


def _wrong(where: str, check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ValidationError as error:
        return [f"{where}: {line}" for line in sentences(error)]
    except ValueError as error:
        return [f"{where}: {error}"]
    return []


def _seed(document: Document) -> object:
    training = document.get("training")
    return training.get("seed") if isinstance(training, Mapping) else None


def _no_teacher(name: str) -> str:
    raise ValueError(f"{MARK}{name}: a teacher has no teacher; use a finished job's id")


def _tagged(document: Document, own: tuple[str, ...]) -> object:
    tags = document.get("tags", [])
    return [*tags, *own] if isinstance(tags, list) else tags  # the spec refuses anything else
