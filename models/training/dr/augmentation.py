"""Make one film look as other rooms would have made it: scale, place, exposure, borders, markers.

Boxes are arrays (n, 4) of x0, y0, x1, y1 in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from appliance.inference.steps.film_input import letterbox

Pixels = NDArray[np.float32]
Boxes = NDArray[np.float64]
Random = np.random.Generator


def example(pixels: Pixels, boxes: Boxes, side: int, rng: Random) -> tuple[Pixels, Boxes]:
    """A varied film through the box's own preprocessing → (side, side) and boxes in it."""
    pixels, boxes = _turn(pixels, boxes, rng)
    pixels, boxes = _place(pixels, boxes, side, rng)
    if rng.random() < 0.3:
        pixels = _borders(pixels, rng)
    if rng.random() < 0.3:
        pixels = _marker(pixels, rng)
    pixels = _exposure(pixels, rng)
    fitted = letterbox(pixels, side)
    boxes = boxes * fitted.scale + np.array([fitted.left, fitted.top] * 2)
    square = np.clip(fitted.square * rng.uniform(0.85, 1.15) + rng.uniform(-0.08, 0.08), 0, 1)
    if rng.random() < 0.08:
        square = 1 - square
    return square.astype(np.float32), boxes


def light(square: Pixels, boxes: Boxes, rng: Random) -> tuple[Pixels, Boxes]:
    """A film that is through the preprocessing: turned, exposed otherwise, moved a little."""
    square, boxes = _turn(square, boxes, rng)
    side = square.shape[0]
    if rng.random() < 0.5:
        zoom = np.exp(rng.uniform(np.log(0.88), np.log(1.18)))
        first = side / 2 * (1 - 1 / zoom) + rng.uniform(-0.05, 0.05, 2) * side
        moved = (boxes.reshape(-1, 2, 2) - first) * zoom
        middle = moved.mean(axis=1)
        # a fracture never leaves the square
        if ((middle > 0.02 * side) & (middle < 0.98 * side)).all():
            step = 1 / zoom
            image = Image.fromarray(square).transform(
                (side, side),
                Image.Transform.AFFINE,
                (step, 0, first[0], 0, step, first[1]),
                Image.Resampling.BILINEAR,
            )
            square, boxes = np.asarray(image, dtype=np.float32), moved.reshape(-1, 4)
    square = np.clip(square, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    square = np.clip(square * rng.uniform(0.85, 1.15) + rng.uniform(-0.08, 0.08), 0, 1)
    return square.astype(np.float32), boxes


def crop(square: Pixels, boxes: Boxes, side: int, rng: Random) -> tuple[Pixels, Boxes]:
    """A part (side, side) that shows a fracture, where there is one; else one with texture."""
    room = square.shape[0] - side
    if len(boxes):
        x0, y0, x1, y1 = boxes[rng.integers(len(boxes))]
        # the middle of the fracture lies within the inner four fifths of the part
        within = side * rng.uniform(0.1, 0.9, 2)
        first = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) - within
    else:
        tried = [rng.uniform(0, room, 2) for _ in range(3)]
        first = max(tried, key=lambda at: float(_part(square, at, side).std()))
    first = np.clip(np.round(first), 0, room)
    moved = boxes - np.tile(first, 2)
    middle = moved.reshape(-1, 2, 2).mean(axis=1)
    kept = ((middle > 0) & (middle < side)).all(axis=1)
    return np.ascontiguousarray(_part(square, first, side)), moved[kept]


def _part(square: Pixels, first: NDArray[np.float64], side: int) -> Pixels:
    column, row = (int(edge) for edge in first)
    return square[row : row + side, column : column + side]


def _turn(pixels: Pixels, boxes: Boxes, rng: Random) -> tuple[Pixels, Boxes]:
    boxes = boxes.copy()
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
        boxes[:, [0, 2]] = pixels.shape[1] - boxes[:, [2, 0]]
    if rng.random() < 0.3:
        pixels = pixels[::-1]
        boxes[:, [1, 3]] = pixels.shape[0] - boxes[:, [3, 1]]
    if rng.random() < 0.35:
        pixels, boxes = pixels.T, boxes[:, [1, 0, 3, 2]]
    return np.ascontiguousarray(pixels), boxes


