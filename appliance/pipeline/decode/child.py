"""The child: takes one object at a time, piece by piece, and answers what it holds.

A request may bring the next bytes of the object as its array (`begins`: a new object), which
are kept; then it does (`do`):
- `take`: nothing more.
- `header` (`id`, `whole`: all bytes are here): `{"more": true}`, or the header as JSON.
- `slices` (`first`, `count`): int16 HU, shape (count, rows, columns).
- `film`: float32, shape (rows, columns).
Refusals are `DecodeError`; the child lives on and takes the next object.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict

import numpy as np
import pydicom.config

from appliance.childprocess import Message, serve
from appliance.domain import InstanceHeader
from appliance.errors import DecodeError
from appliance.pipeline.decode.attributes import attributes, patient_facts
from appliance.pipeline.decode.facts import frame_facts, instance_facts, pixel_bytes
from appliance.pipeline.decode.films import film
from appliance.pipeline.decode.hounsfield import hounsfield
from appliance.pipeline.decode.part10 import (
    HEADER_BYTES,
    Header,
    IncompleteError,
    Received,
    parse,
)
from appliance.pipeline.decode.pixels import Frames


class Decoding:
    """What the child knows of the present object."""

    def __init__(self) -> None:
        self._received = Received()
        self._opened: tuple[Header, Frames] | None = None

    def answer(self, request: Message) -> Message:
        """Keep the bytes that came, and do what `do` says. Raises DecodeError."""
        if request.arrays:
            self._keep(request.arrays[0].data, is_first=request.header["begins"])
        match dict(request.header):
            case {"do": "take"}:
                return Message({})
            case {"do": "header", "id": int(spooled_id), "whole": bool(is_whole)}:
                return self._header(spooled_id, is_whole=is_whole)
            case {"do": "slices", "first": int(first), "count": int(count)}:
                return self._slices(first, count)
            case {"do": "film"}:
                header, frames = self._open()
                return Message({}, (film(frames, header.dataset),))
            case _:
                raise ValueError(request.header["do"])

    def _keep(self, content: memoryview, *, is_first: bool) -> None:
        if is_first:
            self._opened = None
            self._received = Received()
        self._received.seek(0, 2)
        self._received.write(content)

    def _header(self, spooled_id: int, *, is_whole: bool) -> Message:
        try:
            header = parse(self._received, is_whole=is_whole)
            facts = instance_facts(header, spooled_id)
        except IncompleteError:
            if is_whole or len(self._received.getbuffer()) > HEADER_BYTES:
                raise DecodeError("header-too-long") from None
            return Message({"more": True})
        except RecursionError:
            raise DecodeError("nesting-too-deep") from None
        dataset = header.dataset
        found = InstanceHeader(facts, patient_facts(dataset), attributes(dataset))
        return Message({"header": asdict(found)})

    def _slices(self, first: int, count: int) -> Message:
        header, frames = self._open()
        described = frame_facts(header.dataset)
        if not 0 <= first < first + count <= len(described):
            raise DecodeError("pixels-truncated", "fewer frames than asked for")
        shape = (count, frames.layout.rows, frames.layout.columns)
        slices = np.empty(shape, np.int16)
        for place, frame in enumerate(described[first : first + count]):
            slices[place] = hounsfield(frames, header.dataset, frame)
        return Message({}, (slices,))

    def _open(self) -> tuple[Header, Frames]:
        if self._opened is None:
            header = parse(self._received, is_whole=True)
            deflated = header.content is not self._received
            if deflated:
                bound = HEADER_BYTES + pixel_bytes(header.dataset)
                header = parse(self._received, is_whole=True, inflated_bytes=bound)
            self._opened = header, Frames(header)
        return self._opened


if __name__ == "__main__":
    # What pydicom warns of may quote the object, and conversions that fail are handled one by one.
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    serve(Decoding().answer)
