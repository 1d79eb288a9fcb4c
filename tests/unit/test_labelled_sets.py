"""Labelled sets: what is read is what another program wrote, and malformed ones are refused."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.domain import FilmRegion
from appliance.errors import LabelledSetError
from appliance.evaluation import Within
from appliance.imaging import Film, Volume
from appliance.labelled import Labelled, LabelledSet, digest_of, open_set
from tests.simulators import objects
from tests.simulators.decoding import part10
from tests.simulators.labelled_sets import (
    coco,
    write_coco,
    write_nifti,
    write_picture,
    write_scan,
    write_table,
)

AXES = np.array([[0.0, 0.0, 0.8], [0.0, 0.8, 0.0], [1.5, 0.0, 0.0]])
ORIGIN = np.array([-40.0, 12.5, -300.0])


def volume(shape: tuple[int, int, int] = (12, 10, 14), axes: Any = AXES) -> Volume:
    voxels = np.random.default_rng(0).integers(-1000, 1500, shape).astype(np.int16)
    return Volume(voxels, ORIGIN.copy(), np.asarray(axes))


def labels_at(scan: Volume, *boxes: tuple[slice, slice, slice]) -> Any:
    labels = np.zeros(scan.voxels.shape, np.uint8)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    return labels


def ribfrac(folder: Path, orient: str = "RAS") -> Volume:
    scan = volume()
    boxes = ((slice(2, 4), slice(3, 5), slice(6, 9)), (slice(9, 10), slice(1, 2), slice(1, 2)))
    write_scan(folder / "scans", "RibFrac1", scan, labels_at(scan, *boxes), orient)
    write_scan(folder / "scans", "RibFrac2", scan, labels_at(scan), orient)
    rows = [("RibFrac1", 0, 0), ("RibFrac1", 1, 3), ("RibFrac1", 2, -1), ("RibFrac2", 0, 0)]
    write_table(folder, rows)
    return scan


@pytest.mark.parametrize("orient", ["RAS", "LPS", "LAI", "SPR", "PIR"])
def test_a_ribfrac_set_as_another_program_wrote_it(tmp_path: Path, orient: str) -> None:
    scan = ribfrac(tmp_path, orient)
    found = open_set(tmp_path)
    assert (found.format, found.image, found.rule) == (Labelled.RIBFRAC, "volume", Within(5.0))
    fractured, intact = (case.load() for case in found.cases)
    assert isinstance(fractured.image, Volume)
    np.testing.assert_array_equal(fractured.image.voxels, scan.voxels)
    np.testing.assert_allclose(fractured.image.origin_lps_mm, scan.origin_lps_mm, atol=1e-4)
    np.testing.assert_allclose(fractured.image.axes, scan.axes, atol=1e-6)
    assert intact.lesions == ()
    buckle, unknown = fractured.lesions
    assert buckle.attributes == {"bone": "rib", "type": "buckle"}
    assert unknown.attributes["type"] == "unspecified"
    assert unknown.where == (pytest.approx(tuple(scan.to_lps(np.array([9.0, 1.0, 1.0])))),)
    centre = scan.to_lps(np.array([2.5, 3.5, 7.0]))
    assert isinstance(buckle.where, tuple)
    assert np.linalg.norm(np.mean(buckle.where, axis=0) - centre) < 1.5
    assert fractured.attributes == {"thickness": "1.25 to 2.5 mm"}


def test_an_oblique_scan_keeps_its_places(tmp_path: Path) -> None:
    turn = np.radians(12)
    tilt = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    scan = volume(axes=tilt @ AXES)
    write_scan(tmp_path, "a", scan, labels_at(scan))
    write_table(tmp_path, [("a", 0, 0)])
    image = open_set(tmp_path).cases[0].load().image
    assert isinstance(image, Volume)
    np.testing.assert_array_equal(image.voxels, scan.voxels)
    np.testing.assert_allclose(image.axes, scan.axes, atol=1e-5)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.uint16, np.float32, np.float64])
def test_every_kind_of_voxel(tmp_path: Path, kind: type[Any]) -> None:
    scan = volume()
    write_nifti(np.abs(scan.voxels % 200).astype(kind), scan, tmp_path / "a-image.nii.gz")
    write_nifti(labels_at(scan), scan, tmp_path / "a-label.nii.gz")
    write_table(tmp_path, [("a", 0, 0)])
    image = open_set(tmp_path).cases[0].load().image
    assert isinstance(image, Volume)
    np.testing.assert_array_equal(image.voxels, np.abs(scan.voxels % 200))


def rewritten(path: Path, **fields: tuple[int, str, Any]) -> None:
    """Change fields of a NIfTI header in place: offset, struct format, value."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    for offset, form, value in fields.values():
        struct.pack_into(form, content, offset, *np.atleast_1d(value))
    path.write_bytes(gzip.compress(bytes(content)))


