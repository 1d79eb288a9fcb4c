"""A signing bundle: one file that goes from hand to hand until enough people have signed.

It is a zip archive of TUF metadata, of the root and targets metadata that say whose signatures
count, of the packs' files, so that each signer can look at what is signed, and of a log. A list of
models names each manifest by its hash, signatures included: it can be signed once they all are.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import (
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from appliance.errors import UpdateError
from appliance.storage import write_durably
from appliance.update.layout import MODELS_ROLE, OS_ROLE, Release, manifest_target
from appliance.update.xz import unpack
from updates.errors import PublishError
from updates.keys import holder_of
from updates.repository import Meta, serialized
from updates.roles import ROOT, TARGETS

MANIFESTS: Final = "manifests/"
"""Documents below it are manifests of packs, as `manifests/NAME/VERSION`; others are roles."""
_LARGEST: Final = 512 * 2**20
_FIXED: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a document is: by whom it is signed, and who may still sign."""

    document: str
    threshold: int
    signed: tuple[str, ...]
    unsigned: tuple[str, ...]
    is_complete: bool


@dataclass(slots=True)
class Bundle:
    """A bundle in memory.

    documents: what is to be signed, in the order in which it stands on one another.
    authority: newest root and targets metadata of the repository; none at the ceremony.
    files: content of the packs, and release.json of new images, as transferred (xz), by SHA-256
    (hex) of the plain content.
    log: one line for each signing.
    """

    documents: dict[str, Meta]
    authority: dict[str, Meta] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Bundle:
        """Open a bundle and check the packs' files in it against their manifests.

        Raises:
            PublishError: It is none, or a file is not what is to be signed.
        """
        try:
            with zipfile.ZipFile(file) as archive:
                if sum(each.file_size for each in archive.infolist()) > _LARGEST:
                    raise PublishError(f"{file} is larger than any bundle")
                content = {name: archive.read(name) for name in archive.namelist()}
            bundle = cls(
                {name: _metadata(content.pop(f"sign/{name}.json")) for name in _order(content)},
                {
                    name: _metadata(content.pop(f"authority/{name}.json"))
                    for name in (ROOT, TARGETS)
                    if f"authority/{name}.json" in content
                },
                log=[json.loads(line) for line in content.pop("log.jsonl").splitlines()],
            )
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, RepositoryError) as error:
            raise PublishError(f"{file} is no signing bundle ({type(error).__name__})") from None
        bundle.files = {name.removeprefix("files/"): each for name, each in content.items()}
        bundle.check_files()
        return bundle

    def write(self, file: Path) -> None:
        """Write it as a whole; the same content gives the same bytes."""
        content = {f"sign/{name}.json": serialized(each) for name, each in self.documents.items()}
        content |= {
            f"authority/{name}.json": serialized(each) for name, each in self.authority.items()
        }
        content |= {f"files/{name}": each for name, each in self.files.items()}
        content["log.jsonl"] = b"".join(json.dumps(line).encode() + b"\n" for line in self.log)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, each in content.items():
                archive.writestr(zipfile.ZipInfo(name, _FIXED), each, zipfile.ZIP_DEFLATED)
        write_durably(file, packed.getvalue(), mode=0o644)

    def check_files(self) -> None:
        """Each pack's files are in the bundle and are what its manifest lists; images likewise.

        Raises:
            PublishError: One is not.
        """
        for name, document in self.manifests():
            for file in document.signed.targets.values():
                try:
                    content = unpack(self.files[file.hashes["sha256"]], file.length)
                    file.verify_length_and_hashes(content)
                except (KeyError, LengthOrHashMismatchError, UpdateError):
                    raise PublishError(f"{name}: {file.path} is not what is to be signed") from None

        images = self.documents.get(OS_ROLE)
        for file in () if images is None else images.signed.targets.values():
            if file.custom is None or file.hashes["sha256"] not in self.files:
                continue  # a piece, or an image that was accepted before
            try:
                content = unpack(self.files[file.hashes["sha256"]], file.length)
                file.verify_length_and_hashes(content)
            except (LengthOrHashMismatchError, UpdateError):
                raise PublishError(f"{file.path} is not what is to be signed") from None

    def manifests(self) -> Iterator[tuple[str, Meta]]:
        """The manifests in it, by document name."""
        return (item for item in self.documents.items() if item[0].startswith(MANIFESTS))

    def standings(self) -> list[Standing]:
        """How far each document is."""
        return [self.standing(name) for name in self.documents]

    def standing(self, name: str) -> Standing:
        """How far one document is."""
        document = self.documents[name]
        if name == ROOT:
            root: Root = document.signed
            previous = self.authority.get(ROOT)
            result = root.get_root_verification_result(
                previous.signed if previous else None, document.signed_bytes, document.signatures
            )
            threshold = max(result.first.threshold, result.second.threshold)
            signed, unsigned, verified = result.signed, result.unsigned, result.verified
        else:
            role = MODELS_ROLE if name.startswith(MANIFESTS) else name
            by_role = self._delegator(role).get_verification_result(
                role, document.signed_bytes, document.signatures
            )
            threshold = by_role.threshold
            signed, unsigned, verified = by_role.signed, by_role.unsigned, by_role.verified
        return Standing(name, threshold, _holders(signed), _holders(unsigned), verified)

    @property
    def is_complete(self) -> bool:
        """Whether everything has enough signatures."""
        return all(standing.is_complete for standing in self.standings())

    def sign(self, signer: Signer, *, packs_only: bool = False) -> tuple[str, ...]:
        """Sign everything that this key may sign and that is ready; returns the documents.

        None where others must sign first, or this key has done all that it can. packs_only: leave
        the list that names the packs for later, so that one more person may sign them.

        Raises:
            PublishError: The key may sign nothing here.
        """
        keyid = signer.public_key.keyid
        mine = [name for name in self.documents if keyid in self._keyids(name)]
        if not mine:
            raise PublishError("this key has no part in what this bundle is about")
        done = []
        for name in mine:
            document = self.documents[name]
            if keyid in document.signatures or not self._is_ready(name):
                continue
            if packs_only and not name.startswith(MANIFESTS):
                continue
            if name == MODELS_ROLE and not document.signatures:
                self._name_manifests(document.signed)
            try:
                document.sign(signer, append=True)
            except UnsignedMetadataError as error:
                raise PublishError(f"the key did not sign: {error.__cause__}") from None
            done.append(name)
        return tuple(done)

    def holder(self, keyid: str) -> str:
        """Who holds a key that may sign something here."""
        delegators = (*self.documents.values(), *self.authority.values())
        for each in delegators:
            with suppress(ValueError):  # of another delegator, or none at all
                return holder_of(each.signed.get_key(keyid))
        return keyid

    def _is_ready(self, name: str) -> bool:
        """Manifests first, then the list that holds their hashes; then they stay as they are."""
        if name == MODELS_ROLE:
            return all(self.standing(each).is_complete for each, _ in self.manifests())
        models = self.documents.get(MODELS_ROLE)
        return not (name.startswith(MANIFESTS) and models is not None and models.signatures)

    def _name_manifests(self, models: Targets) -> None:
        for name, document in self.manifests():
            _, pack, version = name.split("/")
            path = manifest_target(pack, version)
            file = TargetFile.from_data(path, serialized(document), ["sha256"])
            file.unrecognized_fields["custom"] = models.targets[path].custom
            models.targets[path] = file

    def _keyids(self, name: str) -> set[str]:
        if name == ROOT:
            previous = self.authority.get(ROOT)
            roots = [self.documents[ROOT], *([previous] if previous else [])]
            return {keyid for each in roots for keyid in each.signed.roles[ROOT].keyids}
        role = MODELS_ROLE if name.startswith(MANIFESTS) else name
        return set(self._delegator(role).get_delegated_role(role).keyids)

    def _delegator(self, role: str) -> Root | Targets:
        name = ROOT if role == TARGETS else TARGETS
        found = self.documents.get(name) or self.authority.get(name)
        if found is None:
            raise PublishError(f"the bundle holds no {name} metadata")
        delegator: Root | Targets = found.signed
        return delegator


def manifest_document(release: Release) -> str:
    """The name of a pack's manifest in a bundle."""
    return f"{MANIFESTS}{release.name}/{release.version}"


def _order(content: dict[str, bytes]) -> list[str]:
    """Document names: root, targets, manifests, then the lists that stand on them."""
    names = [
        name.removeprefix("sign/").removesuffix(".json")
        for name in content
        if name.startswith("sign/")
    ]
    rank = {ROOT: 0, TARGETS: 1}
    return sorted(
        names, key=lambda name: (2 if name.startswith(MANIFESTS) else rank.get(name, 3), name)
    )


def _metadata(content: bytes) -> Meta:
    metadata: Meta = Metadata.from_bytes(content)
    return metadata


def _holders(keys: dict[str, Key]) -> tuple[str, ...]:
    return tuple(sorted(holder_of(key) for key in keys.values()))
