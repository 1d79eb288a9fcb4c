"""Films of limbs and of trunks, seen coarsely and varied alike, for `trunk`.

No collection of real chests is at hand. What stands for them: chests and other trunks simulated
from CT, and shoulder films of FracAtlas `train` that show half a chest, mirrored about the spine.
A few films of `train` show the whole chest of a patient, mostly of a child; they count as trunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from appliance.errors import AnalysisError
from appliance.inference.steps.film_input import letterbox
from models.training.data.ct_scans import volumes
from models.training.dr import films
from models.training.simulation import trunk_film

SIDE = 56
_KEPT_SIDE = 112
SCANS = (
    ("lidc-idri-0087", 160),
    ("cmb-crc-msb-01068", 160),
    ("acrin-flt-breast-001", 60),
    ("tcga-e3-a3e5", 60),
)
"""Patients, and how many films are simulated of each of their series."""
WHOLE = (1053, 1045, 3659, 1460, 1461, 1058, 1716, 91, 90, 89)
"""Shoulder films of `train` with both lungs, looked at."""
_NO_HALF = (3690, 1686, 3424, 1525, 2692, 1272, 1262, 1822, 3031, 1802)
"""Shoulder films whose spine is not found, looked at."""
PARTS = {"hand": 0.35, "leg": 0.35, "hip": 0.12, "shoulder": 0.18}
Pixels = NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Examples:
    """Windowed films, (rows, columns) in [0, 1], at most 112 px: limbs by part, trunks by kind.

    apart: what no training sees, by name.
    """

    limbs: dict[str, list[Pixels]]
    mirrored: list[Pixels]
    whole: list[Pixels]
    chests: list[Pixels]
    others: list[Pixels]
    apart: dict[str, list[Pixels]]


def gather(data: Path) -> Examples:
    """All of them; data: folder that holds `fracatlas/`, `lidc/` and `ct/`."""
    collection = films.load(data / "fracatlas")
    limbs: dict[str, list[Pixels]] = {part: [] for part in PARTS}
    whole, mirrored = [], []
    for film in collection.train:
        shown = coarse(film.pixels())
        if film.number in WHOLE:
            whole.append(shown)
            continue
        limbs[film.part].append(shown)
        if film.part == "shoulder" and film.number not in _NO_HALF:
            mirrored.append(_mirrored(shown))
    simulated: dict[tuple[str, trunk_film.View], list[Pixels]] = {}
    for number, (patient, count) in enumerate(SCANS):
        for _, volume in volumes(data, (patient,)):
            for made in trunk_film.films(volume, count, np.random.default_rng(300 + number)):
                try:
                    shown = coarse(made.pixels)
                except AnalysisError:  # a part that shows nothing
                    continue
                simulated.setdefault((patient, made.view), []).append(shown)
    views = trunk_film.View
    lidc, cmb = SCANS[0][0], SCANS[1][0]
    apart: dict[str, list[Pixels]] = {f"fold, {part}": [] for part in PARTS}
    for film in collection.fold:
        apart[f"fold, {film.part}"].append(coarse(film.pixels()))
    apart["mirrored"] = mirrored[::3]
    apart |= {f"simulated, {lidc}, {v}": simulated[lidc, v] for v in (views.CHEST, views.SIDE)}
    return Examples(
        limbs,
        [each for n, each in enumerate(mirrored) if n % 3],
        whole,
        [*simulated[cmb, views.CHEST], *simulated[cmb, views.SIDE]],
        [each for (who, _), all_ in simulated.items() if who not in (lidc, cmb) for each in all_],
        apart,
    )


def coarse(pixels: Pixels) -> Pixels:
    """As the box windows a film, without the letterbox."""
    return np.ascontiguousarray(letterbox(pixels.astype(np.float32), _KEPT_SIDE).shown)


def fitted(shown: Pixels) -> Pixels:
    """(56, 56): centred as the letterbox centres, the rest zero."""
    rows, columns = shown.shape
    scale = SIDE / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(shown).resize(size, how))
    square = np.zeros((SIDE, SIDE), dtype=np.float32)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def limb(examples: Examples, rng: Random) -> Pixels:
    """One varied film of a limb."""
    part = str(rng.choice(list(PARTS), p=list(PARTS.values())))
    return varied(_any(examples.limbs[part], rng), rng)


def trunk(examples: Examples, rng: Random) -> Pixels:
    """One varied film of a trunk."""
    kind = rng.random()
    if kind < 0.4:
        return varied(_warped(_middle(_any(examples.mirrored, rng), rng), rng), rng)
    if kind < 0.47:
        return varied(_warped(_any(examples.whole, rng), rng), rng)
    if kind < 0.75:
        return varied(_warped(_any(examples.chests, rng), rng), rng)
    return varied(_any(examples.others, rng), rng)


def varied(shown: Pixels, rng: Random) -> Pixels:
    """Both kinds alike, frame and exposure included: neither may tell them apart. (56, 56)."""
    if rng.random() < 0.5:
        shown = ndimage.rotate(shown, rng.normal(0, 8), reshape=False, order=1, mode="nearest")
    shown = _cut(shown, rng)
    if rng.random() < 0.5:
        shown = shown[:, ::-1]
    turn = rng.random()
    shown = np.ascontiguousarray(shown[::-1] if turn < 0.2 else shown.T if turn < 0.35 else shown)
    if rng.random() < 0.5:
        shown = ndimage.gaussian_filter(shown, rng.uniform(0.3, 1.2))
    square = fitted(shown)
    if (square > 0).any():
        low, high = np.percentile(square[square > 0], (rng.uniform(0, 3), 100 - rng.uniform(0, 3)))
        square = np.clip((square - low) / max(high - low, 0.05), 0, 1)
    square = square ** np.exp(rng.normal(0, 0.45))
    if rng.random() < 0.3:
        band, value = int(rng.integers(2, 9)), rng.choice([0.0, 1.0])
        edge = (np.s_[:band], np.s_[-band:], np.s_[:, :band], np.s_[:, -band:])
        square[edge[rng.integers(4)]] = value
    if rng.random() < 0.05:
        square = 1 - square
    square = square * rng.uniform(0.85, 1.15) + rng.uniform(-0.08, 0.08)
    noise = rng.normal(0, rng.uniform(0, 0.03), square.shape)
    return (square + noise).astype(np.float32)


def _mirrored(shown: Pixels) -> Pixels:
    """Half a chest and its mirror image: the spine is the brightest column of the upper half."""
    rows, columns = shown.shape
    profile = np.median(shown[rows // 5 : 3 * rows // 5], axis=0)
    spine = int(np.argmax(ndimage.gaussian_filter1d(profile, 2)))
    half = shown[:, : spine + 1] if spine > columns - spine else shown[:, spine:][:, ::-1]
    half = half[:, -int(half.shape[1] * 0.8) :] if half.shape[1] > 50 else half
    return np.concatenate([half, half[:, ::-1]], axis=1)


def _middle(shown: Pixels, rng: Random) -> Pixels:
    away = int(shown.shape[1] * (1 - rng.uniform(0.55, 1)) / 2)
    return shown[:, away:-away] if away else shown


def _warped(shown: Pixels, rng: Random) -> Pixels:
    """Bodies differ: moved by a smooth field of some per cent of the sides."""
    rows, columns = shown.shape
    coarse_field = rng.normal(0, 1, (2, 4, 4))
    down, across = (
        ndimage.zoom(each, (rows / 4, columns / 4), order=1)[:rows, :columns]
        for each in coarse_field
    )
    if down.shape != shown.shape:
        return shown
    at = np.mgrid[:rows, :columns]
    moved = [at[0] + down * rows * 0.02, at[1] + across * columns * 0.03]
    return np.asarray(ndimage.map_coordinates(shown, moved, order=1, mode="nearest"))


def _cut(shown: Pixels, rng: Random) -> Pixels:
    rows, columns = shown.shape
    aspect = np.exp(rng.uniform(np.log(0.62), np.log(1.25)))
    height = rows * rng.uniform(0.72, 1.0)
    width = min(columns, height * aspect)
    height = min(rows, width / aspect)
    top, left = rng.uniform(0, rows - height), rng.uniform(0, columns - width)
    return shown[int(top) : int(top + height) + 1, int(left) : int(left + width) + 1]


def _any(among: list[Pixels], rng: Random) -> Pixels:
    return among[rng.integers(len(among))]
