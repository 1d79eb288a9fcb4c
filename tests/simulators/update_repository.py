"""A maker's repository for tests, made with python-tuf alone: it can also be made wrongly."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from appliance.inference.manifest import shipped
from appliance.update.layout import (
    DELEGATED_PATHS,
    ISSUED,
    MODELS_ROLE,
    OS_ROLE,
    ROLLOUT_ROLE,
    ROLLOUT_TARGET,
    Release,
    file_target,
    manifest_target,
    os_piece_target,
    os_release_target,
)
from appliance.update.os.contents import PIECE_BYTES, ImageContents, ImageFile, Part
from appliance.update.rollout import PackRollout, Rollout, Wave
from appliance.update.times import to_iso
from models.training.development_trust import development_signer

NAME = "test-spots"
BEGIN = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TOP = ("root", "targets", "snapshot", "timestamp")
DELEGATED = (MODELS_ROLE, OS_ROLE, ROLLOUT_ROLE)
THRESHOLD = {"root": 2, "targets": 2, MODELS_ROLE: 2, OS_ROLE: 2}
DAYS = {
    "root": 540,
    "targets": 180,
    MODELS_ROLE: 180,
    OS_ROLE: 180,
    ROLLOUT_ROLE: 30,
    "snapshot": 30,
}
TIMESTAMP_DAYS = 10


NETWORK = hashlib.shake_256(b"network").digest(40_000)
"""Stands in for a network: the update unit never parses one."""
FILES: Mapping[str, bytes] = {
    "network.onnx": NETWORK,
    "card.md": b"# A pack for tests\n",
    "golden/dark.npz": hashlib.shake_256(b"dark").digest(2_000),
    "golden/dark.json": b'{"detections": []}',
}


def description(**changes: Any) -> dict[str, Any]:
    """What a pack's `pack.yaml` says."""
    return {
        "format": 1,
        "name": NAME,
        "version": "1.0.0.1",
        "rollback_index": 1,
        "summary": "Marks bright squares.",
        "intended_use": "Tests.",
        "limits": ["Sees squares only."],
        "contraindications": ["Any patient."],
        "image": "film",
        "inputs": {
            "modalities": ["DX"],
            "body_parts": ["ANKLE"],
            "age_years": {"at_least": 18},
            "smallest_side_px": 64,
        },
        "network": {"file": "network.onnx", "input": [1, 1, 64, 64]},
        "reader": {"name": "bright-squares"},
        "bones": ["ankle"],
        "findings": [{"label": "spot", "bone": "ankle", "type": "unspecified"}],
        "operating_point": {"report": 0.6, "alert": 0.8},
        "tolerance": {"score": 0.05, "position": 3.0},
        "budget": {"memory_mib": 600, "latency_s": 5},
        "golden": [{"image": "golden/dark.npz", "expected": "golden/dark.json"}],
    } | changes


@dataclass(frozen=True)
class MadePack:
    """A pack as its maker has it. `files` are without the manifest."""

    name: str
    version: str
    rollback_index: int
    files: Mapping[str, bytes]
    manifest: bytes
    digest: str

    def put(self, folder: Path) -> Path:
        """Lay it out as in a store; returns its folder."""
        for path, content in {**self.files, "manifest.json": self.manifest}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder


@dataclass(frozen=True)
class MadeImage:
    """A system image as its maker has it. `files`: each one's plain content."""

    contents: ImageContents
    rollback_index: int
    files: Mapping[Part, bytes]

    @property
    def name(self) -> str:
        return self.contents.name

    @property
    def version(self) -> str:
        return self.contents.version

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.contents.to_json()).hexdigest()

    def named(self) -> dict[str, bytes]:
        """The files by the names under which systemd-sysupdate takes them."""
        return {
            self.contents.file_name(file): self.files[file.part] for file in self.contents.files
        }


def make_image(
    version: str = "1.1.0.1", rollback_index: int = 1, name: str = "osteon", *, empty: int = 0
) -> MadeImage:
    """An image of some kilobytes. empty: how many bytes of nothing end its root."""
    root = hashlib.shake_256(f"root {version}".encode()).digest(64) * 1000
    files = {
        Part.VERITY: hashlib.shake_256(f"verity {version}".encode()).digest(5000),
        Part.ROOT: root + bytes(empty),
        Part.KERNEL: hashlib.shake_256(f"kernel {version}".encode()).digest(9000),
    }
    listed = tuple(image_file(part, content) for part, content in files.items())
    return MadeImage(ImageContents(name, version, listed), rollback_index, files)


def image_file(part: Part, content: bytes) -> ImageFile:
    """What a release.json says of a file."""
    pieces = [content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES)]
    sha256 = hashlib.sha256(content).hexdigest()
    partition = "" if part is Part.KERNEL else str(uuid.UUID(sha256[:32]))
    hashes = tuple(hashlib.sha256(piece).hexdigest() for piece in pieces)
    return ImageFile(part, partition, len(content), sha256, hashes)


