"""A detector's files, scores and receipt."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netaug_core.data.detection.feed import DetectionFeed
from netaug_core.detection import average_precision, bootstrap, coco_score
from netaug_core.detection.average_precision import Definition, VocScore
from netaug_core.detection.coco_score import CocoScore
from netaug_core.detection.decoded import Decoded
from netaug_core.detection.scores import DEFINITIONS
from netaug_core.export import detection_pictures, detection_reference, onnx_file
from netaug_core.export.names import MODEL_ONNX, MODEL_SAFETENSORS, PR_CURVES, SAMPLES
from netaug_core.export.receipt import Receipt, write_receipt
from netaug_core.models import detector_file
from netaug_core.models.detector import DetectionNetwork
from netaug_core.tasks.detection import Detection, reading_of
from netaug_core.training.evaluate_detection import Answers
from netaug_core.training.state import Best, RunState

RAW, DECODED = ("raw",), ("boxes", "scores")
RECALLS = np.linspace(0.0, 1.0, 21)  # of the card's curves


@dataclass(frozen=True)
class DetectionExports:
    """Answers are the objects found in each picture."""

    task: Detection
    _precision: dict[tuple[Answers, Definition], VocScore] = field(default_factory=dict)
    _coco: dict[Answers, CocoScore] = field(default_factory=dict)

    def write_models(
        self, directory: Path, network: DetectionNetwork, facts: dict[str, str]
    ) -> None:
        section, size = self.task.section, self.task.spec.model.input_size
        reading = {
            "anchors": self.task.anchors,
            "score_threshold": section.score_threshold,
            "nms_threshold": section.nms_threshold,
            "detections_per_image": section.detections_per_image,
        }
        facts = {**facts, detector_file.READING: json.dumps(reading)}
        detector_file.write(directory / MODEL_SAFETENSORS, network, facts)
        shape, path = (network.architecture.in_channels, size), directory / MODEL_ONNX
        if section.decode_in_graph:
            decoded = Decoded(network, self.task.coding, size)
            onnx_file.export(path, decoded, shape, outputs=DECODED, facts=facts)
        else:
            onnx_file.export(path, network, shape, outputs=RAW, facts=facts)

    def write_reference(
        self, path: Path, network: DetectionNetwork, answers: Answers, feed: DetectionFeed
    ) -> None:
        test = self.task.dataset.test
        reading = reading_of(self.task.section, self.task.coding)
        score = self.task.score(answers, test).score
        detection_reference.write(path, network, reading, test, feed, score)

    def scores(self, answers: Answers, best: Best) -> dict[str, Any]:
        """Everything that the field reports, whatever picked the best epoch."""
        coco = self._coco_score(answers)
        area, eleven = self._score(answers, "voc10"), self._score(answers, "voc07")
        own = eleven if self._definition == "voc07" else area
        per_class = [
            {
                "class": one.name,
                "num_objects": one.curve.num_objects,
                "ap50": one.average_precision,
                "ap": of_coco.ap,
                "precision_at_recall": one.curve.best_precision(RECALLS).round(4).tolist(),
            }
            for one, of_coco in zip(own.classes, coco.classes, strict=True)
        ]
        return {
            "metric": self.task.score_name,
            "test_ap50": area.mean,
            "test_ap50_voc07": eleven.mean,
            "test_ap": coco.ap,
            "test_ap50_coco": coco.ap50,
            "test_ap75": coco.ap75,
            "test_ap_small": coco.ap_small,
            "test_ap_medium": coco.ap_medium,
            "test_ap_large": coco.ap_large,
            "test_loss": answers.loss,
            f"validation_{self.task.score_name}": best.score,
            "validation_loss": best.loss,
            "recalls": RECALLS.round(2).tolist(),
            "per_class": per_class,
        }

    def result(self, answers: Answers, best: Best) -> dict[str, float]:
        scores = self.task.score(answers, self.task.dataset.test)
        named = {f"test_{name}": value for name, value in scores.values().items()}
        if "test_ap" not in named:
            named["test_ap"] = self._coco_score(answers).ap or 0.0
        return {**named, f"validation_{self.task.score_name}": best.score}

    def write_pictures(self, directory: Path, answers: Answers) -> dict[str, str]:
        dataset = self.task.dataset
        score = self._score(answers, self._definition)
        detection_pictures.write_curves(directory / PR_CURVES, score)
        detection_pictures.write_samples(
            directory / SAMPLES, dataset.test, answers.found, dataset.class_names
        )
        return {
            PR_CURVES: "Precision against recall of each class on the test part",
            SAMPLES: "Test pictures with the objects that are there, and those that were found",
        }

    def receipt(
        self, answers: Answers, control: Answers, states: tuple[RunState, RunState]
    ) -> Receipt:
        """Of AP50: a bootstrap of COCO's average precision would take hours."""
        dataset, definition = self.task.dataset, self._definition
        truth, names = dataset.test.annotations, dataset.class_names
        means = [self._score(one, definition).mean for one in (answers, control)]
        interval = bootstrap.compare(
            truth,
            answers.found,
            control.found,
            num_classes=len(names),
            definition=definition,
        )
        name = "ap50_voc07" if definition == "voc07" else "ap50"
        return write_receipt(name, (means[0], means[1]), interval, len(truth), states)

    def _score(self, answers: Answers, definition: Definition) -> VocScore:
        """On the test part; counted once."""
        key = (answers, definition)
        if key not in self._precision:
            dataset = self.task.dataset
            self._precision[key] = average_precision.score(
                dataset.test.annotations, answers.found, dataset.class_names, definition
            )
        return self._precision[key]

    def _coco_score(self, answers: Answers) -> CocoScore:
        """Likewise."""
        if answers not in self._coco:
            dataset = self.task.dataset
            self._coco[answers] = coco_score.score(
                dataset.test.annotations, answers.found, dataset.class_names
            )
        return self._coco[answers]

    @property
    def _definition(self) -> Definition:
        return DEFINITIONS[self.task.section.metric]
