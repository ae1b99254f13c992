"""What a study's rows say: means with intervals, and differences paired by model and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netaug_client.studies import savings
from netaug_client.studies.results import Row
from netaug_client.studies.savings import Curve, Point, Saving
from netaug_core.statistics import (
    Estimate,
    PairedComparison,
    compare_pairs,
    estimate_mean,
)
from netaug_core.study import StudySpec
from netaug_core.study_metric import Metric


@dataclass(frozen=True)
class Group:
    """The jobs of one model and method that succeeded, by seed."""

    model: str
    method: str
    rows: Mapping[int, Row]
    num_planned: int  # one a seed
    metric: Metric

    @property
    def values(self) -> dict[int, float]:
        """The metric by seed, 0..1."""
        scores = {seed: row.score(self.metric) for seed, row in self.rows.items()}
        return {seed: score for seed, score in scores.items() if score is not None}

    @property
    def mean(self) -> Estimate | None:
        return estimate_mean(list(self.values.values())) if self.rows else None

    @property
    def seconds(self) -> Estimate | None:
        """Training time."""
        times = [row.train_seconds for row in self.rows.values() if row.train_seconds is not None]
        return estimate_mean(times) if times else None

    @property
    def epochs(self) -> int | None:
        """Of the longest run."""
        return max((row.epochs_run or 0 for row in self.rows.values()), default=None)

    @property
    def params(self) -> int | None:
        return next((row.params for row in self.rows.values()), None)

    @property
    def macs(self) -> int | None:
        return next((row.macs for row in self.rows.values()), None)


@dataclass(frozen=True)
class Comparison:
    """A method minus its reference, over the seeds that both have."""

    group: Group
    reference: Group
    pairs: PairedComparison | None  # None: no seed has both

    @property
    def differences(self) -> dict[int, float]:
        """By seed, 0..1."""
        own, other = self.group.values, self.reference.values
        return {seed: own[seed] - other[seed] for seed in own if seed in other}

    @property
    def relative_seconds(self) -> float | None:
        """Mean training time, in units of the reference's mean."""
        own, other = self.group.seconds, self.reference.seconds
        if own is None or other is None or other.mean == 0.0:
            return None
        return own.mean / other.mean

    @property
    def verdict(self) -> str:
        """In words: whether the interval excludes 0."""
        interval = self.pairs.difference.interval if self.pairs else None
        if interval is None:
            return "too few seeds"
        if not interval.excludes_zero:
            return "undecided"
        return "better" if interval.low > 0.0 else "worse"


@dataclass(frozen=True)
class Summary:
    """All groups in the study's order."""

    study: StudySpec
    groups: Mapping[tuple[str, str], Group]

    def of_model(self, model: str) -> list[Group]:
        return [self.groups[model, method] for method in self.study.methods]

    def against(self, model: str, reference: str) -> list[Comparison]:
        """Every other method of a model, compared with one."""
        return [
            compare(group, self.groups[model, reference])
            for group in self.of_model(model)
            if group.method != reference
        ]

    @property
    def has_curves(self) -> bool:
        """Whether models differ in MACs, so that a method has a curve of scores over them."""
        sizes = {group.macs for group in self.groups.values()}
        return len(sizes - {None}) > 1

    def curve(self, method: str, seed: int | None = None) -> Curve:
        """A method's models that have a score: the mean's, or one seed's."""
        points = {}
        for model in self.study.models:
            group = self.groups[model, method]
            mean = group.mean.mean if group.mean else None
            score = mean if seed is None else group.values.get(seed)
            if score is not None and group.macs is not None:
                points[model] = Point(group.macs, score)
        return points

    def savings(self, method: str) -> dict[str, Saving]:
        """What a method's models save of the baseline's MACs, by model.

        Empty while either has no score.
        """
        baseline = self.study.baseline
        means = self.curve(method), self.curve(baseline)
        if not means[1]:
            return {}
        seeds = {
            seed: (self.curve(method, seed), self.curve(baseline, seed))
            for seed in self.study.seeds
        }
        return {model: savings.saving(model, means, seeds) for model in means[0]}


def summarise(study: StudySpec, rows: Sequence[Row]) -> Summary:
    """Group the rows by model and method; rows of no cell of the study are left out."""
    seeds = set(study.seeds)
    groups = {}
    for model in study.models:
        for method in study.methods:
            own = {
                row.seed: row
                for row in rows
                if (row.model, row.method) == (model, method)
                and row.seed in seeds
                and row.succeeded
                and row.score(study.metric) is not None
            }
            ordered = {seed: own[seed] for seed in study.seeds if seed in own}
            groups[model, method] = Group(model, method, ordered, len(seeds), study.metric)
    return Summary(study, groups)


def compare(group: Group, reference: Group) -> Comparison:
    """Pair two methods of a model by seed."""
    own, other = group.values, reference.values
    shared = [seed for seed in own if seed in other]
    pairs = None
    if shared:
        pairs = compare_pairs([own[seed] for seed in shared], [other[seed] for seed in shared])
    return Comparison(group, reference, pairs)
