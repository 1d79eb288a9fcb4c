"""From a pack's folder to a bundle that people sign: opened, tried, held against the last one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, TargetFile, Targets

from appliance.inference.pack import Pack
from appliance.update.layout import MODELS_ROLE, Release, file_target, manifest_target
from appliance.update.xz import pack as compressed
from updates.bundle import Bundle, manifest_document
from updates.errors import PublishError
from updates.pack_manifest import pack_files, unsigned
from updates.packs import editions, lint, open_files, published, published_files
from updates.repository import Draft, Meta, dated
from updates.roles import ROOT, RULES, TARGETS
from updates.version_rules import Verdict, judge


@dataclass(frozen=True, slots=True)
class Built:
    """What is proposed.

    before: the newest published version, which `verdict` compares with; None for the first.
    transfer_bytes: what a box has to fetch that has all that is published.
    """

    bundle: Bundle
    release: Release
    before: str | None
    verdict: Verdict
    transfer_bytes: int


def build(folder: Path, draft: Draft, now: datetime) -> Built:
    """Propose a pack: its manifest and the next list of models, both still unsigned.

    Raises:
        PublishError: The pack is not sound, or its version does not say what changed.
    """
    files = pack_files(folder)
    pack, faults = lint(folder, files)
    before = next(reversed(published(draft, pack.identity.name)), None)
    verdict = _verdict(pack, draft, before)
    if faults := [*faults, *verdict.faults]:
        raise PublishError("; ".join(faults))
    manifest = unsigned(files)
    release = Release(
        pack.identity.name,
        pack.identity.version,
        pack.spec.rollback_index,
        pack.identity.digest,
        sum(map(len, files.values())),
    )
    models = next_targets(draft, MODELS_ROLE, now)
    known = set(models.signed.targets)
    bundle = Bundle({manifest_document(release): manifest, MODELS_ROLE: models}, authority(draft))
    for path, file in manifest.signed.targets.items():
        sha256 = file.hashes["sha256"]
        bundle.files[sha256] = compressed(files[path])
        _list_file(models.signed, sha256, bundle.files[sha256])
    transfer = sum(file.length for path, file in models.signed.targets.items() if path not in known)
    list_manifest(models.signed, manifest, release)
    return Built(bundle, release, before, verdict, transfer)


def authority(draft: Draft) -> dict[str, Meta]:
    """What says whose signatures count."""
    return {ROOT: draft.need(ROOT), TARGETS: draft.need(TARGETS)}


def next_targets(draft: Draft, role: str, now: datetime) -> Meta:
    """The next version of a role's metadata, with the content of the last one, unsigned."""
    metadata: Meta = Metadata.from_bytes(draft.need(role).to_bytes())
    until = now + timedelta(days=RULES[role].days)
    dated(metadata, draft.version(role) + 1, now, until)
    return metadata


def list_manifest(models: Targets, manifest: Meta, release: Release) -> None:
    """Name a pack in a list of models; its hash becomes true when the manifest is signed."""
    path = manifest_target(release.name, release.version)
    file = TargetFile.from_data(path, manifest.to_bytes(), ["sha256"])
    file.unrecognized_fields["custom"] = release.as_custom()
    models.targets[path] = file


def _list_file(models: Targets, sha256: str, content: bytes) -> None:
    path = file_target(sha256)
    models.targets[path] = TargetFile.from_data(path, content, ["sha256"])


def _verdict(pack: Pack, draft: Draft, before: str | None) -> Verdict:
    """The version rules, against the newest published pack of that name."""
    if before is None:
        return Verdict("X", (), ())
    listed = draft.targets_of(MODELS_ROLE)[manifest_target(pack.identity.name, before)]
    last = open_files(published_files(draft, listed, draft.trust))
    return judge(*editions(last, pack))
