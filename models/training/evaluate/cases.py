"""What packs are measured on: the listed data, or a labelled set of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pydicom
from pydicom.uid import ImplicitVRLittleEndian

from appliance.domain import FilmRegion
from appliance.errors import LabelledSetError
from appliance.evaluation import HitRule, Lesion, Overlap, Within
from appliance.imaging import Film, Image
from appliance.labelled import open_set
from appliance.labelled.films import read_film
from models.training.ct.evaluate import lesion, other_bones, readings, taken_otherwise
from models.training.data.ct_scans import FOLDS, scans
from models.training.dr import films

SHIPPED_FOLD = "a"
HIT_MM = 15.0
"""From the centre of a mark to the middle of a simulated break."""


class Origin(StrEnum):
    """Whether the fractures are real: every figure says so."""

    SIMULATED = "simulated fractures in real scans"
    REAL = "real films or scans with real labels"
    INTACT = "real films without a known fracture"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The box could not decode the image, and would say so."""

    code: str


@dataclass(frozen=True, slots=True)
class Case:
    """One image with its truth."""

    patient: str
    name: str
    image: Image | Refusal
    lesions: tuple[Lesion, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OtherNetwork:
    """The network of another fold, and how its own scores become chances (Platt)."""

    file: Path
    slope: float
    offset: float


FOLD_B = OtherNetwork(
    Path(__file__).parents[2] / "evaluation" / "ct-thorax-fracture" / "fold-b.onnx", 3.373, -4.048
)
"""Calibrated by `models.training.ct.choose DATA FILE --fold b`."""


@dataclass(frozen=True, slots=True)
class Section:
    """One set of cases, and what has to be said of it.

    strata: attributes of lesions, and attributes of exams, by which figures are told apart.
    published: what others reached with boxes; where told, ours are measured the same way.
    fold: whose cases can be pooled with those of other folds, each read by a network that never
    saw the patient. other: that of such a fold; else the pack's own network reads.
    """

    title: str
    origin: Origin
    note: str
    rule: HitRule
    cases: Callable[[], Iterator[Case]]
    lesion_strata: tuple[str, ...] = ()
    exam_strata: tuple[str, ...] = ()
    published: str = ""
    fold: str = ""
    other: OtherNetwork | None = None


def of_pack(image: str, data: Path, reads: int) -> list[Section]:
    """The sections for a pack that reads volumes or films, from the listed data."""
    if image == "volume":
        return [
            simulated_ct(data, reads),
            other_fold_ct(data, reads),
            other_bones_ct(data),
            varied_ct(data),
        ]
    return [fracatlas(data / "fracatlas"), elsewhere(data)]


def simulated_ct(data: Path, reads: int) -> Section:
    """The patients that the shipped network never saw, intact and with fractures made in them."""
    return Section(
        "Fractures simulated in patients kept apart",
        Origin.SIMULATED,
        "The scans are real and of patients that the network never saw; nobody knows of a fracture "
        "in them, and no radiologist has read them for this. Every fracture was made by "
        "`models/training/simulation`, at a place of a rib that was looked at "
        "(`models/training/data/evaluation_sites.json`). Each scan is also read intact, and all of "
        "it again in slices averaged to 4.5 to 5 mm. "
        f"A hit is a mark within {HIT_MM:g} mm of the middle of a break.",
        Within(HIT_MM),
        partial(_simulated, data, SHIPPED_FOLD, reads),
        ("type", "type and slices", "displacement", "bone"),
        ("thickness",),
        fold=SHIPPED_FOLD,
    )


def other_fold_ct(data: Path, reads: int) -> Section:
    """The same of a patient from whom the shipped network learnt, read by one that did not."""
    return Section(
        "The other fold",
        Origin.SIMULATED,
        "LIDC-IDRI-0087, from whom the shipped network learnt, read by a network that learnt from "
        "the patients kept apart above instead (`fold-b.onnx` beside this report; it is in no "
        "pack). The same reader; its scores calibrated on the same patient to choose on, by the "
        "same rule; the operating point, a chance, is the pack's. Fractures at places that the "
        "label map of the scan calls ribs; nobody looked at them.",
        Within(HIT_MM),
        partial(_simulated, data, "b", reads),
        ("type", "type and slices"),
        ("thickness",),
        fold="b",
        other=FOLD_B,
    )


def _simulated(data: Path, fold: str, reads: int) -> Iterator[Case]:
    for number, scan in enumerate(scans(data, FOLDS[fold].evaluation)):
        for name, volume, made in readings(scan, reads if scan.ribs else 0):
            thickness = {"thickness": f"{volume.spacing_mm[0]:g} mm"}
            lesions = tuple(lesion(each, volume) for each in made)
            yield Case(scan.patient, f"{scan.patient} {number} {name}", volume, lesions, thickness)


def varied_ct(data: Path) -> Section:
    """The same patients, with thin slices, other kernels, fragments and first callus."""

    def cases() -> Iterator[Case]:
        for number, scan in enumerate(scans(data, FOLDS[SHIPPED_FOLD].evaluation)):
            for name, volume, made in taken_otherwise(scan):
                lesions = tuple(lesion(each, volume) for each in made)
                taken = {"taken": name.partition(", ")[2]}
                yield Case(scan.patient, f"{scan.patient} {number} {name}", volume, lesions, taken)

    return Section(
        "The same patients, taken otherwise",
        Origin.SIMULATED,
        "Thin slices are interpolated from thicker ones, so that they show no more than those; the "
        "kernels are imitated in the plane of each slice. Comminuted: a wedge of cortex lies loose "
        "beside the break. Early callus: a cloudy cuff round it. Both are simulated too.",
        Within(HIT_MM),
        cases,
        ("look", "type"),
        ("taken",),
    )


def other_bones_ct(data: Path) -> Section:
    """Sternum, clavicle and scapula of the same patients: about them the pack claims nothing."""

    def cases() -> Iterator[Case]:
        for number, scan in enumerate(scans(data, FOLDS[SHIPPED_FOLD].evaluation)):
            volume, made = other_bones(scan)
            lesions = tuple(lesion(each, volume) for each in made)
            yield Case(scan.patient, f"{scan.patient} {number} other bones", volume, lesions)

    return Section(
        "Sternum, clavicle and scapula",
        Origin.SIMULATED,
        "Nothing is claimed about these bones. Displaced breaks and gaps were made at the places "
        "that were looked at (`models/training/data/evaluation_other_bones.json`); they are few.",
        Within(HIT_MM),
        cases,
        ("bone", "type"),
    )


def fracatlas(folder: Path) -> Section:
    """FracAtlas `val`, which chose nothing."""

    def cases() -> Iterator[Case]:
        for film in films.load(folder).val:
            image = Film(film.pixels(), None)
            boxes = film.boxes_in(image.pixels.shape)
            lesions = tuple(Lesion(_region(box)) for box in boxes.tolist())
            kinds = {"part": film.part, "metal": "metal" if film.hardware else "no metal"}
            yield Case(film.path.stem, film.path.stem, image, lesions, kinds)

    return Section(
        "FracAtlas, val",
        Origin.REAL,
        "Real radiographs with experts' boxes (Abedeen et al. 2023, CC BY 4.0); `val` chose "
        "nothing. The collection does not say which films are of one patient, so each film counts "
        "as one. A hit is a box with an intersection over union of at least 0.5.",
        Overlap(0.5),
        cases,
        (),
        ("part", "metal"),
        "YOLOv8s of the collection's own paper (Abedeen et al. 2023): box mAP50 0.562, precision "
        "0.807, recall 0.473, on its own split, before near-duplicates were dropped. Precision and "
        "recall of a published detector stand at one threshold of its makers' choice.",
    )


def elsewhere(data: Path) -> Section:
    """Films of other collections, of which no fracture is known: whatever alerts is wrong."""

    def cases() -> Iterator[Case]:
        found = [*(data / "cr").rglob("*.dcm"), *(data / "pydicom-data").rglob("RG*_UNCR.dcm")]
        with TemporaryDirectory() as scratch:
            for path in sorted(found):
                try:
                    film = read_film(_part10(path, Path(scratch)))
                except LabelledSetError as error:
                    yield Case(path.stem, path.stem, Refusal(error.detail), ())
                else:
                    yield Case(path.stem, path.stem, film, ())

    return Section(
        "Intact films from elsewhere",
        Origin.INTACT,
        "Chests, a hip, a lower leg with a benign lesion, and photographs stored as DICOM, of "
        "collections that were never trained on. The box's gate keeps most of them from the pack; "
        "here they are given to it all the same.",
        Overlap(0.5),
        cases,
    )


def own_set(folder: Path) -> Section:
    """A labelled set of one's own, in RibFrac's format or COCO's."""
    labelled = open_set(folder)

    def cases() -> Iterator[Case]:
        for number, case in enumerate(labelled.cases, start=1):
            loaded = case.load()
            # file names in hospitals hold names of patients: the place in the table is told
            name = f"case {number}"
            yield Case(case.patient, name, loaded.image, loaded.lesions, loaded.attributes)

    is_volume = labelled.image == "volume"
    return Section(
        "A set of one's own",
        Origin.REAL,
        f"Format: {labelled.format}, {len(labelled.cases)} cases, numbered as in the table. "
        f"{_hit(labelled.rule)}",
        labelled.rule,
        cases,
        ("type",) if is_volume else ("category",),
        ("thickness",) if is_volume else ("body_part",),
    )


def _hit(rule: HitRule) -> str:
    match rule:
        case Overlap(iou):
            return f"A hit is a box with an intersection over union of at least {iou:g}."
        case Within(distance):
            return f"A hit is a mark whose centre lies within {distance:g} mm of the label."


def sampled(section: Section, most: int | None) -> Iterator[Case]:
    """The section's cases; only the first ones where a number is given."""
    return islice(section.cases(), most)


def _part10(path: Path, scratch: Path) -> Path:
    """The film as a receiver would have filed it; some old collections leave out the preamble."""
    dataset = pydicom.dcmread(path, force=True)
    dataset.file_meta.setdefault("TransferSyntaxUID", ImplicitVRLittleEndian)
    dataset.save_as(scratch / "film.dcm", enforce_file_format=True)
    return scratch / "film.dcm"


def _region(box: list[float]) -> FilmRegion:
    left, top, right, bottom = box
    return FilmRegion(left, top, right, bottom)
