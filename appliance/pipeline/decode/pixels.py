"""Stored pixel values of single frames, whatever the transfer syntax.

Sizes are checked before anything is decoded, and shape and number of bits after it: most damaged
JPEG 2000 frames decode without any complaint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from appliance.errors import DecodeError
from appliance.pipeline.decode.facts import LARGEST_FRAME, frame_count, pixel_integer
from appliance.pipeline.decode.part10 import Header, PixelPlace

_NATIVE: Final = frozenset(
    {
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
    }
)
_PLUGINS: Final = {
    JPEGBaseline8Bit: "pylibjpeg",
    JPEGExtended12Bit: "pylibjpeg",
    JPEGLossless: "pylibjpeg",
    JPEGLosslessSV1: "pylibjpeg",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
    RLELossless: "pydicom",
}
"""One decoder for each syntax, so that a study reads the same on every box."""
_INTEGER_PIXELS: Final = 0x0010
_END_OF_IMAGE: Final = b"\xff\xd9"
_PADDING: Final = 64

Stored = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the header says that the pixels are stored."""

    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool


class Frames:
    """The frames of one object, decoded one at a time."""

    def __init__(self, header: Header) -> None:
        """Check what is declared against what is there; nothing is decoded yet.

        Raises DecodeError: "pixels-missing", "float-pixels", "image-in-colour",
        "attribute-invalid", "frame-too-large", "too-many-frames", "transfer-syntax-unsupported",
        "pixels-truncated", "pixels-corrupt".
        """
        place = header.pixels
        if place is None:
            raise DecodeError("pixels-missing")
        if place.element != _INTEGER_PIXELS:
            raise DecodeError("float-pixels")
        self.layout = _layout(header.dataset)
        self._frame: Callable[[int], Stored]
        syntax = UID(header.transfer_syntax_uid)
        if syntax in _NATIVE:
            self._frame = self._native(header, place)
        elif syntax in _PLUGINS:
            self._frame = self._encapsulated(header, place, syntax)
        else:
            raise DecodeError("transfer-syntax-unsupported")

    def stored(self, index: int) -> Stored:
        """Stored values of one frame, shape (rows, columns), unused high bits taken off.

        Raises DecodeError: "pixels-corrupt", "pixels-implausible".
        """
        frame = self._frame(index)
        if frame.shape != (self.layout.rows, self.layout.columns):
            raise DecodeError("pixels-corrupt", "shape differs from the header")
        return frame

    def _native(self, header: Header, place: PixelPlace) -> Callable[[int], Stored]:
        layout = self.layout
        order = "<" if header.is_little_endian else ">"
        kind = np.dtype(f"{order}{'i' if layout.is_signed else 'u'}{layout.bits_allocated // 8}")
        count = layout.rows * layout.columns
        there = len(header.content.getbuffer()) - place.offset
        if place.length is None:
            raise DecodeError("pixels-corrupt", "native pixels of undefined length")
        if min(there, place.length) < layout.frames * count * kind.itemsize:
            raise DecodeError("pixels-truncated")
        unused = layout.bits_allocated - layout.bits_stored
        view = header.content.getbuffer()

        def frame(index: int) -> Stored:
            start = place.offset + index * count * kind.itemsize
            values = np.frombuffer(view, kind, count, start).reshape(layout.rows, layout.columns)
            values = values.astype(kind.newbyteorder("="))
            # Overlays may lie in the unused bits; shifting there and back also extends the sign.
            return (values << unused) >> unused if unused else values

        return frame

    def _encapsulated(
        self, header: Header, place: PixelPlace, syntax: UID
    ) -> Callable[[int], Stored]:
        header.content.seek(place.offset)
        try:
            frames = list(generate_frames(header.content, number_of_frames=self.layout.frames))
        except (ValueError, EOFError, IndexError) as error:
            raise DecodeError("pixels-truncated", type(error).__name__) from error
        if len(frames) < self.layout.frames:
            raise DecodeError("pixels-truncated", f"{len(frames)} of {self.layout.frames} frames")
        if syntax != RLELossless and any(not _is_ended(frame) for frame in frames):
            raise DecodeError("pixels-truncated", "no end of image")
        decoder = get_decoder(syntax)

        def frame(index: int) -> Stored:
            single = self._single(frames[index], syntax)
            try:
                values, _ = decoder.as_array(single, raw=True, decoding_plugin=_PLUGINS[syntax])
            except MemoryError:
                raise
            except Exception as error:
                # Each codec has errors of its own; the type's name tells the maker enough.
                raise DecodeError("pixels-corrupt", type(error).__name__) from error
            return self._within_bits(values)

        return frame

    def _single(self, frame: bytes, syntax: UID) -> Dataset:
        """One encoded frame as an object of its own."""
        layout = self.layout
        single = Dataset()
        single.file_meta = FileMetaDataset()
        single.file_meta.TransferSyntaxUID = syntax
        single.Rows, single.Columns = layout.rows, layout.columns
        single.BitsAllocated, single.BitsStored = layout.bits_allocated, layout.bits_stored
        single.HighBit = layout.bits_stored - 1
        single.PixelRepresentation = int(layout.is_signed)
        single.SamplesPerPixel = 1
        single.PhotometricInterpretation = "MONOCHROME2"
        single.PixelData = encapsulate([frame])
        return single

    def _within_bits(self, values: Stored) -> Stored:
        layout = self.layout
        low, high = 0, 2**layout.bits_stored - 1
        if layout.is_signed:
            low, high = -(2 ** (layout.bits_stored - 1)), 2 ** (layout.bits_stored - 1) - 1
        if values.min() < low or values.max() > high:
            raise DecodeError("pixels-implausible", f"more than {layout.bits_stored} bits")
        return values


def _layout(dataset: Dataset) -> Layout:
    if pixel_integer(dataset, "SamplesPerPixel") != 1:
        raise DecodeError("image-in-colour")
    allocated = pixel_integer(dataset, "BitsAllocated")
    stored = pixel_integer(dataset, "BitsStored")
    rows, columns = pixel_integer(dataset, "Rows"), pixel_integer(dataset, "Columns")
    if allocated not in {8, 16, 32} or not 1 <= stored <= allocated or not rows * columns:
        raise DecodeError("attribute-invalid", "pixel layout")
    if rows * columns > LARGEST_FRAME:
        raise DecodeError("frame-too-large", f"{rows} x {columns}")
    is_signed = pixel_integer(dataset, "PixelRepresentation") == 1
    return Layout(rows, columns, frame_count(dataset), allocated, stored, is_signed)


def _is_ended(frame: bytes) -> bool:
    """Whether a JPEG of any kind reaches its end-of-image marker; padding may follow."""
    tail = frame[-_PADDING:]
    end = tail.rfind(_END_OF_IMAGE)
    return end >= 0 and not tail[end + len(_END_OF_IMAGE) :].strip(b"\0\xff")