def test_the_slope_and_the_intercept_are_applied(tmp_path: Path) -> None:
    scan = ribfrac(tmp_path)
    image = tmp_path / "scans" / "RibFrac2-image.nii.gz"
    rewritten(image, slope=(112, "<f", 2.0), intercept=(116, "<f", -3.0))
    loaded = open_set(tmp_path).cases[1].load().image
    assert isinstance(loaded, Volume)
    np.testing.assert_array_equal(loaded.voxels, scan.voxels * 2 - 3)


def test_the_quaternion_serves_where_there_is_no_matrix(tmp_path: Path) -> None:
    scan = ribfrac(tmp_path)
    rewritten(tmp_path / "scans" / "RibFrac1-image.nii.gz", sform=(254, "<h", 0))
    loaded = open_set(tmp_path).cases[0].load().image
    assert isinstance(loaded, Volume)
    np.testing.assert_allclose(loaded.origin_lps_mm, scan.origin_lps_mm, atol=1e-4)
    np.testing.assert_allclose(loaded.axes, scan.axes, atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"size": (0, "<i", 349)},
        {"magic": (344, "<4s", [b"nope"])},
        {"type": (70, "<h", 128)},
        {"dims": (40, "<8h", (4, 14, 10, 12, 2, 1, 1, 1))},
        {"dims": (40, "<8h", (3, 14, 10, 0, 1, 1, 1, 1))},
        {"dims": (40, "<8h", (3, 32000, 32000, 32000, 1, 1, 1, 1))},
        {"dims": (40, "<8h", (3, 14, 10, 13, 1, 1, 1, 1))},
        {"units": (123, "<b", 3)},
        {"nowhere": (252, "<2h", (0, 0))},
        {"flat": (280, "<12f", (0,) * 12)},
        {"odd": (280, "<12f", (np.nan,) * 12)},
        {"offset": (108, "<f", np.nan)},
        {"negative": (108, "<f", -5.0)},
        {"far": (108, "<f", 1e30)},
    ],
)
def test_a_damaged_volume_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    ribfrac(tmp_path)
    rewritten(tmp_path / "scans" / "RibFrac1-image.nii.gz", **fields)
    with pytest.raises(LabelledSetError, match="labelled-volume-invalid"):
        open_set(tmp_path).cases[0].load()


def test_a_volume_that_is_cut_off_or_no_volume_at_all(tmp_path: Path) -> None:
    ribfrac(tmp_path)
    image = tmp_path / "scans" / "RibFrac1-image.nii.gz"
    whole = image.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\x1f\x8b", b"text", gzip.compress(b"short")):
        image.write_bytes(content)
        with pytest.raises(LabelledSetError, match="labelled-volume-invalid"):
            open_set(tmp_path).cases[0].load()


def test_values_that_are_no_number(tmp_path: Path) -> None:
    scan = volume()
    broken = scan.voxels.astype(np.float32)
    broken[0, 0, 0] = np.nan
    write_nifti(broken, scan, tmp_path / "a-image.nii.gz")
    write_nifti(labels_at(scan), scan, tmp_path / "a-label.nii.gz")
    write_table(tmp_path, [("a", 0, 0)])
    with pytest.raises(LabelledSetError, match="labelled-volume-invalid: not finite"):
        open_set(tmp_path).cases[0].load()


