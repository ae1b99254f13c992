"""The fresh process of the export gate: loads the files alone and compares them with the reference.

It shares nothing with the trainer but files: a model that only works in the process that made it
does not pass.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
import torch

from netaug_core.data.batches import Feed
from netaug_core.data.dataset import open_test_part
from netaug_core.data.parts import Part
from netaug_core.data.transforms import TrainTransform
from netaug_core.errors import ExportMismatch
from netaug_core.export import int8_parity, layers, pictures, reference, verify_integers
from netaug_core.export.integer_reports import IntegerScore
from netaug_core.export.names import MODEL_INT8_ONNX, MODEL_ONNX, MODEL_SAFETENSORS
from netaug_core.export.parity import Array, first_difference, tolerance
from netaug_core.export.reference import Reference
from netaug_core.export.reports import FileReport, VerifyReport
from netaug_core.models import tensors_file
from netaug_core.quantized.preprocessing import Preprocessing
from netaug_core.spec import JobSpec


def verify(
    spec: JobSpec, directory: Path, reference_file: Path, roots: Sequence[Path]
) -> VerifyReport:
    """Compare the exported files in `directory` with the reference on the whole test part.

    Raises:
        ExportMismatch: a file cannot be loaded at all.
    """
    if spec.task == "detection":
        from netaug_core.export import verify_detection  # a second or two, for detectors only
        from netaug_core.tasks.detection import Detection

        return verify_detection.verify(Detection.open(spec, roots), directory, reference_file)
    return _verify_classifier(spec, directory, reference_file, roots)


def _verify_classifier(
    spec: JobSpec, directory: Path, reference_file: Path, roots: Sequence[Path]
) -> VerifyReport:
    part, normalisation = open_test_part(spec.data, roots)
    transform = TrainTransform(spec.data, spec.model.input_size, seed=0)  # not used: nothing varies
    feed = Feed(transform, normalisation, torch.device("cpu"))
    expected = reference.read(reference_file)
    files = [
        _verify_tensors(directory / MODEL_SAFETENSORS, part, feed, expected),
        _verify_onnx(directory / MODEL_ONNX, part, feed, expected),
    ]
    if spec.quantization is None:
        return VerifyReport(files=files)
    made_by = Preprocessing(normalisation.mean, normalisation.std)
    few = pictures.first(feed, part, verify_integers.COMPARED, made_by)
    score = _integer_score(directory / MODEL_INT8_ONNX, part, feed, files[0])
    return VerifyReport(files=files, integers=verify_integers.verify(directory, few, score))


def _integer_score(path: Path, part: Part, feed: Feed, trained: FileReport) -> IntegerScore:
    run = int8_parity.opened(path)
    logits = [run(images.numpy())[0] for images, _ in feed.evaluation(part)]
    chosen = np.concatenate(logits).argmax(1)
    return IntegerScore(
        name="accuracy",
        value=float((chosen == part.labels).mean()),
        expected=trained.expected_num_correct / trained.num_images,
        num_images=len(part),
    )


@torch.no_grad()
def _verify_tensors(path: Path, part: Part, feed: Feed, expected: Reference) -> FileReport:
    network = tensors_file.read(path)
    logits = np.concatenate([network(images).numpy() for images, _ in feed.evaluation(part)])
    report = _compare(path.name, logits, part, expected)
    if not report.agrees:
        found = layers.of_network(network, reference.probe_images(part, feed))
        report.first_different_layer = first_difference(found, expected.layers)
    return report


def _verify_onnx(path: Path, part: Part, feed: Feed, expected: Reference) -> FileReport:
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors derive from Exception directly
        raise ExportMismatch(f"{path.name} cannot be loaded again: {error}") from error
    (name,) = [node.name for node in session.get_inputs()]
    batches = (images.contiguous().numpy() for images, _ in feed.evaluation(part))
    logits = np.concatenate([session.run(None, {name: images})[0] for images in batches])
    report = _compare(path.name, logits, part, expected)
    if not report.agrees:
        probe = reference.probe_images(part, feed).contiguous().numpy()
        found = layers.of_onnx(path, probe)
        report.first_different_layer = first_difference(found, expected.layers)
    return report


def _compare(name: str, logits: Array, part: Part, expected: Reference) -> FileReport:
    return FileReport(
        name=name,
        num_images=len(part),
        num_correct=int((logits.argmax(1) == part.labels).sum()),
        expected_num_correct=int((expected.logits.argmax(1) == part.labels).sum()),
        max_difference=float(np.abs(logits - expected.logits).max()),
        tolerance=tolerance(expected.logits),
    )
