"""The parent's side: streams unsealed objects into the child and checks what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from appliance.childprocess import Child, ChildError, Fault, Limits, Message
from appliance.clock import Clock
from appliance.domain import InstanceFacts, InstanceHeader, Job, Reason
from appliance.errors import DecodeError, OsteonError
from appliance.imaging import Film, Volume
from appliance.pipeline.decode.grid import grid_of

OpenInstance = Callable[[int], AbstractContextManager[BinaryIO]]
"""A spooled instance's id → its unsealed bytes, as a stream that is closed on leaving."""

LARGEST_VOLUME_BYTES: Final = 1280 * 2**20
"""2,500 slices of 512 x 512."""
_MODULE: Final = "appliance.pipeline.decode.child"
_START_SECONDS: Final = 60.0
_FIRST_BYTES: Final = 2**16
_CHUNK_BYTES: Final = 8 * 2**20
_BATCH_BYTES: Final = 64 * 2**20
_HEADER: Final = TypeAdapter(InstanceHeader)
_CODES: Final = {
    Fault.CRASHED: "decoder-crashed",
    Fault.TIMEOUT: "decoder-timeout",
    Fault.MEMORY: "decoder-memory",
    Fault.GARBAGE: "decoder-answer-invalid",
}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """memory_bytes: private memory of the child. step_s: seconds for one request to it."""

    memory_bytes: int = 1536 * 2**20
    step_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some bytes of an object, in order; the first piece begins a new one."""

    content: bytes
    is_first: bool


class Decoder:
    """One child, for the objects of one study; started at the first need, replaced when it dies.

    before_step: told ahead of each request how many seconds it may take, for the watchdog.

    Not thread-safe, but for `cut`. Close it (or use `with`) when the study is done.
    """

    def __init__(
        self,
        open_instance: OpenInstance,
        clock: Clock,
        limits: DecodeLimits | None = None,
        module: str = _MODULE,
        before_step: Callable[[float], None] | None = None,
    ) -> None:
        self._open_instance = open_instance
        self._clock = clock
        self._limits = limits or DecodeLimits()
        self._module = module
        self._before_step = before_step
        self._child: Child | None = None
        self._is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def cut(self) -> None:
        """From any thread: whatever is under way ends at once, and nothing more is decoded.

        It raises DecodeError, `decoder-crashed`.
        """
        self._is_cut = True
        child = self._child
        if child is not None:
            child.close()

    def start(self) -> None:
        """Start the child ahead of the first need, which saves its start-up then.

        Raises DecodeError when it does not start.
        """
        if self._child is None:
            limits = Limits(self._limits.memory_bytes, reply_bytes=2**29)
            try:
                self._child = Child(self._module, limits, self._clock)
            except ChildError as error:
                raise DecodeError(_CODES[error.fault], "at its start") from error

    def headers(self, spooled_ids: Iterable[int]) -> Iterator[tuple[int, InstanceHeader | Reason]]:
        """The header of each instance, or why it could not be read: one bad object spoils no other.

        Raises StorageError when an instance cannot be unsealed.
        """
        for spooled_id in spooled_ids:
            try:
                yield spooled_id, self._header(spooled_id)
            except DecodeError as error:
                yield spooled_id, Reason(error.code, error.detail)

    def volume(self, job: Job, instances: Mapping[int, InstanceFacts]) -> Volume:
        """The slices of a CT job as one grid in Hounsfield units.

        Raises:
            DecodeError: a slice could not be decoded; none is ever left out.
            StorageError: an instance cannot be unsealed.
        """
        frames = job.frames or (0,) * len(job.spooled_ids)
        places = [
            instances[spooled_id].frames[frame]
            for spooled_id, frame in zip(job.spooled_ids, frames, strict=True)
        ]
        first = instances[job.spooled_ids[0]]
        origin, axes = grid_of(places)
        shape = (len(places), first.rows, first.columns)
        if 2 * int(np.prod(shape, dtype=np.int64)) > LARGEST_VOLUME_BYTES:
            raise DecodeError("volume-too-large", f"{shape[0]} x {shape[1]} x {shape[2]}")
        voxels = np.empty(shape, np.int16)
        target: dict[int, list[tuple[int, int]]] = {}
        for place, (spooled_id, frame) in enumerate(zip(job.spooled_ids, frames, strict=True)):
            target.setdefault(spooled_id, []).append((frame, place))
        for spooled_id, wanted in target.items():
            piece: _Piece | None = self._send_all_but_last(spooled_id)
            for batch in _batches(sorted(wanted), 2 * first.rows * first.columns):
                self._fetch_slices(batch, voxels, piece)
                piece = None
        if voxels.min() == voxels.max():
            raise DecodeError("image-blank")
        voxels.flags.writeable = False
        return Volume(voxels, origin, axes)

    def film(self, job: Job, instances: Mapping[int, InstanceFacts]) -> Film:
        """The one film of a job, brighter = denser.

        Raises DecodeError and StorageError, as `volume` does.
        """
        facts = instances[job.spooled_ids[0]]
        piece = self._send_all_but_last(facts.spooled_id)
        pixels = self._array({"do": "film"}, np.float32, (facts.rows, facts.columns), piece)
        low, high = float(pixels.min()), float(pixels.max())
        if not 0 <= low < high <= 1:
            raise DecodeError("image-blank" if low == high else "decoder-answer-invalid")
        own = facts.frames[0].pixel_spacing_mm
        return Film(pixels, facts.imager_pixel_spacing_mm or own)

    def _fetch_slices(
        self,
        wanted: Sequence[tuple[int, int]],
        voxels: NDArray[np.int16],
        piece: _Piece | None,
    ) -> None:
        """Frames that lie next to each other in the object, each to its place in the volume."""
        start = wanted[0][0]
        request = {"do": "slices", "first": start, "count": len(wanted)}
        slices = self._array(request, np.int16, (len(wanted), *voxels.shape[1:]), piece)
        for frame, place in wanted:
            voxels[place] = slices[frame - start]

    def _array(
        self,
        request: Mapping[str, Any],
        kind: type[np.generic],
        shape: tuple[int, ...],
        piece: _Piece | None,
    ) -> NDArray[Any]:
        answer = self._ask(request, piece)
        match answer.arrays:
            case (array,) if array.dtype == kind and array.shape == shape:
                return array
            case (array,) if array.dtype == kind:
                raise DecodeError("pixels-corrupt", "shape differs from the header")
        raise DecodeError("decoder-answer-invalid")

    def _header(self, spooled_id: int) -> InstanceHeader:
        size = _FIRST_BYTES
        is_first = True
        with self._open_instance(spooled_id) as stream:
            while True:
                chunk = _read(stream, size)
                request = {"do": "header", "id": spooled_id, "whole": len(chunk) < size}
                answer = self._ask(request, _Piece(chunk, is_first)).header
                if answer.get("more") is not True:
                    return _checked(answer.get("header"), spooled_id)
                size, is_first = _CHUNK_BYTES, False

    def _send_all_but_last(self, spooled_id: int) -> _Piece:
        """Stream an object into the child; its last piece is left for the request that uses it."""
        with self._open_instance(spooled_id) as stream:
            piece = _Piece(_read(stream, _CHUNK_BYTES), is_first=True)
            while len(piece.content) == _CHUNK_BYTES and (chunk := _read(stream, _CHUNK_BYTES)):
                self._ask({"do": "take"}, piece)
                piece = _Piece(chunk, is_first=False)
        return piece

    def _ask(self, request: Mapping[str, Any], piece: _Piece | None = None) -> Message:
        if self._before_step is not None:
            self._before_step(_START_SECONDS + self._limits.step_s)
        self.start()
        assert self._child is not None  # noqa: S101 - `start` made it
        if self._is_cut:  # it may have come before there was a child to end
            self.close()
            raise DecodeError("decoder-crashed", "cut short")
        try:
            if piece is None:
                return self._child.request(request, within_s=self._limits.step_s)
            content = np.frombuffer(piece.content, np.uint8)
            header = {**request, "begins": piece.is_first}
            return self._child.request(header, (content,), within_s=self._limits.step_s)
        except ChildError as error:
            self._child = None
            raise DecodeError(_CODES[error.fault], error.detail) from error
        except OsteonError as error:
            raise DecodeError(error.code, error.detail) from error


def _read(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes, or what is left."""
    parts = bytearray()
    while len(parts) < size:
        part = stream.read(size - len(parts))
        if not part:
            break
        parts += part
    return bytes(parts)


def _batches(
    wanted: Sequence[tuple[int, int]], frame_bytes: int
) -> Iterator[list[tuple[int, int]]]:
    """Runs of neighbouring frames, none of which takes more memory than one answer should."""
    most = max(1, _BATCH_BYTES // frame_bytes)
    batch: list[tuple[int, int]] = []
    for frame, place in wanted:
        if batch and (frame != batch[-1][0] + 1 or len(batch) == most):
            yield batch
            batch = []
        batch.append((frame, place))
    yield batch


def _checked(content: object, spooled_id: int) -> InstanceHeader:
    """The header, when the child's answer has its shape; the child may have been taken over."""
    try:
        header = _HEADER.validate_json(json.dumps(content), strict=True)
    except ValidationError:
        raise DecodeError("decoder-answer-invalid") from None
    if header.facts.spooled_id != spooled_id:
        raise DecodeError("decoder-answer-invalid")
    return header
