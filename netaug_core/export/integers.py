"""A network's files in 8-bit integers: its numbers, ONNX, and a C project. N pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export import bundle
from netaug_core.c_export.options import Golden, Options
from netaug_core.export import onnx_int8, pictures
from netaug_core.export.int8 import Quantiser
from netaug_core.export.names import MODEL_C, MODEL_INT8, MODEL_INT8_ONNX
from netaug_core.graph.operations import IMAGE
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Network
from netaug_core.quantized import file, preprocessing, reference
from netaug_core.quantized.file import QuantizedFile
from netaug_core.quantized.model import QuantizedModel
from netaug_core.training.task import Feed

GOLDEN_PICTURES = 4
C_PREFIX = "netaug"


@dataclass(frozen=True)
class Integers:
    """Writes the integer files, for a spec that asks for them."""

    quantiser: Quantiser

    def write(
        self,
        directory: Path,
        network: Network | DetectionNetwork,
        feed: Feed,
        facts: Mapping[str, str],
    ) -> None:
        """model_int8.safetensors, model_int8.onnx and model_c.zip.

        Args:
            directory: where.
            network: the trained one, on the CPU, in eval mode.
            feed: loads the test part for the CPU.
            facts: metadata that every model has.

        Raises:
            NotQuantizable: a layer has no numbers that integers could stand for.
            CalibrationUnusable: the pictures do not tell what values the layers have.
            NonFiniteLoss: fine-tuning diverged.
        """
        model = self.quantiser.quantise(network)
        if model is None:
            return
        tables = preprocessing.tables(self.quantiser.preprocessing(), model.tensors[IMAGE])
        classes = self.quantiser.task.dataset.class_names
        file.write(directory / MODEL_INT8, QuantizedFile(model, classes, tables, facts))
        onnx_int8.write(directory / MODEL_INT8_ONNX, model, facts)
        options = Options(
            golden=self._golden(model, tables, feed),
            prefix=C_PREFIX,
            title=self.quantiser.task.spec.name,
            labels=classes,
            tables=tables,
        )
        texts = bundle.files(model, options)
        (directory / MODEL_C).write_bytes(bundle.archive(texts, C_PREFIX))

    def _golden(self, model: QuantizedModel, tables: NDArray[np.int8], feed: Feed) -> Golden:
        test = self.quantiser.task.dataset.test
        found = pictures.first(feed, test, GOLDEN_PICTURES, self.quantiser.preprocessing())
        images = preprocessing.integers(tables, found)
        return Golden(images, tuple(reference.answers(model, images)))
