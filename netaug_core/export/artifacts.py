"""Writes the five files of a finished run, past the gate, and reports them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from netaug_core.data.dataset import Dataset
from netaug_core.datasets import file_digest
from netaug_core.events import ArtifactWritten
from netaug_core.export import gate, metrics_file, model_card, onnx_file
from netaug_core.export.exports import Exports
from netaug_core.export.integers import Integers
from netaug_core.export.names import (
    METRICS_CSV,
    MODEL_C,
    MODEL_CARD_JSON,
    MODEL_CARD_MD,
    MODEL_INT8,
    MODEL_INT8_ONNX,
    MODEL_ONNX,
    MODEL_SAFETENSORS,
)
from netaug_core.export.reports import VerifyReport
from netaug_core.spec import JobSpec
from netaug_core.training.state import EpochRow
from netaug_core.training.task import Answers, Feed

REFERENCE_FILE = ".reference.safetensors"
SPEC_FILE = ".verify-spec.json"

# Name, kind, media type, and what it is.
_FILES = (
    (MODEL_SAFETENSORS, "model", "application/octet-stream",
     "Weights, architecture and preprocessing, fp32"),
    (MODEL_ONNX, "model", "application/octet-stream",
     f"The model for ONNX runtimes, fp32, opset {onnx_file.OPSET}, any batch size"),
    (MODEL_CARD_MD, "model_card", "text/markdown",
     "What the model is, its scores and its export certificate"),
    (MODEL_CARD_JSON, "model_card", "application/json",
     "The model card for programs, with the whole spec"),
    (METRICS_CSV, "metrics", "text/csv", "One line an epoch"),
)  # fmt: skip
_INTEGER_FILES = (
    (MODEL_C, "model", "application/zip",
     "C99 for a microcontroller, int8: a project, an Arduino library and a Zephyr module"),
    (MODEL_INT8, "model", "application/octet-stream", "Every integer of the int8 network"),
    (MODEL_INT8_ONNX, "model", "application/octet-stream",
     f"The int8 network for ONNX runtimes, QDQ, opset {onnx_file.OPSET}"),
)  # fmt: skip


@dataclass(frozen=True)
class Exporter:
    """Where the files of a run go, and the data they are checked on."""

    spec: JobSpec
    dataset: Dataset[Any]
    exports: Exports
    directory: Path
    roots: Sequence[Path]
    while_waiting: Callable[[], None]
    integers: Integers | None = None

    def export_models(self, network: nn.Module, answers: Answers, feed: Feed) -> VerifyReport:
        """Write both model files and let a fresh process check them.

        Args:
            network: the trained tiny net, on the CPU, in eval mode.
            answers: its own to the test part.
            feed: loads the test part for the CPU.

        Raises:
            ExportMismatch: a file does not compute what was trained.
        """
        self.write_models(network, feed)
        reference_file = self.directory / REFERENCE_FILE
        spec_file = self.directory / SPEC_FILE
        self.exports.write_reference(reference_file, network, answers, feed)
        spec_file.write_text(self.spec.canonical_json(), encoding="utf-8")
        try:
            return gate.check(
                spec_file,
                self.directory,
                reference_file,
                self.roots,
                while_waiting=self.while_waiting,
            )
        finally:
            reference_file.unlink()
            spec_file.unlink()

    def write_models(self, network: Any, feed: Feed) -> None:
        facts = {
            "input_size": str(self.spec.model.input_size),
            "classes": json.dumps(self.dataset.class_names),
            "preprocessing": json.dumps(model_card.preprocessing(self.spec, self.dataset)),
        }
        self.exports.write_models(self.directory, network, facts)
        if self.integers is not None:
            self.integers.write(self.directory, network, feed, facts)

    def write_cards(self, facts: model_card.CardFacts, history: Sequence[EpochRow]) -> None:
        card = model_card.as_document(facts)
        text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        (self.directory / MODEL_CARD_JSON).write_text(text, encoding="utf-8")
        markdown = model_card.as_markdown(card)
        (self.directory / MODEL_CARD_MD).write_text(markdown, encoding="utf-8")
        metrics_file.write(self.directory / METRICS_CSV, history)

    def events(self, pictures: Mapping[str, str]) -> list[ArtifactWritten]:
        """One event for each file, with its digest; pictures by name, with what they show."""
        drawn = [
            _written(self.directory / name, "model_card", "image/png", shown)
            for name, shown in pictures.items()
        ]
        files = [*_FILES, *(() if self.spec.quantization is None else _INTEGER_FILES)]
        return [_written(self.directory / name, *rest) for name, *rest in files] + drawn


def _written(path: Path, kind: str, media_type: str, description: str) -> ArtifactWritten:
    return ArtifactWritten.model_validate(
        {
            "name": path.name,
            "kind": kind,
            "media_type": media_type,
            "description": description,
            "size_bytes": path.stat().st_size,
            "sha256": file_digest(path),
        }
    )
