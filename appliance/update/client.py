"""One look at a repository: TUF's client workflow, under the floor, by a time that can be believed.

python-tuf does the workflow (https://theupdateframework.github.io/specification/latest/, section
5). What it leaves open is added here: the floor, the time floor, our own fetching, and metadata
that are durable and that nobody reads before the floor has let them through.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from appliance.errors import UpdateError
from appliance.inference.manifest import Trust, are_as_written
from appliance.storage import make_folder, storage_error
from appliance.update.floor import Floor, issued, seen
from appliance.update.layout import (
    METADATA,
    TARGETS,
    Release,
    UpdateFolder,
    manifest_target,
    os_release_target,
)
from appliance.update.source import AbsentError, Source

_ABSENT: Final = 404
_LIMITS: Final = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=8,
    root_max_length=128 << 10,
    timestamp_max_length=16 << 10,
    snapshot_max_length=256 << 10,
    targets_max_length=4 << 20,
)
"""Far above what a repository of hundreds of packs needs, and little on a slow line."""


@dataclass(frozen=True, slots=True)
class Published:
    """A pack or a system image as the repository describes it.

    manifest: of a pack; of an image, its release.json.
    """

    release: Release
    manifest: TargetFile


@dataclass(frozen=True, slots=True)
class Freshness:
    """Of the newest metadata, in wall seconds; `issued` is 0 where they do not say."""

    root: int
    timestamp: int
    issued: float
    expires: float


class Client:
    """A repository as verified at one moment. Made by `refreshed`."""

    def __init__(self, updater: _Updater, now: float) -> None:
        self._updater = updater
        self.now = now
        """The time by which expiry was judged, wall seconds."""
        self.floor = updater.floor
        """The floor after this refresh; to be sealed before anything is used."""

    @property
    def trust(self) -> Trust:
        """Who may sign packs."""
        return self._updater.trust

    @property
    def freshness(self) -> Freshness:
        """What the timestamp says of itself."""
        return self._updater.freshness

    def target(self, path: str) -> TargetFile | None:
        """A target of the role that may sign for that path; None where it signed none.

        Raises:
            UpdateError: as `refreshed`.
        """
        with _told():
            return self._updater.get_targetinfo(path)

    def published(self, name: str, version: str) -> Published:
        """A pack of the role `models`.

        Raises:
            UpdateError: `update-target-missing`, `update-target-invalid`; as `refreshed`.
        """
        return self._described(manifest_target(name, version), name, version)

    def published_os(self, name: str, version: str) -> Published:
        """A system image of the role `os`.

        Raises:
            UpdateError: as `published`.
        """
        return self._described(os_release_target(name, version), name, version)

    def _described(self, path: str, name: str, version: str) -> Published:
        target = self.target(path)
        if target is None:
            raise UpdateError("update-target-missing", path)
        release = Release.from_custom(target.custom)
        if (release.name, release.version) != (name, version):
            raise UpdateError("update-target-invalid", f"{path} describes another one")
        return Published(release, target)


def refreshed(
    folder: UpdateFolder, source: Source, root: bytes, floor: Floor, clock: float
) -> Client:
    """Bring the metadata up to date in `folder.client`.

    Args:
        folder: the update unit's own; only one process may work there.
        source: where the repository's files come from.
        root: the root file that came with the box.
        floor: what was seen before.
        clock: wall seconds by the machine's clock.

    Raises:
        UpdateError: `update-metadata-refused`, not signed, rolled back, mixed, or too long;
            `update-metadata-expired`; `update-metadata-absent`; `update-below-floor`;
            those of `Source.read`.
        StorageError: `disk-full`, `storage-failed`.
    """
    with _told():
        make_folder(folder.client)
        updater = _Updater(folder.client, source, root, floor, clock)
        updater.refresh()
        return Client(updater, updater.settle())


class _Updater(Updater):
    """python-tuf's, with time and floor put in where its workflow has none."""

    def __init__(
        self, folder: Path, source: Source, root: bytes, floor: Floor, clock: float
    ) -> None:
        self.floor = floor
        self._clock = clock
        super().__init__(
            str(folder),
            METADATA,
            target_base_url=TARGETS,
            fetcher=_Fetcher(source),
            config=_LIMITS,
            bootstrap=root,
        )
        believe_only_as_written(self._trusted_set)

    def _load_root(self) -> None:
        """After the newest root is known, and before anything is judged by time."""
        super()._load_root()
        self.floor = self.floor.under(self._trusted_set.root)
        self._judge_by(max(self.floor.now(self._clock), issued(self._trusted_set.root)))

    def settle(self) -> float:
        """The floor after the refresh, and nothing expired at the time which that shows."""
        top = self._trusted_set
        self.floor = self.floor.raised(seen(top.root, top.timestamp, top.snapshot, top.targets))
        now = self.floor.now(self._clock)
        for each in (top.root, top.timestamp, top.snapshot, top.targets):
            if each.is_expired(datetime.fromtimestamp(now, UTC)):
                raise ExpiredMetadataError(f"{each.type} is expired")
        self._judge_by(now)
        return now

    @property
    def trust(self) -> Trust:
        """Root and targets, both verified."""
        return Trust(self._trusted_set.root, self._trusted_set.targets)

    @property
    def freshness(self) -> Freshness:
        """Of the timestamp."""
        timestamp = self._trusted_set.timestamp
        return Freshness(
            self._trusted_set.root.version,
            timestamp.version,
            issued(timestamp),
            timestamp.expires.timestamp(),
        )

    def _judge_by(self, now: float) -> None:
        self._trusted_set.reference_time = datetime.fromtimestamp(now, UTC)


class _Fetcher(FetcherInterface):
    """Metadata only, and into memory; `download` fetches targets."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def _fetch(self, url: str) -> Generator[bytes, None, None]:
        try:
            with closing(self._source.read(url)) as pieces:
                for _, piece in pieces:
                    yield piece
        except AbsentError:
            raise DownloadHTTPError("absent", _ABSENT) from None

    def download_bytes(self, url: str, max_length: int) -> bytes:
        content = bytearray()
        with closing(self._fetch(url)) as pieces:
            for piece in pieces:
                content += piece
                if len(content) > max_length:
                    raise DownloadLengthMismatchError(url)
        return bytes(content)


def believe_only_as_written(known: TrustedMetadataSet) -> None:
    """Whatever it is given from now on, cached or fetched, has the very bytes of its signers.

    python-tuf checks that a signature is right, not that it is spelt as it was written.
    """
    load = known._load_data  # noqa: SLF001 - the one place through which all metadata come

    def loaded(*what: Any) -> Any:  # noqa: ANN401 - passed on as it comes
        found = load(*what)
        _, _, signatures = found
        if not are_as_written(signatures):
            raise RepositoryError("a signature is spelt as no signer writes it")
        return found

    known._load_data = loaded  # type: ignore[assignment]  # noqa: SLF001


@contextmanager
def _told() -> Iterator[None]:
    """What python-tuf raises, in the box's own errors."""
    try:
        yield
    except ExpiredMetadataError as error:
        raise UpdateError("update-metadata-expired", str(error)) from error
    except DownloadHTTPError as error:
        raise UpdateError("update-metadata-absent") from error
    except (RepositoryError, DownloadError) as error:
        raise UpdateError("update-metadata-refused", type(error).__name__) from error
    except OSError as error:
        raise storage_error(error) from error
