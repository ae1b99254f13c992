"""What a fresh process found of exported files, told in JSON."""

from collections.abc import Sequence

from pydantic import BaseModel

from netaug_core.export.integer_reports import IntegersReport


class FileReport(BaseModel):
    """How one exported file compares with the trained network."""

    name: str
    num_images: int
    num_correct: int
    expected_num_correct: int
    max_difference: float
    tolerance: float
    first_different_layer: str | None = None

    @property
    def agrees(self) -> bool:
        # Written so that a NaN does not agree.
        return self.num_correct == self.expected_num_correct and (
            self.max_difference <= self.tolerance
        )

    def explain(self) -> str:
        """One sentence for the person whose export failed."""
        return (
            f"{self.name} does not compute what was trained: its logits differ by up to "
            f"{self.max_difference:.3g} (allowed {self.tolerance:g}), top-1 {self.num_correct} "
            f"of {self.num_images} instead of {self.expected_num_correct}; the first layer that "
            f"differs is {self.first_different_layer or 'classifier'}"
        )


class DetectionReport(BaseModel):
    """How one exported file compares with the trained detector.

    Attributes:
        score: average precision on the whole test part.
        box_difference: largest, in pixels of the input, over all anchors of the compared images.
        score_difference: largest, likewise.
    """

    name: str
    num_images: int
    num_compared: int
    score: float
    expected_score: float
    allowed_score_change: float
    box_difference: float
    box_tolerance: float
    score_difference: float
    score_tolerance: float
    first_different_layer: str | None = None

    @property
    def agrees(self) -> bool:
        # Written so that a NaN does not agree.
        return (
            self.box_difference <= self.box_tolerance
            and self.score_difference <= self.score_tolerance
            and abs(self.score - self.expected_score) <= self.allowed_score_change
        )

    def explain(self) -> str:
        """One sentence for the person whose export failed."""
        return (
            f"{self.name} does not compute what was trained: boxes differ by up to "
            f"{self.box_difference:.3g} pixels (allowed {self.box_tolerance:.3g}), scores by "
            f"{self.score_difference:.3g} (allowed {self.score_tolerance:g}), average precision "
            f"is {self.score:.4f} instead of {self.expected_score:.4f}; the first layer that "
            f"differs is {self.first_different_layer or 'the decoding'}"
        )


class VerifyReport(BaseModel):
    """What the fresh process found: a report for each file in float32, and of the integer files.

    Attributes:
        integers: None where the spec asks for none.
    """

    files: Sequence[FileReport | DetectionReport]
    integers: IntegersReport | None = None

    def disagreements(self) -> list[str]:
        """A sentence for each file that is not what was trained."""
        runs = () if self.integers is None else self.integers.runs
        return [one.explain() for one in (*self.files, *runs) if not one.agrees]
