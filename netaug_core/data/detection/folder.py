"""A detection dataset in a folder, in whichever of the known forms it is."""

from pathlib import Path

from netaug_core.data.detection import files
from netaug_core.data.detection.coco import read_coco
from netaug_core.data.detection.parts import DetectionDataset
from netaug_core.data.detection.voc import read_voc
from netaug_core.detection_sets import DEVKIT, is_coco, voc_folder
from netaug_core.errors import BadData


def read_detection_folder(location: Path) -> DetectionDataset:
    """Read and check it: every annotation, and the header of every picture.

    Raises:
        BadData: it is of no known form, or something is missing or wrong.
    """
    files.refuse_links(location, (DEVKIT,))
    voc = voc_folder(location)
    if voc is not None:
        return read_voc(voc)
    if is_coco(location):
        return read_coco(location)
    raise BadData(
        f"data.dataset: {location} holds no detection dataset; it needs Pascal VOC's "
        "ImageSets/Main/, Annotations/ and JPEGImages/ (or VOC2007/ and VOC2012/ with these), or "
        "COCO's annotations/instances_train.json and annotations/instances_val.json"
    )


def digest(location: Path, dataset: DetectionDataset) -> str:
    """SHA-256 of all that was read: annotations, lists and pictures, with their names."""
    return files.digest(location, (*dataset.sources, *dataset.train.paths, *dataset.test.paths))