def _place(pixels: Pixels, boxes: Boxes, side: int, rng: Random) -> tuple[Pixels, Boxes]:
    """Rotate, zoom and move the film within a frame of varied shape."""
    rows, columns = pixels.shape
    zoom = side / max(rows, columns) * np.exp(rng.uniform(np.log(0.75), np.log(1.55)))
    angle = np.deg2rad(rng.normal(0, 9))
    height, width = (round(side * s) for s in _frame(rows, columns, rng))
    centre = np.array([columns / 2, rows / 2])
    if len(boxes) and zoom * max(rows, columns) > side:  # keep the fracture in the frame
        box = boxes[rng.integers(len(boxes))]
        centre = centre + rng.uniform(0.5, 1) * ((box[:2] + box[2:]) / 2 - centre)
    target = np.array([width, height]) * (0.5 + rng.uniform(-0.12, 0.12, 2))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.linalg.inv(turn)
    start = centre - back @ target
    image = Image.fromarray(pixels)
    if zoom < 0.8:  # the transform below does not average
        few = max(1, int(1 / zoom + 0.3))
        image = image.reduce(few)
        back, start = back / few, start / few
    image = image.transform(
        (width, height),
        Image.Transform.AFFINE,
        (back[0, 0], back[0, 1], start[0], back[1, 0], back[1, 1], start[1]),
        Image.Resampling.BILINEAR,
        fillcolor=float(rng.choice([0.0, float(np.percentile(pixels, 2))])),
    )
    moved = []
    for x0, y0, x1, y1 in boxes:
        ends = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
        middle = (ends.mean(axis=0) - centre) @ turn.T + target
        half = np.array([x1 - x0, y1 - y0]) / 2
        # an ellipse within the box turns into one within this box: tighter than the corners
        spread = np.sqrt(np.square(turn) @ np.square(half))
        if (middle > 2).all() and (middle < np.array([width, height]) - 2).all():
            moved.append(np.concatenate([middle - spread, middle + spread]))
    return np.asarray(image, dtype=np.float32), np.array(moved).reshape(-1, 4)


def _frame(rows: int, columns: int, rng: Random) -> tuple[float, float]:
    """Height and width as shares of the square; now and then a square film."""
    if rng.random() < 0.25:
        return 1.0, 1.0
    longest = max(rows, columns)
    return max(0.45, rows / longest), max(0.45, columns / longest)


def _borders(pixels: Pixels, rng: Random) -> Pixels:
    """Collimated edges: bands of white, black or grey with a soft rim."""
    rows, columns = pixels.shape
    inside = np.ones((rows, columns), dtype=np.float32)
    for edge in rng.permutation(4)[: rng.integers(1, 5)]:
        band = rng.uniform(0.02, 0.22)
        if edge < 2:
            depth = int(band * rows)
            inside[: depth or 1] = 0 if edge == 0 else inside[: depth or 1]
            inside[rows - depth :] = 0 if edge == 1 else inside[rows - depth :]
        else:
            depth = int(band * columns)
            inside[:, : depth or 1] = 0 if edge == 2 else inside[:, : depth or 1]
            inside[:, columns - depth :] = 0 if edge == 3 else inside[:, columns - depth :]
    inside = ndimage.gaussian_filter(inside, rng.uniform(0.5, 6))
    level = rng.choice([0.0, 1.0, 1.0, rng.uniform(0.2, 1)])
    return (pixels * inside + level * (1 - inside)).astype(np.float32)


def _marker(pixels: Pixels, rng: Random) -> Pixels:
    """A bright bar-built letter, as lead markers look once reduced."""
    size = int(rng.integers(6, 18))
    letter = np.zeros((size, size), dtype=np.float32)
    stroke = max(1, size // 6)
    letter[:, :stroke] = 1
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, size - stroke))
        if rng.random() < 0.7:
            letter[at : at + stroke] = 1
        else:
            letter[:, at : at + stroke] = 1
    row = int(rng.integers(0, max(1, pixels.shape[0] - size)))
    column = int(rng.integers(0, max(1, pixels.shape[1] - size)))
    pixels = pixels.copy()
    part = pixels[row : row + size, column : column + size]
    part[...] = np.maximum(part, letter[: part.shape[0], : part.shape[1]])
    return pixels


def _exposure(pixels: NDArray[np.floating], rng: Random) -> Pixels:
    pixels = np.clip(pixels, 0, 1) ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.3:
        pixels = ndimage.gaussian_filter(pixels, rng.uniform(0.3, 0.9))
    if rng.random() < 0.3:  # edge enhancement of the console
        pixels = pixels + rng.uniform(0.2, 1) * (pixels - ndimage.gaussian_filter(pixels, 2))
    if rng.random() < 0.5:
        pixels = pixels + rng.normal(0, rng.uniform(0.002, 0.015), pixels.shape)
    return pixels.astype(np.float32)
