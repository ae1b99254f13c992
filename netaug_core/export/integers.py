"""A classifier's files in 8-bit integers: its numbers, ONNX, and a C project. N pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export import bundle
from netaug_core.c_export.options import Golden, Options
from netaug_core.data.dataset import Dataset
from netaug_core.export import folding, onnx_int8, pictures
from netaug_core.export.names import MODEL_C, MODEL_INT8, MODEL_INT8_ONNX
from netaug_core.models.network import Network
from netaug_core.quantized import file, preprocessing, quantising, reference
from netaug_core.quantized.calibration import CalibrationSet
from netaug_core.quantized.file import QuantizedFile
from netaug_core.quantized.model import QuantizedModel
from netaug_core.quantized.preprocessing import Preprocessing
from netaug_core.spec import JobSpec

CALIBRATION_SEED = 0
GOLDEN_PICTURES = 4
C_PREFIX = "netaug"


@dataclass(frozen=True)
class Integers:
    """What the integer files are made from: a spec that asks for them, and its data."""

    spec: JobSpec
    dataset: Dataset

    def write(self, directory: Path, network: Network, facts: dict[str, str]) -> None:
        """model_int8.safetensors, model_int8.onnx and model_c.zip.

        Raises:
            NotQuantizable: a layer has no numbers that integers could stand for.
            CalibrationUnusable: the pictures do not tell what values the layers have.
        """
        model = self.quantise(network)
        tables = preprocessing.tables(self._preprocessing(), model.tensors["image"])
        classes = self.dataset.class_names
        file.write(directory / MODEL_INT8, QuantizedFile(model, classes, tables, facts))
        onnx_int8.write(directory / MODEL_INT8_ONNX, model, facts)
        options = Options(
            golden=self._golden(model, tables),
            prefix=C_PREFIX,
            title=self.spec.name,
            labels=classes,
            tables=tables,
        )
        texts = bundle.files(model, options)
        (directory / MODEL_C).write_bytes(bundle.archive(texts, C_PREFIX))

    def quantise(self, network: Network) -> QuantizedModel:
        """The network in integers, by pictures of the training part."""
        assert self.spec.quantization is not None  # noqa: S101  # for mypy: it asks for them
        folded = folding.fold(network, self.spec.model.input_size)
        return quantising.quantise(folded, self.calibration(), self.spec.quantization.ranges)

    def calibration(self) -> CalibrationSet:
        """Pictures of the training part, as they are: the same ones for the same data."""
        assert self.spec.quantization is not None  # noqa: S101  # for mypy
        part = self.dataset.train
        count = min(self.spec.quantization.calibration_images, len(part))
        order = np.random.default_rng(CALIBRATION_SEED).permutation(len(part))
        chosen = np.sort(order[:count]).astype(np.int64)
        found = pictures.of_part(part, chosen, self.spec.model.input_size)
        return CalibrationSet(
            images=self._preprocessing().floats(found),
            labels=part.labels[chosen],
            num_classes=len(self.dataset.class_names),
            preprocessing=self._preprocessing(),
        )

    def _preprocessing(self) -> Preprocessing:
        return Preprocessing(self.dataset.normalisation.mean, self.dataset.normalisation.std)

    def _golden(self, model: QuantizedModel, tables: NDArray[np.int8]) -> Golden:
        found = pictures.first(self.dataset.test, GOLDEN_PICTURES, self.spec.model.input_size)
        images = preprocessing.integers(tables, found)
        return Golden(images, tuple(reference.answers(model, images)))
