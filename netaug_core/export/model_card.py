"""The model card: what the model is, how it was made, how well it does, and who checked that."""

from dataclasses import asdict, dataclass
from typing import Any

from netaug_core.cost import Cost
from netaug_core.data.dataset import Dataset
from netaug_core.export import chip_card, detection_card
from netaug_core.export.markdown import cell
from netaug_core.export.receipt import Receipt
from netaug_core.export.reports import VerifyReport
from netaug_core.spec import JobSpec
from netaug_core.training.state import Best


@dataclass(frozen=True)
class CardFacts:
    """All that a card is written from."""

    spec: JobSpec
    dataset: Dataset[Any]
    cost: Cost
    environment: dict[str, str | int | float | None]
    best: Best
    scores: dict[str, Any]
    epochs_run: int
    stopped_early: bool
    lineage: dict[str, dict[str, str]]
    receipt: Receipt | None
    certificate: VerifyReport


def as_document(facts: CardFacts) -> dict[str, Any]:
    """The card as JSON."""
    data = facts.dataset
    return {
        "name": facts.spec.name,
        "method": method(facts.spec),
        "spec": facts.spec.model_dump(mode="json"),
        "dataset": {
            "name": data.name,
            "digest": data.digest,
            "classes": list(data.class_names),
            "num_train": len(data.train),
            "num_validation": len(data.validation),
            "num_test": len(data.test),
        },
        "preprocessing": preprocessing(facts.spec, data),
        "cost": asdict(facts.cost),
        "training": {
            "seed": facts.spec.training.seed,
            "epochs_run": facts.epochs_run,
            "best_epoch": facts.best.epoch,
            "stopped_early": facts.stopped_early,
        },
        "scores": facts.scores,
        "lineage": facts.lineage,
        "netaug_receipt": None if facts.receipt is None else asdict(facts.receipt),
        "environment": facts.environment,
        "export_certificate": facts.certificate.model_dump(mode="json"),
    }


def method(spec: JobSpec) -> str:
    return "plain" if spec.augment is None else "netaug"


def preprocessing(spec: JobSpec, dataset: Dataset[Any]) -> dict[str, Any]:
    """How to make the network's input from a picture."""
    return {
        "input_size": spec.model.input_size,
        "channels": dataset.in_channels,
        "layout": "NCHW",
        "scale": "pixel / 255, then (value - mean) / std",
        "mean": list(dataset.normalisation.mean),
        "std": list(dataset.normalisation.std),
        "resize": dataset.resize,
    }


def as_markdown(card: dict[str, Any]) -> str:
    """The same card for people."""
    is_detector = card["spec"]["task"] == "detection"
    certificate = detection_card.certificate if is_detector else _certificate
    return "\n\n".join(
        (
            f"# {card['name']}",
            _summary(card),
            *_receipt(card["netaug_receipt"]),
            "## Input\n\n" + _table(card["preprocessing"]),
            "## Cost\n\n" + _table(card["cost"]),
            *_score_sections(card),
            "## Data\n\n" + _table({k: v for k, v in card["dataset"].items() if k != "classes"}),
            *_lineage(card["lineage"]),
            "## Training\n\n" + _table(card["training"] | card["environment"]),
            *chip_card.sections(card["export_certificate"], card["spec"]["target"]),
            "## Export certificate\n\n" + certificate(card["export_certificate"]["files"]),
            "The whole spec is in model_card.json.\n",
        )
    )


def _summary(card: dict[str, Any]) -> str:
    how = "with Network Augmentation (NetAug)" if card["method"] == "netaug" else "plainly"
    if card["spec"]["task"] == "detection":
        net, sentence = detection_card.net(card), detection_card.score_sentence(card)
    else:
        net, sentence = _net(card), _score_sentence(card)
    return (
        f"{net}, trained {how} on {card['dataset']['name']}. {sentence} at epoch "
        f"{card['training']['best_epoch']}, the best one. "
        "The test part was scored once, at the end."
    )


def _net(card: dict[str, Any]) -> str:
    model = card["spec"]["model"]
    is_own = model["network"] is not None
    return "A network of your own" if is_own else f"{model['name']} of width {model['width']}"


def _score_sentence(card: dict[str, Any]) -> str:
    scores = card["scores"]
    return (
        f"Test top-1 {scores['test_accuracy']:.2%} (loss {scores['test_loss']:.4f}); "
        f"validation top-1 {scores['validation_accuracy']:.2%}"
    )


def _score_sections(card: dict[str, Any]) -> list[str]:
    if card["spec"]["task"] == "detection":
        return detection_card.sections(card)
    table = _class_table(card["scores"]["per_class"])
    return [f"## Accuracy by class, test part\n\n{table}"]


def _receipt(receipt: dict[str, Any] | None) -> list[str]:
    return [] if receipt is None else [f"**{Receipt(**receipt).sentence()}.**"]


def _lineage(lineage: dict[str, dict[str, str]]) -> list[str]:
    lines = [f"| {f} | {s['reference']} | {s['sha256']} |" for f, s in lineage.items()]
    head = ["## Learnt from", "", "| field | reference | SHA-256 |", "|---|---|---|"]
    return ["\n".join([*head, *lines])] if lines else []


def _table(values: dict[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in values.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _class_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"| {cell(row['class'])} | {row['num_images']} | {row['accuracy']:.2%} |" for row in rows
    ]
    return "\n".join(["| class | images | top-1 |", "|---|---|---|", *lines])


def _certificate(files: list[dict[str, Any]]) -> str:
    lines = [
        f"| {file['name']} | {file['num_correct']} of {file['num_images']} | "
        f"{file['max_difference']:.2e} |"
        for file in files
    ]
    head = (
        "Each file was loaded by a fresh process and compared with the trained network on the "
        "whole test part: same top-1 count, largest difference of a logit below "
        f"{files[0]['tolerance']:g}."
    )
    return "\n".join([head, "", "| file | top-1 | largest difference |", "|---|---|---|", *lines])
