"""What the analyser holds in memory of the studies under way, and can make again after a kill.

One decoding child for each study, its headers as they were read, and the images of the revision
that is being read. Nothing here is the truth: the ledgers are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

from appliance.clock import Clock
from appliance.domain import (
    InstanceFacts,
    InstanceHeader,
    Job,
    PackScope,
    Reason,
    SpooledInstance,
    Study,
    StudyKey,
)
from appliance.errors import StorageError
from appliance.imaging import Image
from appliance.loops import Loop
from appliance.pipeline.decode import DecodeLimits, Decoder, OpenInstance
from appliance.sealing import StudySeal
from appliance.storage import BlobStore


@dataclass(slots=True)
class Bench:
    """One study's decoder, headers and images."""

    decoder: Decoder
    blobs: dict[int, str]
    headers: dict[int, InstanceHeader | Reason] = field(default_factory=dict)
    images: dict[Job, Image] = field(default_factory=dict)

    def facts(self) -> tuple[InstanceFacts, ...]:
        """Of all instances whose header could be read, in the order of arrival."""
        found = (self.headers[number] for number in sorted(self.headers))
        return tuple(header.facts for header in found if isinstance(header, InstanceHeader))

    def unreadable(self) -> tuple[tuple[int, Reason], ...]:
        """The other ones, and why."""
        return tuple(
            (number, header)
            for number, header in sorted(self.headers.items())
            if isinstance(header, Reason)
        )


class Workbench:
    """The benches of the studies under way."""

    def __init__(
        self,
        spool: BlobStore,
        scopes: Mapping[str, PackScope],
        limits: DecodeLimits,
        clock: Clock,
        loop: Loop,
    ) -> None:
        self._spool = spool
        self._scopes = scopes
        self._limits = limits
        self._clock = clock
        self._loop = loop
        self._benches: dict[StudyKey, Bench] = {}
        self._decoding: tuple[str, Decoder] | None = None
        """(pack, decoder) of the image that is being decoded."""

    def bench(self, study: StudyKey, seal: StudySeal, filed: tuple[SpooledInstance, ...]) -> Bench:
        """The study's bench, made where there is none, that knows these instances."""
        bench = self._benches.get(study)
        if bench is None:
            blobs: dict[int, str] = {}
            bench = Bench(self._decoder(opener(self._spool, seal, blobs)), blobs)
            self._benches[study] = bench
        bench.blobs.update((instance.id, instance.blob) for instance in filed)
        return bench

    def read_headers(self, bench: Bench) -> None:
        """Read the headers that are not yet known. Raises StorageError for a broken seal."""
        missing = [number for number in sorted(bench.blobs) if number not in bench.headers]
        for number, header in bench.decoder.headers(missing):
            bench.headers[number] = header

    def image(self, bench: Bench, study: Study, job: Job) -> Image:
        """The decoded image of a job. Raises DecodeError."""
        found = bench.images.get(job)
        if found is None:
            self._decoding = (job.pack, bench.decoder)
            try:
                found = decoded(bench.decoder, study, job, self._scopes[job.pack])
            finally:
                self._decoding = None
            bench.images[job] = found
        return found

    def interrupt(self, pack: str) -> None:
        """From any thread: end the decoding of an image for this pack, if that is under way."""
        under_way = self._decoding
        if under_way is not None and under_way[0] == pack:
            under_way[1].cut()

    def forget(self, study: StudyKey) -> None:
        """End the study's decoding child and let go of its images."""
        bench = self._benches.pop(study, None)
        if bench is not None:
            bench.decoder.close()

    def close(self) -> None:
        """Forget every study."""
        for study in tuple(self._benches):
            self.forget(study)

    def _decoder(self, open_instance: OpenInstance) -> Decoder:
        return Decoder(open_instance, self._clock, self._limits, before_step=self._loop.turned)


def opener(spool: BlobStore, seal: StudySeal, blobs: Mapping[int, str]) -> OpenInstance:
    """What unseals a study's instances, by their number in the spool."""

    def open_instance(number: int) -> AbstractContextManager[BinaryIO]:
        try:
            return seal.reader(spool.open(blobs[number]))
        except KeyError:
            raise StorageError("blob-missing") from None

    return open_instance


def decoded(decoder: Decoder, study: Study, job: Job, scope: PackScope) -> Image:
    """The image of a job, as its pack wants it. Raises DecodeError."""
    facts = {each.spooled_id: each for series in study.series for each in series.instances}
    if scope.image == "volume":
        return decoder.volume(job, facts)
    return decoder.film(job, facts)
