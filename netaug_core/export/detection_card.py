"""What a detector's model card says in words and tables, from the card as JSON."""

from typing import Any

from netaug_core.export.markdown import cell
from netaug_core.export.names import PR_CURVES, SAMPLES
from netaug_core.export.receipt import SPOKEN

Card = dict[str, Any]
METRIC_NAMES = {**SPOKEN, "ap": "AP"}


def net(card: Card) -> str:
    """The network in words."""
    model, detection = card["spec"]["model"], card["spec"]["detection"]
    own = "a backbone of your own"
    backbone = own if model["network"] is not None else f"{model['name']} of width {model['width']}"
    return f"{detection['detector']} on {backbone}"


def score_sentence(card: Card) -> str:
    """How good it is."""
    scores = card["scores"]
    metric = scores["metric"]
    return (
        f"Test AP50 {_percent(scores['test_ap50'])}, AP {_percent(scores['test_ap'])} (loss "
        f"{scores['test_loss']:.4f}); validation {METRIC_NAMES[metric]} "
        f"{_percent(scores[f'validation_{metric}'])}"
    )


def sections(card: Card) -> list[str]:
    """Scores class by class, and the pictures beside the card."""
    scores = card["scores"]
    whole = [
        ("AP50, area below the curve (VOC since 2010)", "test_ap50"),
        ("AP50, eleven recalls (VOC 2007)", "test_ap50_voc07"),
        ("AP, overlaps 0.50 to 0.95 (COCO)", "test_ap"),
        ("AP75", "test_ap75"),
        ("AP of small objects, below 32 x 32 pixels", "test_ap_small"),
        ("AP of medium objects, below 96 x 96", "test_ap_medium"),
        ("AP of large objects", "test_ap_large"),
    ]
    table = [f"| {name} | {_percent(scores[key])} |" for name, key in whole]
    by_class = [
        f"| {cell(row['class'])} | {row['num_objects']} | {_percent(row['ap50'])} | "
        f"{_percent(row['ap'])} |"
        for row in scores["per_class"]
    ]
    return [
        "\n".join(["## Average precision, test part", "", "| | |", "|---|---|", *table]),
        "\n".join(["| class | objects | AP50 | AP |", "|---|---|---|---|", *by_class]),
        f"![Precision against recall]({PR_CURVES})",
        f"![Test pictures with true and found boxes]({SAMPLES})",
    ]


def certificate(files: list[dict[str, Any]]) -> str:
    """Who checked the files, and how."""
    lines = [
        f"| {file['name']} | {_percent(file['score'])} | {file['box_difference']:.2e} | "
        f"{file['score_difference']:.2e} |"
        for file in files
    ]
    first = files[0]
    head = (
        "Each file was loaded by a fresh process and compared with the trained detector after the "
        f"same decoding: boxes of every anchor on {first['num_compared']} test images within "
        f"{first['box_tolerance']:.3g} pixels, scores within {first['score_tolerance']:g}, the "
        "same average precision on the whole test part."
    )
    table = ["| file | average precision | box, pixels | score |", "|---|---|---|---|"]
    return "\n".join([head, "", *table, *lines])


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2%}"
