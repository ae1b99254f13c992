"""How the exported files of a detector compare with what was trained, after the same decoding.

B images, N anchors, V values of an anchor, K classes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
import torch
from torch import Tensor

from netaug_core.detection.coding import coding
from netaug_core.detectors.table import Detector, Shape
from netaug_core.errors import ExportMismatch
from netaug_core.export import (
    detection_reference,
    int8_parity,
    layers,
    pictures,
    verify_integers,
)
from netaug_core.export.detection_reference import Reference
from netaug_core.export.int8 import answer_of
from netaug_core.export.integer_reports import IntegerScore
from netaug_core.export.names import MODEL_INT8_ONNX, MODEL_ONNX, MODEL_SAFETENSORS
from netaug_core.export.parity import Array, first_difference
from netaug_core.export.reports import DetectionReport, VerifyReport
from netaug_core.models import detector_file
from netaug_core.quantized.preprocessing import Preprocessing
from netaug_core.tasks.detection import Detection, reading_of
from netaug_core.training.devices import ONE
from netaug_core.training.evaluate_detection import Answers, Reading

SCORE_TOLERANCE = 1e-4
# Of the input's side, on boxes cut to the input, as suppression cuts them. A size is the
# exponential of what the network says: where it is large, so is float32's rounding of it.
BOX_TOLERANCE = 1e-3
# Suppression keeps one or the other of two boxes that are all but equally sure: that may turn a few
# detections, of which few objects make much.
PRECISION_TOLERANCE = 1e-3
TURNED_OBJECTS = 2
# Images (B, 3, S, S) to boxes (B, N, 4) in pixels of the input, and scores (B, N, K).
Decoder: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]


def verify(task: Detection, directory: Path, reference_file: Path) -> VerifyReport:
    """Compare the files in `directory` with the reference.

    Raises:
        ExportMismatch: a file cannot be loaded at all.
    """
    expected = detection_reference.read(reference_file)
    checker = _Checker(task, expected)
    files = [
        checker.check_tensors(directory / MODEL_SAFETENSORS),
        checker.check_onnx(directory / MODEL_ONNX),
    ]
    integers = None
    if task.spec.quantization is not None:
        score = checker.score_of_integers(directory / MODEL_INT8_ONNX)
        integers = verify_integers.verify(directory, checker.pictures(), score)
    return VerifyReport(files=files, integers=integers)


class _Checker:
    """Runs a file as its user would, with what the file says of itself."""

    def __init__(self, task: Detection, expected: Reference) -> None:
        self._task = task
        self._expected = expected
        self._part = task.dataset.test
        self._feed = task.feed(torch.device("cpu"), ONE.rank, 0)
        labels = np.concatenate([one.labels[~one.ignored] for one in self._part.annotations])
        present = np.bincount(labels)[np.unique(labels)]
        # What one object can make of the mean over the classes: most in the rarest class.
        self._most_of_one = 1 / (len(present) * int(present.min()))
        self._reading: Reading = reading_of(task.section, task.coding)

    def check_tensors(self, path: Path) -> DetectionReport:
        network = detector_file.read(path)
        reading = self._reading_by(path, network.architecture, detector_file.read_anchors(path))

        def decode(images: Tensor) -> tuple[Tensor, Tensor]:
            return reading.decode(network(images), images.shape[-1])

        report = self._compare(path.name, decode)
        if not report.agrees:
            probe = detection_reference.probe_images(self._part, self._feed)
            found = layers.of_network(network, probe)
            report.first_different_layer = first_difference(found, self._expected.layers)
        return report

    def check_onnx(self, path: Path) -> DetectionReport:
        try:
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors derive from Exception directly
            raise ExportMismatch(f"{path.name} cannot be loaded again: {error}") from error
        (name,) = [node.name for node in session.get_inputs()]
        metadata = session.get_modelmeta().custom_metadata_map
        anchors = detector_file.anchors_of(path, metadata)
        reading = self._reading_by(path, self._task.table, anchors)

        def decode(images: Tensor) -> tuple[Tensor, Tensor]:
            given = session.run(None, {name: images.contiguous().numpy()})
            outputs = [torch.from_numpy(output) for output in given]
            if self._task.section.decode_in_graph:
                return outputs[0], outputs[1]
            return reading.decode(outputs[0], images.shape[-1])

        report = self._compare(path.name, decode)
        if not report.agrees:
            probe = detection_reference.probe_images(self._part, self._feed)
            found = layers.of_onnx(path, probe.contiguous().numpy())
            report.first_different_layer = first_difference(found, self._expected.layers)
        return report

    def score_of_integers(self, path: Path) -> IntegerScore:
        """Average precision of what the file finds."""
        run, answer = int8_parity.opened(path), answer_of(self._task)

        def decode(images: Tensor) -> tuple[Tensor, Tensor]:
            maps = [torch.from_numpy(one) for one in run(images.numpy())]
            return self._reading.decode(answer(maps), images.shape[-1])

        return IntegerScore(
            name=self._task.score_name,
            value=self._precision(decode),
            expected=self._expected.score,
            num_images=len(self._part),
        )

    def pictures(self) -> pictures.Bytes:
        """The first ones of the test part."""
        normalisation = self._task.dataset.normalisation
        made_by = Preprocessing(normalisation.mean, normalisation.std)
        return pictures.first(self._feed, self._part, verify_integers.COMPARED, made_by)

    def _reading_by(self, path: Path, table: Detector, anchors: Sequence[Shape]) -> Reading:
        """With the anchors that a file states."""
        try:
            own = coding(table, anchors, box_loss=self._task.section.box_loss)
        except ValueError as error:
            raise ExportMismatch(f"{path.name} has no anchors for its detector: {error}") from error
        return reading_of(self._task.section, own)

    @torch.no_grad()
    def _compare(self, name: str, decode: Decoder) -> DetectionReport:
        boxes, scores = self._decoded(decode)
        size = self._task.spec.model.input_size
        expected = self._expected
        precision = self._precision(decode)
        return DetectionReport(
            name=name,
            num_images=len(self._part),
            num_compared=len(boxes),
            score=precision,
            expected_score=expected.score,
            allowed_score_change=max(PRECISION_TOLERANCE, TURNED_OBJECTS * self._most_of_one),
            box_difference=_largest(boxes.clip(0, size), expected.boxes.clip(0, size)),
            box_tolerance=BOX_TOLERANCE * size,
            score_difference=_largest(scores, expected.scores),
            score_tolerance=SCORE_TOLERANCE,
        )

    def _decoded(self, decode: Decoder) -> Sequence[Array]:
        images = detection_reference.compared(self._part, self._feed)
        parts = [decode(batch.images) for batch in images]
        return [torch.cat(part).numpy() for part in zip(*parts, strict=True)]

    def _precision(self, decode: Decoder) -> float:
        found = []
        for batch in self._feed.evaluation(self._part):
            found += self._reading.keep(*decode(batch.images), batch)
        answers = Answers(tuple(found), loss=0.0)
        return self._task.score(answers, self._part).score


def _largest(found: Array, expected: Array) -> float:
    return float(np.abs(found - expected).max())
