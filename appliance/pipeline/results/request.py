"""What the result objects of one finished reading are made from, and what they are."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from appliance.domain import Bone, CaseCode, Finding, Job, ModelIdentity, Read, Study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.imaging import Image


class ResultKind(StrEnum):
    """The kinds of object that the box gives back to the PACS."""

    REPORT = "report"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class ResultObject:
    """One finished object: a Part 10 file, ready to be sealed and sent."""

    kind: ResultKind
    sop_class_uid: str
    sop_instance_uid: str
    part10: bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """What one pack looks at, in the words of its `pack.yaml`."""

    pack: str
    bones: tuple[Bone, ...]
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """Who made the objects: the box itself."""

    manufacturer: str
    model: str
    version: str
    serial: str = ""


@dataclass(frozen=True, slots=True)
class ResultRequest:
    """Everything that the objects of one revision say.

    images: the decoded image of every job that has a finding (or of all jobs).
    attributes: one instance's attributes in the DICOM JSON model (PS3.18 annex F), as decoding
        hands them over (`InstanceHeader.attributes`): allow-listed, each value valid for its VR.
    decided_at: seconds since 1970; stands as the objects' content time, so that making them again
        gives the same bytes.
    uid_seed: secret or keyed digest for this study and revision; every UID of the objects derives
        from it, so that an object made again after a kill is the same object.
    language: of the texts in the pictures; the SR itself is English.
    """

    study: Study
    read: Read
    case: CaseCode
    images: Mapping[Job, Image]
    attributes: str
    scopes: tuple[Scope, ...]
    device: Device
    decided_at: float
    uid_seed: bytes
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Located:
    """A finding with the job that it came from and the model that made it."""

    finding: Finding
    job: Job
    model: ModelIdentity


def located(read: Read) -> tuple[Located, ...]:
    """Every finding with its job, urgent ones first, then by falling score.

    Two films of one series may hold equal detections: the n-th equal finding goes to the n-th job
    that has it. Raises ValueError for a finding that no job of the reading made.
    """
    taken: Counter[tuple[Job, Finding]] = Counter()
    result = [_locate(read, finding, taken) for finding in read.findings]
    return tuple(
        sorted(result, key=lambda item: (not item.finding.urgent, -item.finding.detection.score))
    )


def _locate(read: Read, finding: Finding, taken: Counter[tuple[Job, Finding]]) -> Located:
    for detections in read.detections:
        job = detections.job
        if (job.pack, job.series_uid) != (finding.pack, finding.series_uid):
            continue
        if detections.items.count(finding.detection) > taken[job, finding]:
            taken[job, finding] += 1
            return Located(finding, job, detections.model)
    raise ValueError("a finding that no job of this reading made")


def is_volume(job: Job) -> bool:
    """Whether the job read slices; otherwise it read a film."""
    return job.slice_increment_mm is not None


def part_of(request: ResultRequest, *, volumes: bool) -> ResultRequest:
    """The request as if the study held only its volumes, or only its films."""
    detections = tuple(item for item in request.read.detections if is_volume(item.job) is volumes)
    series = {item.job.series_uid for item in detections}
    findings = tuple(item for item in request.read.findings if item.series_uid in series)
    return replace(request, read=replace(request.read, findings=findings, detections=detections))


def derived_uid(seed: bytes, label: str) -> str:
    """A UID under 2.25 that depends on the seed and the label alone (PS3.5 B.2, RFC 9562 v8)."""
    digest = bytearray(hashlib.blake2b(label.encode(), key=seed[:64], digest_size=16).digest())
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
