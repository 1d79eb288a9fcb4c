"""The repository as files, and a draft of its next state: nothing is written before all is made.

A draft looks like the repository with the new files laid over it. Writing it puts the targets
first and the timestamp last, each file as a whole: whoever reads amid it, or after a power cut,
sees the old state or the new one (TUF 1.0, consistent snapshots).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from appliance.inference.manifest import Trust
from appliance.storage import make_folder, write_durably
from appliance.update.layout import ISSUED, METADATA
from appliance.update.layout import TARGETS as TARGETS_FOLDER
from appliance.update.times import to_iso
from updates.errors import PublishError
from updates.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP

Meta = Metadata[Any]
_FOR_ALL: Final = 0o644
_FOLDER_FOR_ALL: Final = 0o755
_VERSIONED: Final = re.compile(r"(\d+)\.([a-z]+)\.json")


class Repository:
    """A folder with `metadata/` and `targets/`, of which nothing is ever changed but added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> Iterator[str]:
        """Every file, from the repository's top."""
        for place in (METADATA, TARGETS_FOLDER):
            for file in sorted((self.folder / place).rglob("*")):
                if file.is_file() and not file.name.startswith("."):
                    yield file.relative_to(self.folder).as_posix()

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None

    def newest(self, role: str) -> int:
        """The highest version of a role's metadata; 0 where there is none."""
        if not (self.folder / METADATA).is_dir():
            return 0
        found = (_VERSIONED.fullmatch(file.name) for file in (self.folder / METADATA).iterdir())
        return max((int(each[1]) for each in found if each and each[2] == role), default=0)


class Draft:
    """The repository's next state."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._versions: dict[str, int] = {}
        self.added: dict[str, bytes] = {}
        """Path → content, of all that is new."""
        self.moved: dict[str, Path] = {}
        """Path → file, of what is new and too large for the memory."""

    def read(self, path: str) -> bytes | None:
        """A file of the next state; None where there is none."""
        if (place := self.moved.get(path)) is not None:
            return place.read_bytes()
        return self.added.get(path) or self._repository.read(path)

    def size(self, path: str) -> int | None:
        """How long a file of the next state is; None where there is none."""
        if (content := self.added.get(path)) is not None:
            return len(content)
        place = self.moved.get(path, self._repository.folder / path)
        return place.stat().st_size if place.is_file() else None

    def version(self, role: str) -> int:
        """The newest version of a role's metadata; 0 where there is none."""
        if role == TIMESTAMP:
            found = self.get(TIMESTAMP)
            return found.signed.version if found else 0
        return self._versions.get(role) or self._repository.newest(role)

    def get_bytes(self, role: str) -> bytes | None:
        """A role's newest metadata as they are served; None where it has none."""
        if role == TIMESTAMP:
            return self.read(f"{METADATA}{TIMESTAMP}.json")
        return self.read(f"{METADATA}{self.version(role)}.{role}.json")

    def get(self, role: str) -> Meta | None:
        """A role's newest metadata; None where it has none."""
        content = self.get_bytes(role)
        return None if content is None else Metadata.from_bytes(content)

    def need(self, role: str) -> Meta:
        """A role's newest metadata. Raises PublishError where it has none."""
        found = self.get(role)
        if found is None:
            raise PublishError(f"no {role} metadata: has the ceremony been accepted?")
        return found

    def delegator(self, role: str) -> Root | Targets:
        """What names the keys of a role."""
        root = self.need(ROOT).signed
        return root if role in root.roles else self.need(TARGETS).signed  # type: ignore[no-any-return]

    @property
    def trust(self) -> Trust:
        """What a box trusts that has this state."""
        return Trust.from_bytes(self.need(ROOT).to_bytes(), self.need(TARGETS).to_bytes())

    def put(self, role: str, metadata: Meta) -> bytes:
        """The role's next metadata, signed already; returns them as they will be served."""
        content = serialized(metadata)
        if role == TIMESTAMP:
            self.added[f"{METADATA}{TIMESTAMP}.json"] = content
        else:
            self._versions[role] = metadata.signed.version
            self.added[f"{METADATA}{metadata.signed.version}.{role}.json"] = content
        return content

    def put_target(self, file: TargetFile, content: bytes) -> None:
        """A target's content, under its hash-prefixed name."""
        path = served_as(file)
        if self._repository.read(path) is None:
            self.added[path] = content

    def put_file(self, file: TargetFile, place: Path) -> None:
        """The same, of a file that is checked now and moved when the state is written.

        Raises:
            LengthOrHashMismatchError: It is not that target.
        """
        path = served_as(file)
        if self.size(path) is None:
            file.verify_length_and_hashes(place.read_bytes())
            self.moved[path] = place

    def targets_of(self, role: str) -> Mapping[str, TargetFile]:
        """What a role signs for; nothing where it has no metadata."""
        found = self.get(role)
        return {} if found is None else found.signed.targets

    def target(self, file: TargetFile) -> bytes:
        """A target's content, checked. Raises PublishError where it is not what was signed."""
        content = self.read(served_as(file))
        if content is None:
            raise PublishError(f"{file.path} is missing from the repository")
        file.verify_length_and_hashes(content)
        return content

    def write(self) -> None:
        """Make it the repository's state."""
        write_files(self._repository.folder, Contents(self, self.moved))
        for place in self.moved.values():
            place.unlink()
        write_files(self._repository.folder, self.added)


class Contents(Mapping[str, bytes]):
    """Files of a draft by their paths, each read when it is asked for; metadata at once."""

    def __init__(self, draft: Draft, paths: Iterable[str]) -> None:
        self._draft = draft
        self._paths = dict.fromkeys(paths)
        named = (path for path in self._paths if path.startswith(METADATA))
        self._metadata = {path: draft.read(path) for path in named}

    def __getitem__(self, path: str) -> bytes:
        """A file's content. KeyError where there is none."""
        if path in self._metadata:
            content = self._metadata[path]
        else:
            content = self._draft.read(path) if path in self._paths else None
        if content is None:
            raise KeyError(path)
        return content

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def serialized(metadata: Meta) -> bytes:
    """As they are served, and hashed."""
    content: bytes = metadata.to_bytes(JSONSerializer())
    return content


def served_as(file: TargetFile) -> str:
    """Where a target lies in the repository."""
    folder, slash, name = file.path.rpartition("/")
    return f"{TARGETS_FOLDER}{folder}{slash}{file.hashes['sha256']}.{name}"


def write_files(
    folder: Path,
    files: Mapping[str, bytes],
    shown: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> None:
    """Write files in the order that keeps every state in between whole.

    shown: goes through their paths, and may show how far that is.
    """
    for path in shown(sorted(files, key=rank)):
        place = folder / path
        make_folder(place.parent, mode=_FOLDER_FOR_ALL)
        write_durably(place, files[path], mode=_FOR_ALL)


def rank(path: str) -> tuple[int, str]:
    """Targets, roots, further roles, snapshot, timestamp: each stands on those before it."""
    if path.startswith(TARGETS_FOLDER):
        return 0, path
    role = path.removesuffix(".json").rpartition(".")[2].rpartition("/")[2]
    return {ROOT: 1, SNAPSHOT: 3, TIMESTAMP: 4}.get(role, 2), path


def dated(metadata: Meta, version: int, now: datetime, until: datetime) -> None:
    """Set version and expiry, and when it is signed, by which boxes learn what time it is."""
    metadata.signed.version = version
    metadata.signed.expires = until.astimezone(UTC).replace(microsecond=0)
    metadata.signed.unrecognized_fields[ISSUED] = to_iso(now.timestamp())
    metadata.signatures.clear()
