"""One annotation file of Pascal VOC. Its document may declare no types and no entities."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from netaug_core.data.detection import files
from netaug_core.data.detection.checks import Corners

MOST_BYTES = 4 << 20
MAX_DEPTH = 32  # of elements; the format has five levels
SIDES = ("xmin", "ymin", "xmax", "ymax")
FLAGS = {"0": False, "1": True}


class BadXml(Exception):
    """The file is not what the format says; the sentence goes behind its name."""


@dataclass(frozen=True)
class VocObject:
    """`corners` are the file's own: pixels counted from 1, the last one included."""

    place: str
    name: str
    corners: Corners
    difficult: bool

    @property
    def box(self) -> Corners:
        """In continuous coordinates: pixel k, counted from 1, covers [k - 1, k)."""
        left, top, right, bottom = self.corners
        return left - 1, top - 1, right, bottom


@dataclass(frozen=True)
class VocPicture:
    """What a file says; `file_name` is None if it names no picture."""

    file_name: str | None
    width: int
    height: int
    objects: tuple[VocObject, ...]


def read(path: Path) -> VocPicture:
    """The annotation in a file.

    Raises:
        BadXml: it is not well-formed, or something is missing.
        BadData: it cannot be read.
    """
    root = _parsed(files.content(path, MOST_BYTES))
    if root.tag != "annotation":
        raise BadXml(f"the outer element is <{root.tag}>, not <annotation>; is this Pascal VOC?")
    objects = root.findall("object")
    return VocPicture(
        file_name=_text(root, "filename"),
        width=_side(root, "width"),
        height=_side(root, "height"),
        objects=tuple(_object(element, number) for number, element in enumerate(objects, 1)),
    )


def _parsed(content: bytes) -> Element:
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise BadXml(f"elements are nested more than {MAX_DEPTH} deep; write it anew")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    # The latter two: an encoding that Python does not know, or not as one of text.
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadXml(f"this is not well-formed XML ({error}); write it anew") from error
    return builder.close()


def _refuse_doctype(*_: object) -> None:
    # Entities, which can swell without bound or read other files, can be declared only there.
    raise BadXml("a <!DOCTYPE> is not accepted; remove it")


def _object(element: Element, number: int) -> VocObject:
    name = _text(element, "name")
    if not name:
        raise BadXml(f"object {number} has no <name>; add its class")
    place = f"object {number} ({name})"
    flag = _text(element, "difficult") or "0"
    if flag not in FLAGS:
        raise BadXml(f"{place}: <difficult> must be 0 or 1; got {flag[:50]!r}")
    left, top, right, bottom = (_coordinate(element, side, place) for side in SIDES)
    return VocObject(place, name, (left, top, right, bottom), FLAGS[flag])


def _coordinate(element: Element, side: str, place: str) -> float:
    text = _text(element, f"bndbox/{side}")
    try:
        return float(text or "")
    except ValueError as error:
        raise BadXml(f"{place}: <bndbox> needs <{side}>, a number; got {text!r}") from error


def _side(root: Element, side: str) -> int:
    text = _text(root, f"size/{side}") or ""
    if not text.isascii() or not text.isdigit() or len(text) > len("1000000") or int(text) < 1:
        raise BadXml(f"<size> needs <{side}>, the picture's in whole pixels; got {text[:50]!r}")
    return int(text)


def _text(element: Element, path: str) -> str | None:
    text = element.findtext(path)
    return None if text is None else text.strip()
