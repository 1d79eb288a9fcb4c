"""What no model was made for: no crash, no NaN, and never silence where nothing could be read.

Every pack of the tree reads it with its own network. A reading ends as findings that can be, or
aloud with a code that has a sentence for the doctor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.domain import Detection
from appliance.errors import AnalysisError
from appliance.imaging import Image, Volume
from appliance.inference.detections import centre, checked
from appliance.inference.device import Device
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from appliance.inference.runtimes.onnxruntime import OnnxRuntime
from appliance.inference.steps import reader
from appliance.reasons import REASONS, ReasonKind
from tests.simulators import bad_input

MODELS = Path(__file__).parents[2] / "models"


@cache
def _pack(name: str) -> tuple[Pack, OnnxRuntime]:
    pack = open_pack(MODELS / name, Trust.shipped())
    return pack, OnnxRuntime(pack.network, Device.CPU)


def packs(image: str) -> list[str]:
    names = sorted(place.parent.name for place in MODELS.glob("*/pack.yaml"))
    return [name for name in names if _pack(name)[0].spec.image == image]


def read(name: str, image: Image) -> tuple[Detection, ...]:
    pack, network = _pack(name)
    found = reader(pack.spec.reader.name)(image, network, pack.spec.reader.parameters)
    return tuple(checked(each, pack.spec) for each in found)


def sound_or_aloud(name: str, image: Image) -> Iterator[Detection]:
    """The findings, each of them possible; none where the reader said why it did not read."""
    try:
        found, code = read(name, image), ""
    except AnalysisError as error:
        found, code = (), error.code
    assert not code or REASONS[code].kind is ReasonKind.NOT_READ
    for each in found:
        assert math.isfinite(each.score)
        assert all(map(math.isfinite, centre(each.region)))
        if isinstance(image, Volume):
            index = image.to_index(np.array(centre(each.region)))
            assert (index > -10).all()
            assert (index < np.array(image.voxels.shape) + 10).all()
        else:
            column, row = centre(each.region)
            assert 0 <= column <= image.pixels.shape[1]
            assert 0 <= row <= image.pixels.shape[0]
        yield each


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", bad_input.READABLE_VOLUMES)
@pytest.mark.parametrize("name", packs("volume"))
def test_metal_contrast_motion_and_cut_off_chests(name: str, kind: str) -> None:
    list(sound_or_aloud(name, bad_input.READABLE_VOLUMES[kind]()))


@pytest.mark.parametrize("kind", bad_input.NO_CHEST)
@pytest.mark.parametrize("name", packs("volume"))
def test_what_is_no_chest_is_never_read_in_silence(name: str, kind: str) -> None:
    with pytest.raises(AnalysisError) as said:
        read(name, bad_input.NO_CHEST[kind]())
    assert REASONS[said.value.code].kind is ReasonKind.NOT_READ


@pytest.mark.parametrize("kind", bad_input.ODD_FILMS)
@pytest.mark.parametrize("name", packs("film"))
def test_odd_films(name: str, kind: str) -> None:
    list(sound_or_aloud(name, bad_input.ODD_FILMS[kind]()))


@pytest.mark.parametrize("kind", bad_input.NO_FILM)
@pytest.mark.parametrize("name", packs("film"))
def test_a_film_that_shows_nothing_is_never_read_in_silence(name: str, kind: str) -> None:
    with pytest.raises(AnalysisError, match="film-blank"):
        read(name, bad_input.NO_FILM[kind]())


@pytest.mark.parametrize("name", [*packs("volume"), *packs("film")])
def test_children_are_out_of_the_scope_of_every_pack(name: str) -> None:
    assert _pack(name)[0].spec.scope.youngest_years >= 18
