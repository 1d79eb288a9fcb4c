"""Faults 33-54: damaged, hostile and odd objects, their real bytes through the real child."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from appliance.domain import InstanceHeader, Reason, SliceStack
from appliance.errors import DecodeError
from appliance.pipeline.decode import DecodeLimits
from tests.simulators.decoding import (
    Spool,
    by_id,
    compressed,
    deflated_bomb,
    job_of,
    nested,
    part10,
    raw_element,
    replace_element,
)
from tests.simulators.objects import ct_series, film

CODECS = [(JPEG2000Lossless, "pylibjpeg"), (JPEGLSLossless, "pyjpegls"), (RLELossless, "pydicom")]


@pytest.fixture(scope="module")
def spool() -> Iterator[Spool]:
    spool = Spool()
    with spool.decoder:
        yield spool


def code_of_header(spool: Spool, content: bytes | Dataset) -> str:
    found = spool.header(content)
    assert isinstance(found, Reason), "the header was read"
    return found.code


def code_of_pixels(spool: Spool, content: bytes | Dataset) -> str:
    facts = spool.facts(content)
    with pytest.raises(DecodeError) as caught:
        spool.decoder.film(job_of(facts), {facts.spooled_id: facts})
    return caught.value.code


def code_of_stack(spool: Spool, contents: list[Dataset]) -> str:
    stack = spool.study(contents).series[0].stack
    assert isinstance(stack, Reason), stack
    return stack.code


def one_slice(**attributes: object) -> Dataset:
    return ct_series(1, **attributes)[0]


def before_pixels(dataset: Dataset, inserted: bytes) -> bytes:
    content = part10(dataset)
    place = content.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    return content[:place] + inserted + content[place:]


@pytest.mark.parametrize("depth", [300, 20_000])
def test_33_deep_sequences_do_not_end_the_child(spool: Spool, depth: int) -> None:
    content = before_pixels(one_slice(), nested(depth))
    assert code_of_header(spool, content) == "nesting-too-deep"


def test_34_a_deflate_bomb_costs_no_more_than_a_header(spool: Spool) -> None:
    assert code_of_header(spool, deflated_bomb(one_slice(), 600)) == "header-too-long"


def test_35_impossible_sizes_are_turned_away_unread(spool: Spool) -> None:
    claimed = one_slice(Rows=65535, Columns=65535, NumberOfFrames=1000)
    assert code_of_header(spool, claimed) == "frame-too-large"
    assert code_of_header(spool, one_slice(NumberOfFrames=5000)) == "too-many-frames"
    many = film(Rows=8000, Columns=8000, NumberOfFrames=4000)
    assert code_of_header(spool, many) == "volume-too-large"


def test_36_a_tiny_object_cannot_claim_a_huge_picture(spool: Spool) -> None:
    tiny = compressed(film(rows=64, columns=64), RLELossless, "pydicom")
    tiny.Rows = tiny.Columns = 30_000
    assert code_of_header(spool, tiny) == "frame-too-large"
    tiny.Rows = tiny.Columns = 4096
    assert code_of_pixels(spool, tiny) == "pixels-corrupt"


def test_37_truncated_native_pixels(spool: Spool) -> None:
    assert code_of_pixels(spool, part10(film())[:-2]) == "pixels-truncated"


@pytest.mark.parametrize(("syntax", "plugin"), CODECS)
def test_37_truncated_compressed_pixels(spool: Spool, syntax: str, plugin: str) -> None:
    whole = part10(compressed(film(rows=256, columns=256), syntax, plugin))
    assert code_of_pixels(spool, whole[: -len(whole) // 8]) in {
        "pixels-truncated",
        "pixels-corrupt",
    }


def test_38_float_beside_integer_pixels(spool: Spool) -> None:
    both = film()
    both.FloatPixelData = np.zeros((both.Rows, both.Columns), np.float32).tobytes()
    assert code_of_pixels(spool, both) == "float-pixels"


def test_39_rows_with_another_representation(spool: Spool) -> None:
    content = part10(film(rows=64))
    wide = raw_element(0x0028, 0x0010, "UL", struct.pack("<I", 64))
    narrow = raw_element(0x0028, 0x0010, "US", struct.pack("<H", 64))
    assert code_of_header(spool, replace_element(content, narrow, wide)) == "attribute-invalid"


@pytest.mark.parametrize("slope", [b"NaN ", b"", b"1,0 ", b"inf "])
def test_40_a_slope_that_is_no_number(spool: Spool, slope: bytes) -> None:
    old = raw_element(0x0028, 0x1053, "DS", b"1.125 ")
    new = raw_element(0x0028, 0x1053, "DS", slope)
    damaged = [
        replace_element(part10(one), old, new) for one in ct_series(12, RescaleSlope="1.125")
    ]
    study = spool.study(damaged)
    assert study.series[0].stack == Reason("rescale-invalid")
    facts = by_id(study)
    with pytest.raises(DecodeError, match="rescale-invalid"):
        spool.decoder.volume(job_of(*facts.values()), facts)


def test_41_missing_or_zero_spacing(spool: Spool) -> None:
    for spacing in (None, [0, 0], [0.5]):
        assert code_of_stack(spool, ct_series(12, PixelSpacing=spacing)) == "geometry-missing"


def test_42_mixed_orientations(spool: Spool) -> None:
    half = ct_series(24, ImageOrientationPatient=lambda i: [1, 0, 0, 0, i % 2, (i + 1) % 2])
    assert code_of_stack(spool, half) == "mixed-orientations"


def test_43_a_missing_slice(spool: Spool) -> None:
    slices = ct_series(30)
    del slices[11]
    assert code_of_stack(spool, slices) == "slices-missing"


def test_44_two_slices_in_one_place(spool: Spool) -> None:
    slices = ct_series(30)
    assert (
        code_of_stack(
            spool,
            [
                *slices,
                *ct_series(
                    2,
                    series_uid=slices[0].SeriesInstanceUID,
                    study_uid=slices[0].StudyInstanceUID,
                    FrameOfReferenceUID=slices[0].FrameOfReferenceUID,
                ),
            ],
        )
        == "duplicates-differ"
    )
    stack = spool.study([*slices, *slices[3:5]]).series[0].stack
    assert isinstance(stack, SliceStack)
    assert (len(stack.frames), stack.notes) == (30, (Reason("duplicate-slices", "2"),))


def test_45_gantry_tilt_keeps_places_right(spool: Spool) -> None:
    cosine, sine = np.cos(np.radians(15)), np.sin(np.radians(15))
    tilted = ct_series(20, ImageOrientationPatient=[1, 0, 0, 0, float(cosine), float(sine)])
    study = spool.study(tilted)
    stack = study.series[0].stack
    assert isinstance(stack, SliceStack)
    assert [note.code for note in stack.notes] == ["gantry-tilted"]
    facts = by_id(study)
    volume = spool.decoder.volume(job_of(*(facts[one] for one in stack.spooled_ids)), facts)
    np.testing.assert_allclose(volume.to_lps(np.array([7.0, 0, 0])), [0, 0, 7], atol=1e-6)


def test_46_what_is_no_slice_is_left_out_and_recorded(spool: Spool) -> None:
    slices = ct_series(20)
    same = {"study_uid": slices[0].StudyInstanceUID, "series_uid": slices[0].SeriesInstanceUID}
    scout = ct_series(1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], **same)[0]
    dose = ct_series(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", Modality="SR", **same)[0]
    del dose.PixelData
    own = ct_series(1, Manufacturer="Osteon", **same)[0]
    study = spool.study([scout, *slices, dose, own])
    assert {why.code for _, why in study.left_out} == {"localizer", "dose-report", "own-result"}
    stack = study.series[0].stack
    assert isinstance(stack, SliceStack)
    assert len(stack.frames) == 20


def test_48_monochrome1_comes_out_brighter_where_denser(spool: Spool) -> None:
    ramp = np.linspace(0, 4095, 64 * 48).reshape(64, 48).astype(np.uint16)
    pictures = []
    for photometric, pixels in (("MONOCHROME2", ramp), ("MONOCHROME1", 4095 - ramp)):
        facts = spool.facts(film(pixels=pixels, PhotometricInterpretation=photometric))
        pictures.append(spool.decoder.film(job_of(facts), {facts.spooled_id: facts}).pixels)
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1e-3)
    assert pictures[0][-1, -1] > pictures[0][0, 0]


@pytest.mark.parametrize(
    ("charset", "raw", "legible"),
    [
        ("GB18030", "Wang^Xiaodong=王^小东".encode("gb18030"), "Wang Xiaodong (王 小东)"),
        ("GB18030", "Wang^Xiao=王^小东".encode("gb18030")[:-1] + b"\xff", "Wang Xiao (王 小"),
        ("GBK", "郕^乗".encode("gbk"), "郕 乗"),
        (None, "李^雷".encode("gb18030"), "李 雷"),
        (
            "ISO 2022 IR 6\\ISO 2022 IR 58",
            b"Li^Lei=\x1b$)A\xc0\xee^\x1b$)A\xc0\xd7",
            "Li Lei (李 雷)",
        ),
        ("NO_SUCH_SET", b"Mayer^Anna", "Mayer Anna"),
        ("ISO_IR 192", "Müller^Jörg".encode(), "Müller Jörg"),
    ],
)
def test_50_names_stay_legible(spool: Spool, charset: str | None, raw: bytes, legible: str) -> None:
    content = part10(one_slice(PatientName="X" * (len(raw) + len(raw) % 2)))
    padded = raw + b" " * (len(raw) % 2)
    content = replace_element(content, b"X" * len(padded), padded)
    old = raw_element(8, 5, "CS", b"ISO_IR 192")
    value = (charset or "").encode()
    content = replace_element(
        content, old, raw_element(8, 5, "CS", value + b" " * (len(value) % 2))
    )
    found = spool.header(content)
    assert isinstance(found, InstanceHeader)
    assert found.patient.name.startswith(legible)
    assert "\\" not in found.patient.name


def test_51_line_breaks_in_a_name(spool: Spool) -> None:
    raw = b"Evil^Name\r\nBcc: everybody@example"
    content = part10(one_slice(PatientName="X" * (len(raw) + 1)))
    found = spool.header(replace_element(content, b"X" * (len(raw) + 1), raw + b" "))
    assert isinstance(found, InstanceHeader)
    assert found.patient.name == "Evil Name Bcc: everybody@example"
    assert "\\r" not in found.attributes


@pytest.mark.parametrize(("syntax", "plugin"), CODECS)
def test_52_corrupt_compressed_pixels(spool: Spool, syntax: str, plugin: str) -> None:
    whole = part10(compressed(film(rows=256, columns=256), syntax, plugin))
    start = whole.rindex(b"\xfe\xff\x00\xe0") + 8
    broken = whole[:start] + bytes(40) + whole[start + 40 :]
    assert code_of_pixels(spool, broken) in {"pixels-corrupt", "pixels-truncated"}


def test_53_a_private_transfer_syntax(spool: Spool) -> None:
    known = b"1.2.840.10008.1.2.1\0"
    content = replace_element(part10(film()), known, b"1.2.999.10008.1.2.7\0")
    assert code_of_pixels(spool, content) == "transfer-syntax-unsupported"


def test_54_burned_in_annotation_is_known(spool: Spool) -> None:
    assert spool.facts(film(BurnedInAnnotation="YES")).has_burned_in_annotation
    assert not spool.facts(film(BurnedInAnnotation="NO")).has_burned_in_annotation


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda content: content[128:], "not-dicom"),
        (lambda _: b"", "not-dicom"),
        (lambda _: b"GET / HTTP/1.1\r\n\r\n" * 40, "not-dicom"),
        (lambda content: content[:700], "uid-invalid"),
    ],
)
def test_what_is_no_object_is_refused(
    spool: Spool, damage: Callable[[bytes], bytes], code: str
) -> None:
    assert code_of_header(spool, damage(part10(film()))) == code


def test_values_that_no_ct_has_are_refused(spool: Spool) -> None:
    wild = ct_series(12, RescaleIntercept=-9000)
    study = spool.study(wild)
    facts = by_id(study)
    with pytest.raises(DecodeError, match="pixels-implausible"):
        spool.decoder.volume(job_of(*facts.values()), facts)


def test_one_bad_object_spoils_no_other(spool: Spool) -> None:
    slices: list[bytes | Dataset] = [*ct_series(6)]
    slices[2] = b"junk"
    study = spool.study(slices)
    assert [why.code for _, why in study.unreadable] == ["not-dicom"]
    assert len(by_id(study)) == 5


@pytest.mark.parametrize(
    ("study_id", "code"),
    [
        (0, "decoder-crashed"),
        (1, "decoder-timeout"),
        (2, "decoder-memory"),
        (3, "decoder-answer-invalid"),
        (4, "decoder-answer-invalid"),
        (6, "decoder-answer-invalid"),
    ],
)
def test_a_child_that_fails_is_replaced_and_its_object_named(study_id: int, code: str) -> None:
    spool = Spool("tests.simulators.decoding_child", DecodeLimits(2**30, step_s=1.0))
    ids = spool.put(*[b"x"] * 7)
    with spool.decoder:
        found = dict(spool.decoder.headers([ids[study_id], ids[5]]))
    assert [why.code for why in found.values() if isinstance(why, Reason)] == [code, "not-dicom"]


@pytest.mark.parametrize("is_started", [False, True], ids=["before its child", "amid an object"])
def test_a_decoder_that_is_cut_ends_at_once_and_starts_no_other_child(is_started: bool) -> None:  # noqa: FBT001
    """By the limit it would hang for an hour."""
    spool = Spool("tests.simulators.decoding_child", DecodeLimits(2**30, step_s=3600.0))
    hangs, answers = spool.put(b"x", b"x", b"x")[1], spool.put(b"x", b"x", b"x")[2]
    with spool.decoder:
        if is_started:
            spool.decoder.start()
            threading.Timer(0.5, spool.decoder.cut).start()
        else:
            spool.decoder.cut()
        found = dict(spool.decoder.headers([hangs, answers]))
    whys = [why.code for why in found.values() if isinstance(why, Reason)]
    assert whys == ["decoder-crashed", "decoder-crashed"]
