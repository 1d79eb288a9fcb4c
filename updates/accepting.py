"""Taking a fully signed bundle into the repository."""

from __future__ import annotations

from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError

from appliance.errors import UpdateError
from appliance.update.layout import MODELS_ROLE, OS_ROLE, file_target, manifest_target
from appliance.update.xz import unpack
from updates.as_a_box import check_as_a_box
from updates.bundle import Bundle
from updates.errors import PublishError
from updates.online import Online, current_rollout, put_rollout, put_timestamp
from updates.repository import Draft, Repository, serialized
from updates.roles import ROOT, TARGETS


def accept(repository: Repository, bundle: Bundle, online: Online, pieces: Path) -> Draft:
    """The repository with the bundle's content, and a new snapshot and timestamp.

    pieces: folder with the pieces of system images, by their hash.

    Raises:
        PublishError: Signatures are missing, the repository has gone on since the bundle was made,
            or a box would refuse the result.
    """
    for standing in bundle.standings():
        if not standing.is_complete:
            have = f"{len(standing.signed)} of {standing.threshold} signatures"
            raise PublishError(f"{standing.document} has {have}")
    draft = Draft(repository)
    for name, document in bundle.documents.items():
        if "/" in name:
            continue
        if document.signed.version != draft.version(name) + 1:
            raise PublishError(f"{name} has changed since this bundle was made; make it anew")
        draft.put(name, document)
    _put_packs(draft, bundle)
    _put_images(draft, bundle, pieces)
    if ROOT in bundle.documents or TARGETS in bundle.documents:
        # Its own key may be a new one, or this is the first rollout.
        put_rollout(draft, current_rollout(draft), online)
    put_timestamp(draft, online)
    check_as_a_box(draft)
    return draft


def _put_packs(draft: Draft, bundle: Bundle) -> None:
    targets = draft.targets_of(MODELS_ROLE)
    for name, document in bundle.manifests():
        _, pack, version = name.split("/")
        draft.put_target(targets[manifest_target(pack, version)], serialized(document))
        for listed in document.signed.targets.values():
            sha256 = listed.hashes["sha256"]
            file = targets[file_target(sha256)]
            file.verify_length_and_hashes(bundle.files[sha256])
            draft.put_target(file, bundle.files[sha256])


def _put_images(draft: Draft, bundle: Bundle, pieces: Path) -> None:
    if OS_ROLE not in bundle.documents:
        return
    for file in draft.targets_of(OS_ROLE).values():
        try:
            if file.custom is None:
                name = file.path.rpartition("/")[2].removesuffix(".xz")
                draft.put_file(file, pieces / name)
            elif (packed := bundle.files.get(file.hashes["sha256"])) is not None:
                content = unpack(packed, file.length)
                file.verify_length_and_hashes(content)
                draft.put_target(file, content)
        except (OSError, LengthOrHashMismatchError, UpdateError):
            message = f"{file.path} is missing in {pieces}: accept it where it was built"
            raise PublishError(message) from None
