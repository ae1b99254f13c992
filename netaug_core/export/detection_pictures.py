"""Two pictures for a detector's card: its precision-recall curves, and what it sees."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from netaug_core.data.detection.parts import DetectionPart
from netaug_core.detection.average_precision import VocScore
from netaug_core.detection.matching import Detections

# Okabe and Ito: told apart in colour blindness too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, GRID, PAPER = "#222222", "#DDDDDD", "#FFFFFF"
PLOT, MARGIN, LEGEND = 480, 56, 260  # pixels
RECALLS = np.linspace(0.0, 1.0, 201)
TICKS = 5
MOST_IN_LEGEND = 24
COLUMNS, ROWS, TILE = 4, 3, 240
LEAST_SHOWN = 0.3  # score
TRUE_COLOUR, FOUND_COLOUR = "#009E73", "#D55E00"
CAPTION = 40
MOST_NAME = 24


def write_curves(path: Path, score: VocScore) -> None:
    """Precision against recall at an overlap of 0.5, a line a class."""
    image = Image.new("RGB", (PLOT + 2 * MARGIN + LEGEND, PLOT + 2 * MARGIN), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    for tick in range(TICKS + 1):
        share = tick / TICKS
        draw.line([_point(share, 0), _point(share, 1)], GRID)
        draw.line([_point(0, share), _point(1, share)], GRID)
        x, y = _point(share, 0)
        draw.text((x, y + 6), f"{share:g}", INK, font, anchor="ma")
        x, y = _point(0, share)
        draw.text((x - 8, y), f"{share:g}", INK, font, anchor="rm")
    draw.text((MARGIN + PLOT / 2, PLOT + 2 * MARGIN - 8), "recall", INK, font, anchor="md")
    draw.text((MARGIN, MARGIN - 12), "precision", INK, font, anchor="ld")
    known = [one for one in score.classes if one.average_precision is not None]
    known.sort(key=lambda one: -(one.average_precision or 0.0))
    for number, one in enumerate(known):
        colour = COLOURS[number % len(COLOURS)]
        values = one.curve.best_precision(RECALLS)
        points = [_point(r, p) for r, p in zip(RECALLS.tolist(), values.tolist(), strict=True)]
        draw.line(points, colour, width=2)
        if number < MOST_IN_LEGEND:
            left, top = PLOT + 2 * MARGIN, MARGIN + 18 * number
            draw.line([(left, top + 8), (left + 20, top + 8)], colour, width=3)
            label = f"{_short(one.name)}  {100 * (one.average_precision or 0.0):.1f}"
            draw.text((left + 28, top), label, INK, font)
    image.save(path, optimize=True)


def write_samples(
    path: Path,
    part: DetectionPart,
    found: Sequence[Detections],
    class_names: Sequence[str],
) -> None:
    """Pictures spread over the part: true boxes, and those found with a score above LEAST_SHOWN."""
    count = min(COLUMNS * ROWS, len(part))
    chosen = np.linspace(0, len(part) - 1, count).round().astype(int)
    rows = -(-count // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * TILE + CAPTION), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    draw.text((8, 12), "true", TRUE_COLOUR, font)
    draw.text((56, 12), f"found, score at least {LEAST_SHOWN:g}", FOUND_COLOUR, font)
    for number, position in enumerate(chosen.tolist()):
        tile = _tile(part, position, found[position], class_names)
        left, top = number % COLUMNS * TILE, number // COLUMNS * TILE + CAPTION
        sheet.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
    sheet.save(path, optimize=True)


def _tile(
    part: DetectionPart, position: int, found: Detections, class_names: Sequence[str]
) -> Image.Image:
    annotation = part.annotations[position]
    with Image.open(part.paths[position]) as opened:
        opened.draft("RGB", (2 * TILE, 2 * TILE))
        picture = ImageOps.exif_transpose(opened).convert("RGB")  # upright, as its boxes are
    scale = (TILE - 4) / max(annotation.width, annotation.height)
    picture = picture.resize(
        (max(1, round(annotation.width * scale)), max(1, round(annotation.height * scale)))
    )
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    for box in annotation.boxes * scale:
        draw.rectangle(box.tolist(), outline=TRUE_COLOUR, width=2)
    for box, score, label in zip(found.boxes * scale, found.scores, found.labels, strict=True):
        if score >= LEAST_SHOWN:
            draw.rectangle(box.tolist(), outline=FOUND_COLOUR, width=1)
            text = f"{_short(class_names[int(label)])} {score:.2f}"
            draw.text((box[0] + 2, box[1] + 1), text, FOUND_COLOUR, font)
    return picture


def _point(recall: float, precision: float) -> tuple[float, float]:
    return MARGIN + recall * PLOT, MARGIN + (1 - precision) * PLOT


def _short(name: str) -> str:
    """A class's name as the picture's font can write it."""
    return name[:MOST_NAME].encode("latin-1", "replace").decode("latin-1")
