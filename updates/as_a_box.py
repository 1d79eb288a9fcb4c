"""Before anything is published: the draft read as a box reads it, from the first root on.

Only what python-tuf's client accepts, signature by signature, is worth writing; a mistake of the
maker's must be seen here and not by a fleet that stops updating.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import Updater
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from appliance.errors import OsteonError
from appliance.inference.manifest import verify_manifest
from appliance.update.layout import (
    METADATA,
    MODELS_ROLE,
    OS_ROLE,
    ROLLOUT_TARGET,
    Release,
    file_target,
)
from appliance.update.rollout import Rollout
from updates.errors import PublishError
from updates.image_building import image_of, targets_of
from updates.repository import Draft, served_as
from updates.roles import ROOT

_NOT_FOUND = 404
_SCHEME = "draft:"
_LARGEST_LIST = 5_000_000


def check_as_a_box(draft: Draft) -> None:
    """Refresh, and find the rollout and every pack whole.

    Raises:
        PublishError: A box would refuse this state.
    """
    draft.need(ROOT)
    try:
        with tempfile.TemporaryDirectory(prefix="osteon-publish-") as folder:
            client = Updater(
                folder,
                _SCHEME + METADATA,
                fetcher=_DraftFetcher(draft),
                config=UpdaterConfig(targets_max_length=_LARGEST_LIST),
                bootstrap=draft.read(f"{METADATA}1.root.json") or b"",
            )
            client.refresh()
            rollout = client.get_targetinfo(ROLLOUT_TARGET)
            if rollout is None:
                raise PublishError("a box would find no rollout")
            Rollout.parse(draft.target(rollout))
            for path in (*draft.targets_of(MODELS_ROLE), *draft.targets_of(OS_ROLE)):
                if client.get_targetinfo(path) is None:
                    raise PublishError(f"a box would not find {path}")
            _check_packs(draft)
            _check_images(draft)
    except (RepositoryError, DownloadError, OsteonError) as error:
        raise PublishError(f"a box would refuse this: {error}") from None


def _check_packs(draft: Draft) -> None:
    trust, targets = draft.trust, draft.targets_of(MODELS_ROLE)
    for file in targets.values():
        content = draft.target(file)
        if file.custom is None:  # a file of a pack
            continue
        release = Release.from_custom(file.custom)
        manifest = verify_manifest(content, trust)
        if manifest.digest != release.digest:
            raise PublishError(f"{file.path} is not the pack that its description says")
        for each in manifest.files.values():
            if file_target(each.hashes["sha256"]) not in targets:
                raise PublishError(f"{file.path}: {each.path} is missing from the repository")


def _check_images(draft: Draft) -> None:
    """Every piece there and as long as signed for; what it holds was checked when it came."""
    targets = draft.targets_of(OS_ROLE)
    for file in targets.values():
        if file.custom is None:
            if draft.size(served_as(file)) != file.length:
                raise PublishError(f"{file.path} is missing from the repository, or too short")
            continue
        release, image = Release.from_custom(file.custom), image_of(draft, file)
        if file.hashes.get("sha256") != release.digest:
            raise PublishError(f"{file.path} is not the image that its description says")
        if (image.name, image.version) != (release.name, release.version):
            raise PublishError(f"{file.path} is of {image.name} {image.version}")
        if missing := [path for path in targets_of(image) if path not in targets]:
            raise PublishError(f"{file.path}: {missing[0]} is missing from the list")


class _DraftFetcher(FetcherInterface):
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def _fetch(self, url: str) -> Iterator[bytes]:
        content = self._draft.read(url.removeprefix(_SCHEME))
        if content is None:
            raise DownloadHTTPError("not in the draft", _NOT_FOUND)
        return iter((content,))
