"""Every transfer syntax decodes to the same image, through the real child."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import EnhancedCTImageStorage, JPEG2000Lossless, JPEGLSLossless, RLELossless

from appliance.domain import InstanceHeader, SliceStack, Study
from appliance.errors import DecodeError
from appliance.imaging import Volume
from appliance.pipeline.decode import DecodeLimits
from tests.simulators.decoding import Spool, by_dcmtk, by_id, compressed, job_of, part10
from tests.simulators.objects import ct_series, film

BY_DCMTK = {
    "implicit": ("dcmconv", "+ti"),
    "big-endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "rle": ("dcmcrle",),
    "jpeg-lossless-sv1": ("dcmcjpeg", "+e1"),
    "jpeg-lossless": ("dcmcjpeg", "+el"),
    "jpeg-ls": ("dcmcjpls",),
}
ROBUSTNESS = Path(__file__).parents[2].parent / "shared" / "data" / "robustness.tar.xz"


@pytest.fixture(scope="module")
def spool() -> Iterator[Spool]:
    spool = Spool()
    with spool.decoder:
        yield spool


def noisy(count: int, **attributes: object) -> list[Dataset]:
    """Slices that no two of which are alike, with negative stored values among them."""
    generator = np.random.default_rng(7)
    return ct_series(
        count,
        side=40,
        pixels=lambda _: generator.integers(-1000, 3000, (40, 40)).astype(np.int16),
        RescaleIntercept=0,
        **attributes,
    )


def volume_of(spool: Spool, study: Study) -> Volume:
    stack = study.series[0].stack
    assert isinstance(stack, SliceStack), stack
    facts = by_id(study)
    job = job_of(*(facts[one] for one in stack.spooled_ids))
    return spool.decoder.volume(job, facts)


def expected(slices: list[Dataset]) -> np.ndarray:
    return np.array([np.frombuffer(one.PixelData, "<i2").reshape(40, 40) for one in slices])


@pytest.mark.parametrize("name", BY_DCMTK)
def test_dcmtk_recoded(spool: Spool, name: str, tmp_path: Path) -> None:
    slices = noisy(5)
    recoded = [by_dcmtk(one, tmp_path, *BY_DCMTK[name]) for one in slices]
    assert recoded[0] != part10(slices[0])
    found = volume_of(spool, spool.study(recoded))
    np.testing.assert_array_equal(found.voxels, expected(slices))


@pytest.mark.parametrize(
    ("syntax", "plugin"),
    [(JPEG2000Lossless, "pylibjpeg"), (JPEGLSLossless, "pyjpegls"), (RLELossless, "pydicom")],
)
def test_pydicom_compressed(spool: Spool, syntax: str, plugin: str) -> None:
    slices = noisy(5)
    found = volume_of(spool, spool.study([compressed(one, syntax, plugin) for one in slices]))
    np.testing.assert_array_equal(found.voxels, expected(slices))


@pytest.mark.parametrize("options", [("+eb",), ("+ee", "+q", "98")])
def test_lossy_jpeg_of_a_film(spool: Spool, options: tuple[str, ...], tmp_path: Path) -> None:
    original = film(rows=200, columns=160)
    pictures = []
    for content in (original, by_dcmtk(original, tmp_path, "dcmcjpeg", *options)):
        facts = spool.facts(content)
        pictures.append(spool.decoder.film(job_of(facts), {facts.spooled_id: facts}).pixels)
    np.testing.assert_allclose(pictures[0], pictures[1], atol=0.04)


def test_htj2k_of_the_public_set(spool: Spool, tmp_path: Path) -> None:
    if not ROBUSTNESS.exists():
        pytest.skip("the public robustness set is not beside this checkout")
    with tarfile.open(ROBUSTNESS) as archive:
        files = [
            one for one in archive.getmembers() if "/htj2k/" in f"/{one.name}" and one.isfile()
        ]
        archive.extractall(tmp_path, members=files, filter="data")
    read = 0
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        header = spool.header(file.read_bytes())
        if isinstance(header, InstanceHeader) and header.facts.samples_per_pixel == 1:
            spool.decoder.film(job_of(header.facts), {header.facts.spooled_id: header.facts})
            read += 1
    assert read


def test_unused_high_bits_are_taken_off_and_the_sign_extended(spool: Spool) -> None:
    values = np.linspace(-2048, 2047, 1600).astype(np.int16).reshape(40, 40)
    with_overlay = (values & 0x0FFF) | 0x5000
    slices = ct_series(
        5, side=40, pixels=lambda _: with_overlay.astype(np.int16), BitsStored=12, HighBit=11
    )
    found = volume_of(spool, spool.study(slices))
    np.testing.assert_array_equal(found.voxels[0], np.maximum(values - 1024, -1024))


def test_padding_and_what_is_thinner_than_air_become_air(spool: Spool) -> None:
    stored = np.full((40, 40), 1000, np.int16)
    stored[:5], stored[5:10] = -2000, 32000
    slices = ct_series(5, side=40, pixels=lambda _: stored, PixelPaddingValue=32000)
    found = volume_of(spool, spool.study(slices)).voxels[0]
    assert (found[0, 0], found[7, 0], found[20, 0]) == (-1024, -1024, -24)


def test_geometry_of_the_volume(spool: Spool) -> None:
    slices = ct_series(8, spacing_mm=0.5, thickness_mm=2.0)
    for one in slices:
        one.PixelSpacing = [0.5, 0.25]
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient = [x - 10, y - 20, z + 30]
    found = volume_of(spool, spool.study(reversed(slices)))
    assert found.spacing_mm == (2.0, 0.5, 0.25)
    np.testing.assert_allclose(found.to_lps(np.array([3, 4, 8])), [-8.0, -18.0, 36.0])


def test_an_enhanced_ct_reads_like_its_slices(spool: Spool) -> None:
    slices = noisy(6)
    whole = spool.study([enhanced(slices)])
    stack = whole.series[0].stack
    assert isinstance(stack, SliceStack)
    facts = by_id(whole)
    (one,) = facts.values()
    job = job_of(*[one] * len(stack.frames))
    found = spool.decoder.volume(replace(job, frames=stack.frames), facts)
    np.testing.assert_array_equal(found.voxels, expected(slices))
    np.testing.assert_allclose(found.origin_lps_mm, [0, 0, 0])


def enhanced(slices: list[Dataset]) -> Dataset:
    """A multi-frame object with the slices in another order than they lie."""
    one = ct_series(1, side=40)[0]
    for keyword in ("PixelSpacing", "SliceThickness", "ImageOrientationPatient"):
        delattr(one, keyword)
    for keyword in ("ImagePositionPatient", "RescaleSlope", "RescaleIntercept"):
        delattr(one, keyword)
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    order = [*slices[::2], *slices[1::2]]
    one.NumberOfFrames = len(order)
    shared, measures, orientation, values = (Dataset() for _ in range(4))
    measures.PixelSpacing, measures.SliceThickness = [1.0, 1.0], 1.0
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    values.RescaleSlope, values.RescaleIntercept = 1, 0
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelValueTransformationSequence = [values]
    one.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for each in order:
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = each.ImagePositionPatient
        group.PlanePositionSequence = [place]
        groups.append(group)
    one.PerFrameFunctionalGroupsSequence = groups
    one.PixelData = b"".join(each.PixelData for each in order)
    return one


def test_a_header_longer_than_the_first_piece(spool: Spool) -> None:
    long = film(ICCProfile=bytes(2**19))
    assert spool.facts(long).has_pixels


def test_a_window_decides_what_a_film_shows(spool: Spool) -> None:
    plain = film(rows=64, columns=64, WindowCenter="1024", WindowWidth="512")
    facts = spool.facts(plain)
    found = spool.decoder.film(job_of(facts), {facts.spooled_id: facts})
    assert found.spacing_mm == (0.15, 0.15)
    assert (found.pixels == 0).mean() == pytest.approx(768 / 4096, abs=0.01)
    assert (found.pixels == 1).mean() == pytest.approx(2816 / 4096, abs=0.01)


@pytest.mark.parametrize("window", [("90000", "10"), ("NaN", "100"), ("0", "-5")])
def test_a_window_that_shows_nothing_is_not_believed(spool: Spool, window: tuple[str, str]) -> None:
    facts = spool.facts(part10_with_window(*window))
    found = spool.decoder.film(job_of(facts), {facts.spooled_id: facts})
    assert np.percentile(found.pixels, 95) - np.percentile(found.pixels, 5) > 0.5


def part10_with_window(centre: str, width: str) -> bytes:
    content = part10(film(WindowCenter="8" * 6, WindowWidth="9" * 6))
    return content.replace(b"8" * 6, centre.ljust(6).encode()).replace(
        b"9" * 6, width.ljust(6).encode()
    )


def test_detector_signal_is_turned_so_that_bone_is_bright(spool: Spool) -> None:
    signal = np.geomspace(10, 4000, 4096).reshape(64, 64).astype(np.uint16)
    raw = film(
        pixels=signal,
        PresentationIntentType="FOR PROCESSING",
        PixelIntensityRelationship="LIN",
        PixelIntensityRelationshipSign=1,
    )
    facts = spool.facts(raw)
    found = spool.decoder.film(job_of(facts), {facts.spooled_id: facts}).pixels
    assert found[0, 0] > 0.95
    assert found[-1, -1] < 0.05
    assert found[32, 0] == pytest.approx(0.5, abs=0.15)


def test_a_blank_film_or_volume_is_an_error(spool: Spool) -> None:
    blank = film(pixels=np.full((64, 64), 7, np.uint16))
    facts = spool.facts(blank)
    with pytest.raises(DecodeError, match="image-blank"):
        spool.decoder.film(job_of(facts), {facts.spooled_id: facts})
    study = spool.study(ct_series(6, pixels=lambda _: np.zeros((32, 32), np.int16)))
    with pytest.raises(DecodeError, match="image-blank"):
        volume_of(spool, study)


def test_the_child_reaches_no_network_and_its_memory_is_bounded() -> None:
    small = Spool(limits=DecodeLimits(memory_bytes=200 * 2**20))
    with small.decoder:
        large = film(Rows=6000, Columns=6000, PixelData=bytes(2 * 6000 * 6000))
        facts = small.facts(large)
        with pytest.raises(DecodeError, match="decoder-memory"):
            small.decoder.film(job_of(facts), {facts.spooled_id: facts})
        again = small.facts(film())
        assert again.rows == 64


def test_what_our_own_objects_repeat_is_valid_for_its_vr(spool: Spool) -> None:
    content = part10(film()).replace(b"19700101", b"99999999").replace(b"030405", b"25:00 ")
    found = spool.header(content)
    assert isinstance(found, InstanceHeader)
    kept = Dataset.from_json(found.attributes)
    assert kept.PatientName == "Probe^Petra"
    assert kept.SpecificCharacterSet == "ISO_IR 192"
    assert "PatientBirthDate" not in kept
    assert "StudyTime" not in kept
    assert found.patient.birth_date == ""
    assert not any(tag.is_private for tag in kept.keys())  # noqa: SIM118 - a Dataset