def test_labels_on_another_grid(tmp_path: Path) -> None:
    ribfrac(tmp_path)
    scan = volume((12, 10, 15))
    write_nifti(labels_at(scan), scan, tmp_path / "scans" / "RibFrac1-label.nii.gz")
    with pytest.raises(LabelledSetError, match="labelled-grid-differs"):
        open_set(tmp_path).cases[0].load()


def test_a_label_that_the_table_does_not_know(tmp_path: Path) -> None:
    ribfrac(tmp_path)
    write_table(tmp_path, [("RibFrac1", 0, 0), ("RibFrac1", 1, 3)])
    with pytest.raises(LabelledSetError, match="labelled-label-unlisted: 2 in the volume, 1 in"):
        open_set(tmp_path).cases[0].load()


@pytest.mark.parametrize(
    "row",
    [
        ("RibFrac1", "one", 3),
        ("RibFrac1", 1, 9),
        ("RibFrac1", 1, 0),
        ("RibFrac1", 0, 3),
        ("RibFrac1", -1, 3),
        ("RibFrac1", 2, 1),
        ("", 1, 3),
        ("../RibFrac1", 1, 3),
        ("RibFrac*", 1, 3),
        ("RibFrac1",),
    ],
)
def test_a_row_with_a_fault_is_named(tmp_path: Path, row: Any) -> None:
    ribfrac(tmp_path)
    write_table(tmp_path, [("RibFrac1", 0, 0), ("RibFrac1", 2, 3), row])
    with pytest.raises(LabelledSetError, match="labelled-table-invalid: row 3"):
        open_set(tmp_path)


def test_a_missing_scan_is_named_by_its_row(tmp_path: Path) -> None:
    ribfrac(tmp_path)
    write_table(tmp_path, [("RibFrac1", 0, 0), ("RibFrac7", 0, 0)])
    with pytest.raises(LabelledSetError, match="labelled-file-missing: row 2: 0 files"):
        open_set(tmp_path)


def test_a_table_without_its_columns(tmp_path: Path) -> None:
    (tmp_path / "info.csv").write_text("id,label\n1,2\n")
    with pytest.raises(LabelledSetError, match="labelled-table-invalid: columns"):
        open_set(tmp_path)


def test_a_folder_without_a_set(tmp_path: Path) -> None:
    with pytest.raises(LabelledSetError, match="labelled-set-unknown"):
        open_set(tmp_path)
    write_coco(tmp_path, coco({}))
    with pytest.raises(LabelledSetError, match="labelled-set-empty"):
        open_set(tmp_path)
    write_table(tmp_path, [])
    with pytest.raises(LabelledSetError, match="labelled-set-unknown"):
        open_set(tmp_path)


GREY = np.tile(np.linspace(0, 255, 60), (50, 1)).astype(np.uint8)


def films(folder: Path) -> LabelledSet:
    write_picture(folder / "images" / "one.png", GREY)
    write_picture(folder / "two.png", GREY.astype(np.uint16) * 257)
    (folder / "three.dcm").write_bytes(part10(objects.film()))
    labels = coco({"one.png": [[5, 6, 20, 10], [30, 30, 4, 4]], "two.png": [], "three.dcm": []})
    labels["images"][0] |= {"patient": "p1", "body_part": "hand"}
    write_coco(folder, labels)
    return open_set(folder)


@pytest.mark.parametrize("preamble", [b"II*\0", b"MM\0*"])
def test_a_dicom_film_that_begins_as_a_tiff_is_read_as_dicom(
    preamble: bytes, tmp_path: Path
) -> None:
    plain = part10(objects.film())
    for name, start in (("plain.dcm", plain[:4]), ("both.dcm", preamble)):
        (tmp_path / name).write_bytes(start + plain[4:])
    write_coco(tmp_path, coco({"plain.dcm": [], "both.dcm": []}))
    one, both = (case.load().image for case in open_set(tmp_path).cases)
    assert isinstance(one, Film)
    assert isinstance(both, Film)
    assert np.array_equal(one.pixels, both.pixels)


