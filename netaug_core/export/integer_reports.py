"""What a fresh process found of the files in 8-bit integers, told in JSON."""

from collections.abc import Sequence

from pydantic import BaseModel


class IntegerReport(BaseModel):
    """How one way to run a network compares with the integer reference.

    Attributes:
        name: of the file, and where it ran.
        not_run: why it was not; None: it was.
        num_images: compared, logit by logit.
        max_steps: largest difference of a logit, in steps of its scale.
        allowed_steps: of a logit; None: the layers are judged one by one, each fed with the
            reference's integers, for a step in one becomes more in those after it.
        num_different: logits that differ at all.
        self_test: what the C's own self-test said; None of ONNX.
        crc: of the self-test's outputs.
        instructions: executed for one picture, emulated; not cycles.
        stack_bytes, flash_bytes, arena_bytes: what an emulated board needed.
        milliseconds: processor time of one picture on this machine.
    """

    name: str
    not_run: str | None = None
    num_images: int = 0
    max_steps: int = 0
    allowed_steps: int | None = 0
    num_different: int = 0
    self_test: bool | None = None
    crc: int | None = None
    core: str | None = None
    instructions: int | None = None
    stack_bytes: int | None = None
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    milliseconds: float | None = None
    first_different_layer: str | None = None

    @property
    def agrees(self) -> bool:
        within = self.allowed_steps is None or self.max_steps <= self.allowed_steps
        return within and self.first_different_layer is None and self.self_test is not False

    def explain(self) -> str:
        """One sentence for the person whose export failed."""
        if self.first_different_layer is None and self.num_different == 0:
            return f"{self.name}: the self-test of the C project failed"
        allowed = "" if self.allowed_steps is None else f" (allowed {self.allowed_steps})"
        return (
            f"{self.name} does not compute what the integer reference does: on {self.num_images} "
            f"images {self.num_different} logits differ, by up to {self.max_steps} steps{allowed}; "
            f"the first layer that differs is {self.first_different_layer or 'not known'}"
        )


class IntegerScore(BaseModel):
    """How well the network does in integers on the test part; computed by model_int8.onnx.

    Attributes:
        name: of the score: accuracy, or ap50.
        expected: the trained network's, in float32.
    """

    name: str
    value: float
    expected: float
    num_images: int


class IntegersReport(BaseModel):
    """All that was found of them."""

    score: IntegerScore
    runs: Sequence[IntegerReport]
    arena_bytes: int
    arena_lower_bound_bytes: int
    peak_layer: str

    def result(self) -> dict[str, float | int]:
        """What the job's result tells of them; flash is that of the first board that ran."""
        flash = [run.flash_bytes for run in self.runs if run.flash_bytes is not None]
        return {
            f"int8_test_{self.score.name}": self.score.value,
            "arena_bytes": self.arena_bytes,
            **({"flash_bytes": flash[0]} if flash else {}),
        }
