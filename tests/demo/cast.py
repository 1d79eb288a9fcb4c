"""The five studies of the demo: real images, two of them with a break that we made ourselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.domain import Outcome
from appliance.imaging import Volume
from models.training.data.dicom_series import write_series
from models.training.simulation.ankle import broken_ankle
from models.training.simulation.chest_case import chest_case
from tests.demo.downloads import RealImages

SEED = 20260101
CANARY = "Demonstration"
"""Part of every patient's name here: it must be on paper, and never in a mail."""


@dataclass(frozen=True)
class Performer:
    """One study: what it is, its files, who sends it, and how it has to end."""

    title: str
    files: tuple[Path, ...]
    calling_ae: str
    ends_as: Outcome

    @property
    def study_uid(self) -> str:
        """From the files themselves."""
        return str(
            pydicom.dcmread(self.files[0], specific_tags=["StudyInstanceUID"])[0x0020000D].value
        )


def cast(images: RealImages, folder: Path) -> Iterator[Performer]:
    """Make the studies' files, one study at a time."""
    chest = chest_case(images.lidc)
    yield Performer(
        "chest CT, simulated rib fracture",
        tuple(_ct(chest.fractured, folder / "ct-broken", 1)),
        "CT1",
        Outcome.ALERT,
    )
    yield Performer(
        "the same CT as it was",
        tuple(_ct(chest.intact, folder / "ct-intact", 2)),
        "CT1",
        Outcome.BELOW_THRESHOLD,
    )
    ankle = pydicom.dcmread(images.ankle)
    yield Performer(
        "ankle film, simulated break",
        (_film(broken_ankle(ankle), folder / "film-broken.dcm", "Demonstration^Film^Broken"),),
        "DR1",
        Outcome.ALERT,
    )
    yield Performer(
        "the same film as it was",
        (_film(ankle, folder / "film-intact.dcm", "Demonstration^Film^Intact"),),
        "DR1",
        Outcome.BELOW_THRESHOLD,
    )
    yield Performer(
        "chest film, no model for it",
        (_film(pydicom.dcmread(images.chest), folder / "chest.dcm", "Demonstration^Chest"),),
        "DR1",
        Outcome.NOT_FOR_THIS_BOX,
    )


def _ct(volume: Volume, folder: Path, seed: int) -> list[Path]:
    name = "Demonstration^Thorax^" + ("Broken" if seed == 1 else "Intact")
    return write_series(
        volume, folder, patient_name=name, patient_id=f"DEMO-CT-{seed}", seed=SEED + seed
    )


def _film(image: Dataset, path: Path, name: str) -> Path:
    """Made-up identity, and UIDs of its own, so that films of one source are different studies."""
    image.PatientName, image.PatientID = name, f"DEMO-{path.stem.upper()}"
    image.PatientBirthDate, image.PatientSex, image.PatientAge = "19600101", "F", "066Y"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = generate_uid(entropy_srcs=["osteon-demo", path.stem, keyword])
        setattr(image, keyword, uid)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    return path