def test_a_coco_set_with_films_of_three_kinds(tmp_path: Path) -> None:
    found = films(tmp_path)
    assert (found.format, found.image) == (Labelled.COCO, "film")
    one, two, three = (case.load() for case in found.cases)
    assert [case.patient for case in found.cases] == ["p1", "film 1", "film 2"]
    assert [each.where for each in one.lesions] == [
        FilmRegion(5, 6, 25, 16),
        FilmRegion(30, 30, 34, 34),
    ]
    assert one.attributes == {"body_part": "hand"}
    assert two.lesions == three.lesions == ()
    for loaded in (one, two, three):
        assert isinstance(loaded.image, Film)
        assert loaded.image.pixels.dtype == np.float32
        assert loaded.image.pixels.max() <= 1
    assert isinstance(one.image, Film)
    assert isinstance(two.image, Film)
    np.testing.assert_allclose(one.image.pixels, two.image.pixels, atol=1e-6)


def changed(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return content | changes


GOOD = coco({"one.png": [[5, 6, 20, 10]]})
NOTE = GOOD["annotations"][0]


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        changed(GOOD, images="none"),
        changed(GOOD, images=[{"file_name": "one.png"}]),
        changed(GOOD, images=[{"id": 0}]),
        changed(GOOD, images=GOOD["images"] * 2),
        changed(GOOD, annotations=[NOTE | {"image_id": 5}]),
        changed(GOOD, annotations=[NOTE | {"category_id": 5}]),
        changed(GOOD, annotations=[NOTE | {"bbox": [1, 2, 3]}]),
        changed(GOOD, annotations=[NOTE | {"bbox": [1, 2, 3, 0]}]),
        changed(GOOD, annotations=[NOTE | {"bbox": [1, 2, 3, "x"]}]),
        changed(GOOD, annotations=[NOTE | {"bbox": [1, 2, float("nan"), 4]}]),
    ],
)
def test_a_malformed_coco_file(tmp_path: Path, content: object) -> None:
    write_picture(tmp_path / "one.png", GREY)
    write_coco(tmp_path, content)
    with pytest.raises(LabelledSetError, match="labelled-table-invalid"):
        open_set(tmp_path)


def test_json_that_is_none(tmp_path: Path) -> None:
    for content in ("{", "[" * 100_000, "\x00"):
        (tmp_path / "labels.json").write_text(content)
        with pytest.raises(LabelledSetError, match="labelled-table-invalid"):
            open_set(tmp_path)


def test_a_film_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.png", GREY)
    write_coco(tmp_path / "set", coco({"../secret.png": []}))
    with pytest.raises(LabelledSetError, match=r"labelled-file-missing: images\[0\]"):
        open_set(tmp_path / "set")


def test_a_box_outside_of_its_film(tmp_path: Path) -> None:
    write_picture(tmp_path / "one.png", GREY)
    write_coco(tmp_path, coco({"one.png": [[50, 6, 20, 10]]}))
    with pytest.raises(LabelledSetError, match=r"labelled-box-outside: images\[0\]"):
        open_set(tmp_path).cases[0].load()


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\nbroken", b"\0" * 128 + b"DICM"]
)
def test_a_film_that_cannot_be_read_is_named_by_its_place(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.png").write_bytes(content)
    write_coco(tmp_path, coco({"one.png": []}))
    with pytest.raises(LabelledSetError, match=r"labelled-film-invalid: images\[0\]"):
        open_set(tmp_path).cases[0].load()


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    before = digest_of(films(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert digest_of(open_set(tmp_path / "b")) == before
    write_picture(tmp_path / "b" / "two.png", GREY)
    assert digest_of(open_set(tmp_path / "b")) != before
