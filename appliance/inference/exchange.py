"""Packs and images as messages between the host and its inference child.

The parent's words are not doubted; what the child says is checked, here and in
`appliance.inference.host`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from appliance.childprocess import Message
from appliance.domain import ModelIdentity
from appliance.errors import AnalysisError
from appliance.imaging import Film, Image, Volume
from appliance.inference.pack import GoldenCase, Pack
from appliance.inference.pack_schema import PackSpec


def pack_to_message(pack: Pack) -> Message:
    """The whole verified pack; its files travel as bytes."""
    files = [pack.network]
    for case in pack.golden:
        files += (case.image, case.expected)
    return Message(
        {
            "identity": asdict(pack.identity),
            "spec": pack.spec.model_dump_json(),
            "golden": [case.name for case in pack.golden],
        },
        tuple(np.frombuffer(file, np.uint8) for file in files),
    )


def pack_from_message(message: Message) -> Pack:
    """The inverse of `pack_to_message`."""
    network, *cases = (array.tobytes() for array in message.arrays)
    return Pack(
        ModelIdentity(**message.header["identity"]),
        PackSpec.model_validate_json(message.header["spec"]),
        network,
        tuple(
            GoldenCase(name, cases[2 * n], cases[2 * n + 1])
            for n, name in enumerate(message.header["golden"])
        ),
    )


def image_to_message(image: Image) -> Message:
    """The request to read an image, with its geometry."""
    match image:
        case Volume():
            return Message(
                {"do": "read", "kind": "volume"}, (image.voxels, image.origin_lps_mm, image.axes)
            )
        case Film():
            spacing = None if image.spacing_mm is None else list(image.spacing_mm)
            return Message({"do": "read", "kind": "film", "spacing_mm": spacing}, (image.pixels,))


def image_from_message(message: Message) -> Image:
    """The inverse of `image_to_message`; the arrays are read-only."""
    if message.header["kind"] == "volume":
        voxels, origin, axes = message.arrays
        return Volume(voxels, origin, axes)
    (pixels,) = message.arrays
    return Film(pixels, _pair(message.header["spacing_mm"]))


def seconds(answer: Mapping[str, object]) -> float:
    """The latency that a child names.

    Raises:
        AnalysisError: `inference-garbage`.
    """
    value = answer.get("latency_s")
    if isinstance(value, float) and value >= 0:
        return value
    raise AnalysisError("inference-garbage", "no latency named")


def _pair(spacing: list[float] | None) -> tuple[float, float] | None:
    return None if spacing is None else (spacing[0], spacing[1])