class RepositoryMaker:
    """Makes and changes a repository in `folder`; `write` signs and serves the present state.

    keys: of each role, each of which must sign; left out: new ones.
    """

    def __init__(
        self,
        folder: Path,
        now: datetime = BEGIN,
        keys: Mapping[str, Sequence[CryptoSigner]] | None = None,
    ) -> None:
        self.folder = folder
        self.now = now
        self.keys = dict(
            keys or {role: new_keys(THRESHOLD.get(role, 1)) for role in (*TOP, *DELEGATED)}
        )
        self.thresholds = {role: len(signers) for role, signers in self.keys.items()}
        self.root_version = 0
        self.versions: dict[str, int] = dict.fromkeys((*TOP, *DELEGATED), 0)
        self.targets: dict[str, dict[str, TargetFile]] = {role: {} for role in DELEGATED}
        self.rollout = Rollout({})
        self.issue_root()

    @classmethod
    def of_this_checkout(cls, folder: Path, now: datetime) -> RepositoryMaker:
        """One that boxes of this checkout trust: made with the public development keys."""
        made = cls(folder, now, {role: [development_signer(role)] for role in (*TOP, *DELEGATED)})
        made._write("metadata/1.root.json", shipped("root.json"))
        return made

    @property
    def first_root(self) -> bytes:
        """What ships with the box."""
        return (self.folder / "metadata/1.root.json").read_bytes()

    def issue_root(self, *more_signers: Signer) -> None:
        """A new root with the present keys; `more_signers`: of the root before it."""
        self.versions["root"] += 1
        root = Root(
            version=self.versions["root"],
            expires=self._until("root"),
            roles={role: Role([], self.thresholds[role]) for role in TOP},
            consistent_snapshot=True,
            unrecognized_fields=self._issued(),
        )
        for role in TOP:
            for signer in self.keys[role]:
                root.add_key(signer.public_key, role)
        content = signed(root, [*self.keys["root"], *more_signers])
        self._write(f"metadata/{root.version}.root.json", content)

    def rotate(self, role: str) -> Sequence[CryptoSigner]:
        """New keys for a role, and a new root or targets that say so; returns the old keys."""
        old = self.keys[role]
        self.keys[role] = new_keys(len(old))
        if role in TOP:
            self.issue_root(*(old if role == "root" else ()))
        return old

    def make_pack(
        self,
        version: str = "1.0.0.1",
        rollback_index: int = 1,
        *,
        signers: Sequence[Signer] | None = None,
        more_files: Mapping[str, bytes] | None = None,
        **changes: Any,
    ) -> MadePack:
        """A pack of the good files and a description with these changes."""
        said = description(version=version, rollback_index=rollback_index, **changes)
        files = {**FILES, "pack.yaml": yaml.safe_dump(said).encode(), **(more_files or {})}
        listed = Targets(
            expires=self.now + timedelta(days=3650),
            targets={path: target(path, content) for path, content in files.items()},
        )
        metadata = Metadata(listed)
        for signer in self.keys[MODELS_ROLE] if signers is None else signers:
            metadata.sign(signer, append=True)
        digest = hashlib.sha256(metadata.signed_bytes).hexdigest()
        name = said["name"]
        return MadePack(name, version, rollback_index, files, metadata.to_bytes(), digest)

    def publish(self, pack: MadePack, **custom: Any) -> None:
        """Make the pack a target of `models`, with its files; `custom`: changes of what is said."""
        release = Release(
            pack.name,
            pack.version,
            pack.rollback_index,
            pack.digest,
            sum(map(len, pack.files.values())),
        )
        path = manifest_target(pack.name, pack.version)
        said = target(path, pack.manifest, release.as_custom() | custom)
        self._add(MODELS_ROLE, said, pack.manifest)
        for content in pack.files.values():
            packed = lzma.compress(content, preset=0)
            sha256 = hashlib.sha256(content).hexdigest()
            self._add(MODELS_ROLE, target(file_target(sha256), packed), packed)

    def publish_image(self, image: MadeImage, **custom: Any) -> None:
        """Make a system image a target of `os`, with its pieces."""
        release = Release(
            image.name, image.version, image.rollback_index, image.digest, image.contents.length
        )
        listed = image.contents.to_json()
        path = os_release_target(image.name, image.version)
        self._add(OS_ROLE, target(path, listed, release.as_custom() | custom), listed)
        for content in image.files.values():
            for at in range(0, len(content), PIECE_BYTES):
                piece = content[at : at + PIECE_BYTES]
                packed = lzma.compress(piece, preset=0)
                sha256 = hashlib.sha256(piece).hexdigest()
                self._add(OS_ROLE, target(os_piece_target(sha256), packed), packed)

    def release_image(self, image: MadeImage) -> MadeImage:
        """Publish a system image, roll it out to everybody, and write all of it."""
        self.publish_image(image)
        self.roll_out(image)
        self.write()
        return image

    def roll_out(
        self, *chosen: MadePack | MadeImage, halted: bool = False, recalled: Iterable[str] = ()
    ) -> None:
        """Everybody may take these packs."""
        waves = (Wave(0.0, percent=100.0),)
        self.rollout = Rollout(
            {pack.name: PackRollout(pack.digest, pack.version, waves, halted) for pack in chosen},
            frozenset(recalled),
        )

    def release(self, pack: MadePack) -> MadePack:
        """Publish a pack, roll it out to everybody, and write all of it."""
        self.publish(pack)
        self.roll_out(pack)
        self.write()
        return pack

    def write(self, **versions: int) -> None:
        """Sign and write every role anew. `versions`: of a role, instead of the next one."""
        content = self.rollout.to_json()
        self._add(ROLLOUT_ROLE, target(ROLLOUT_TARGET, content), content)
        roles = {role: self._delegated_role(role) for role in DELEGATED}
        keys = {
            signer.public_key.keyid: signer.public_key
            for role in DELEGATED
            for signer in self.keys[role]
        }
        listed = {role: (self.targets[role], None) for role in DELEGATED}
        meta = {}
        for role, (targets, delegations) in {
            **listed,
            "targets": ({}, Delegations(keys, roles)),
        }.items():
            self._next(role, versions)
            signable = Targets(
                version=self.versions[role],
                expires=self._until(role),
                targets=targets,
                delegations=delegations,
                unrecognized_fields=self._issued(),
            )
            content = signed(signable, self.keys[role])
            self._write(f"metadata/{self.versions[role]}.{role}.json", content)
            meta[f"{role}.json"] = MetaFile.from_data(self.versions[role], content, ["sha256"])
        self._meta = meta
        self._state(**versions)

    def write_with_keys_of(self, role: str, named: Sequence[CryptoSigner]) -> None:
        """The same, signed by the present keys of a role while other ones are named for it."""
        forged = self.keys[role]
        self.keys[role] = named
        self.write()
        version = self.versions[role]
        metadata = Metadata.from_bytes(
            (self.folder / f"metadata/{version}.{role}.json").read_bytes()
        )
        content = signed(metadata.signed, forged)
        self._write(f"metadata/{version}.{role}.json", content)
        self.restate(role, content)

    def restate(self, role: str, content: bytes) -> None:
        """Snapshot and timestamp over another content of a role, as their thief would sign them."""
        self._meta[f"{role}.json"] = MetaFile.from_data(self.versions[role], content, ["sha256"])
        self._state()

    def _state(self, **versions: int) -> None:
        self._next("snapshot", versions)
        snapshot = Snapshot(
            version=self.versions["snapshot"],
            expires=self._until("snapshot"),
            meta=self._meta,
            unrecognized_fields=self._issued(),
        )
        content = signed(snapshot, self.keys["snapshot"])
        self._write(f"metadata/{self.versions['snapshot']}.snapshot.json", content)
        self._snapshot = MetaFile.from_data(self.versions["snapshot"], content, ["sha256"])
        self.stamp(**versions)

    def stamp(self, **versions: int) -> None:
        """A timestamp over the newest snapshot."""
        self._next("timestamp", versions)
        timestamp = Timestamp(
            version=self.versions["timestamp"],
            expires=self._until("timestamp"),
            snapshot_meta=self._snapshot,
            unrecognized_fields=self._issued(),
        )
        self._write("metadata/timestamp.json", signed(timestamp, self.keys["timestamp"]))

    def copy(self, folder: Path) -> Path:
        """The repository's files as they are now, for who serves them again later."""
        shutil.copytree(self.folder, folder)
        return folder

    def _next(self, role: str, versions: Mapping[str, int]) -> None:
        self.versions[role] = versions.get(role, self.versions[role] + 1)

    def _delegated_role(self, role: str) -> DelegatedRole:
        keyids = [signer.public_key.keyid for signer in self.keys[role]]
        paths = list(DELEGATED_PATHS[role])
        return DelegatedRole(role, keyids, self.thresholds[role], terminating=True, paths=paths)

    def _add(self, role: str, file: TargetFile, content: bytes) -> None:
        self.targets[role][file.path] = file
        folder, _, name = file.path.rpartition("/")
        self._write(f"targets/{folder}/{file.hashes['sha256']}.{name}", content)

    def _until(self, role: str) -> datetime:
        return self.now + timedelta(days=DAYS.get(role, TIMESTAMP_DAYS))

    def _issued(self) -> dict[str, Any]:
        return {ISSUED: to_iso(self.now.timestamp())}

    def _write(self, path: str, content: bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def new_keys(count: int) -> list[CryptoSigner]:
    """Key pairs."""
    return [CryptoSigner.generate_ed25519() for _ in range(count)]


def signed(signable: Any, signers: Sequence[Signer]) -> bytes:
    """Metadata signed by all of these."""
    metadata = Metadata(signable)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def target(path: str, content: bytes, custom: dict[str, Any] | None = None) -> TargetFile:
    """A target with its SHA-256."""
    file = TargetFile.from_data(path, content, ["sha256"])
    if custom is not None:
        file.unrecognized_fields["custom"] = custom
    return file
