"""A COCO file for films: one JSON with `images`, `annotations` and `categories`.

Each annotation is the box of one fracture, `bbox` = [x, y, width, height] in pixels of the film.
A film without an annotation is intact. Beside COCO's own keys an image may have `patient` (films
of one patient belong together) and `body_part`. Films are DICOM, PNG, JPEG or TIFF, brighter =
denser, in the folder of the JSON or in `images/` below it.
Source: cocodataset.org, "Data format", object detection.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from appliance.domain import FilmRegion
from appliance.errors import LabelledSetError
from appliance.evaluation import Lesion, Overlap
from appliance.labelled.cases import Labelled, LabelledCase, LabelledSet, Loaded
from appliance.labelled.films import read_film

HIT: Final = Overlap(0.5)
_MOST_BYTES: Final = 256 * 2**20
_SLACK_PX: Final = 1.0
"""Boxes drawn along the rim are rounded outwards by some programs."""


def coco_set(folder: Path, document: Path) -> LabelledSet:
    """The set that a COCO file describes.

    Raises:
        LabelledSetError: `labelled-table-invalid` with the place; `labelled-file-missing`.
    """
    content = _content(document)
    images, notes, kinds = (_list(content, key) for key in ("images", "annotations", "categories"))
    names = {_number(each, "id", f"categories[{n}]"): each for n, each in enumerate(kinds)}
    boxes: dict[int, list[Lesion]] = {}
    for n, image in enumerate(images):
        number = _number(image, "id", f"images[{n}]")
        if number in boxes:
            raise LabelledSetError("labelled-table-invalid", f"images[{n}] has the id of another")
        boxes[number] = []
    for n, note in enumerate(notes):
        place = f"annotations[{n}]"
        found = boxes.get(_number(note, "image_id", place))
        kind = names.get(_number(note, "category_id", place))
        if found is None or kind is None:
            raise LabelledSetError("labelled-table-invalid", f"{place} refers to nothing")
        found.append(Lesion(_box(note, place), {"category": str(kind.get("name", ""))}))
    cases = tuple(
        _case(folder, image, tuple(boxes[_number(image, "id", "")]), n)
        for n, image in enumerate(images)
    )
    return LabelledSet(Labelled.COCO, "film", HIT, (document,), cases)


def _case(
    folder: Path, image: Mapping[str, Any], lesions: tuple[Lesion, ...], number: int
) -> LabelledCase:
    name = image.get("file_name")
    if not isinstance(name, str) or not name:
        raise LabelledSetError("labelled-table-invalid", f"images[{number}] has no file_name")
    places = (folder / name, folder / "images" / name)
    root = folder.resolve()
    film = next((place for place in places if place.is_file()), None)
    if film is None or not film.resolve().is_relative_to(root):
        raise LabelledSetError("labelled-file-missing", f"images[{number}]")
    attributes = {"body_part": str(image["body_part"])} if "body_part" in image else {}
    patient = str(image.get("patient", f"film {number}"))
    load = partial(_load, film, lesions, attributes, number)
    return LabelledCase(patient, str(Path(name).with_suffix("")), (film,), load)


def _load(
    film: Path, lesions: tuple[Lesion, ...], attributes: Mapping[str, str], number: int
) -> Loaded:
    try:
        image = read_film(film)
    except LabelledSetError as error:
        raise LabelledSetError(error.code, f"images[{number}] {error.detail}".strip()) from None
    rows, columns = image.pixels.shape
    for lesion in lesions:
        box = lesion.where
        inside = isinstance(box, FilmRegion) and (
            min(box.left, box.top) >= -_SLACK_PX
            and box.right <= columns + _SLACK_PX
            and box.bottom <= rows + _SLACK_PX
        )
        if not inside:
            raise LabelledSetError("labelled-box-outside", f"images[{number}]")
    return Loaded(image, lesions, attributes)


def _content(document: Path) -> Mapping[str, Any]:
    try:
        if document.stat().st_size > _MOST_BYTES:
            raise LabelledSetError("labelled-table-invalid", "too large")
        content = json.loads(document.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise LabelledSetError("labelled-table-invalid", type(error).__name__) from None
    if not isinstance(content, dict):
        raise LabelledSetError("labelled-table-invalid", "no object at the top")
    return content


def _list(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = content.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise LabelledSetError("labelled-table-invalid", f"{key} is no list of objects")
    return found


def _number(entry: Mapping[str, Any], key: str, place: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise LabelledSetError("labelled-table-invalid", f"{place}.{key} is no whole number")
    return value


def _box(note: Mapping[str, Any], place: str) -> FilmRegion:
    box = note.get("bbox")
    try:
        left, top, width, height = map(float, box if isinstance(box, list) else ())
    except (TypeError, ValueError):
        raise LabelledSetError("labelled-table-invalid", f"{place}.bbox") from None
    if not all(map(math.isfinite, (left, top, width, height))) or min(width, height) <= 0:
        raise LabelledSetError("labelled-table-invalid", f"{place}.bbox")
    return FilmRegion(left, top, left + width, top + height)
