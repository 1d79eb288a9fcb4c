"""The whole box: from the last C-STORE response to the mail server's acceptance of the alert."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from appliance.domain import Outcome
from appliance.imaging import Volume
from models.training.data.dicom_series import write_series
from models.training.simulation.chest_case import chest_case
from tests.bench.memory import watched
from tests.bench.receiving import Figure
from tests.demo.cast import cast
from tests.demo.downloads import real_images
from tests.simulators.box import Box, Surroundings, running_box
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.modality import dcmtk

THIN_MM = 0.45


def measure(folder: Path) -> Iterator[Figure]:
    """Latency of an alert for CT and film, and the analyser's memory for 1,000 slices."""
    images = real_images()
    performers = list(cast(images, folder / "studies"))
    broken_ct, broken_film = performers[0], performers[2]
    with mail_server(folder) as mail, running_box(folder, Surroundings(mail)) as box:
        for title, performer, limit in (
            ("CT of 133 slices", broken_ct, "≤ 15 s"),
            ("film", broken_film, "≤ 3 s"),
        ):
            seconds = _latency(box, mail, performer.files, performer.calling_ae)
            yield f"{title}: last C-STORE response → mail accepted", f"{seconds:.1f} s", limit
        thin = write_series(
            _thousand_slices(chest_case(images.lidc).fractured),
            folder / "thin",
            patient_name="Bench",
            patient_id="B",
            seed=9,
        )
        with watched(box.role_pid("analyse")) as peak:
            began = time.monotonic()
            sent = dcmtk("storescu", box.port, *thin, calling="CT1", seconds=300)
            stored = time.monotonic()
            (ended, *_) = box.ended(3, seconds=300)
        yield "CT of 1,000 slices: storing it", f"{stored - began:.1f} s", ""
        reading = f"{time.monotonic() - stored:.1f} s ({ended.outcome})"
        yield "CT of 1,000 slices: last C-STORE response → outcome", reading, ""
        yield "analyser with its children over it", f"{peak.tree_mib / 1024:.2f} GiB", "≤ 3 GB"
        if sent.returncode or ended.outcome is Outcome.NOT_ANALYSED:
            raise RuntimeError(f"1,000 slices were not read: {ended.reason}")


def _latency(box: Box, mail: MailServer, files: tuple[Path, ...], calling: str) -> float:
    """Seconds from the sender's end (its last response came just before) to the mail."""
    sent = dcmtk("storescu", box.port, *files, calling=calling, seconds=300)
    ended = time.monotonic()
    if sent.returncode:
        raise RuntimeError(sent.stderr[-500:])
    mail.next(240)
    return time.monotonic() - ended


def _thousand_slices(volume: Volume) -> Volume:
    """The same chest in 1,000 slices, by linear interpolation along the body."""
    count = len(volume.voxels)
    places = np.linspace(0, count - 1, 1000)
    below = np.minimum(places.astype(int), count - 2)
    part = (places - below)[:, None, None].astype(np.float32)
    voxels = np.empty((1000, *volume.voxels.shape[1:]), np.int16)
    for index, start in enumerate(below):
        pair = volume.voxels[start : start + 2].astype(np.float32)
        voxels[index] = pair[0] + (pair[1] - pair[0]) * part[index]
    axes = volume.axes.copy()
    # A little longer than it was: the pack takes no slices below 0.4 mm.
    axes[:, 0] *= THIN_MM / volume.spacing_mm[0]
    return Volume(voxels, volume.origin_lps_mm, axes)
