"""What lies on a stick: one site YAML, perhaps its signature, perhaps files that it names.

Whoever made the stick is not trusted: links, pipes and devices are refused, lengths are bounded,
and every file is read once, so that the bytes that are verified are the bytes that are used.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.config.document import MOST_BYTES
from appliance.error_catalogue import CATALOGUE
from appliance.errors import ConfigError
from appliance.provision.programs import answer_of

FAULTS_FILE: Final = "osteon-faults.txt"
_NAMES: Final = frozenset({"site.yaml", "site.yml"})
_SIGNATURE_BYTES: Final = 16 * 1024
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Offer:
    """A file as a stick offers it. `signature`: the content of `NAME.sig`, where it is."""

    name: str
    content: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class Stick:
    """A folder with the files of a stick; `is_mounted_here`: read-only, by `volume.mounted`."""

    folder: Path
    is_mounted_here: bool = False

    def offer(self) -> Offer:
        """The one site YAML that lies here.

        Raises:
            ConfigError: `stick-unreadable`, `stick-empty`, `stick-ambiguous`,
                `stick-file-irregular`, `stick-file-too-large`.
        """
        with _opened(self.folder) as folder:
            names = os.listdir(folder)  # noqa: PTH208 - an open folder has no path
            found = sorted(name for name in names if name.casefold() in _NAMES)
            if not found:
                raise ConfigError("stick-empty")
            if len(found) > 1:
                raise ConfigError("stick-ambiguous", f"{len(found)} site files")
            signatures = [name for name in names if name.casefold() == f"{found[0]}.sig".casefold()]
            if len(signatures) > 1:
                raise ConfigError("stick-ambiguous", f"{len(signatures)} signatures")
            content = _read(folder, found[0], MOST_BYTES)
            signature = _read(folder, signatures[0], _SIGNATURE_BYTES) if signatures else None
        return Offer(found[0], content, signature)

    def companion(self, name: str) -> Offer | None:
        """A file of that very name beside the site YAML, as that names it; None where none is.

        Raises:
            ConfigError: `stick-unreadable`, `stick-file-irregular`, `stick-file-too-large`.
        """
        with _opened(self.folder) as folder:
            names = frozenset(os.listdir(folder))  # noqa: PTH208 - an open folder has no path
            if name not in names:
                return None
            signature = f"{name}.sig"
            return Offer(
                name,
                _read(folder, name, MOST_BYTES),
                _read(folder, signature, _SIGNATURE_BYTES) if signature in names else None,
            )

    def whole_folder(self, name: str) -> Path | None:
        """A folder of that name, in which nothing lies but folders and files; None where none is.

        Raises:
            ConfigError: `stick-unreadable`, `stick-file-irregular`.
        """
        place = self.folder / name
        try:
            if not stat.S_ISDIR(place.lstat().st_mode):
                raise ConfigError("stick-file-irregular", "not a folder")
            for each in place.rglob("*"):
                if not (stat.S_ISREG(mode := each.lstat().st_mode) or stat.S_ISDIR(mode)):
                    raise ConfigError("stick-file-irregular", "neither a plain file nor a folder")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError("stick-unreadable", str(error.strerror)) from error
        return place

    def make_writable(self) -> None:
        """Where it was mounted here; whoever writes then hears whether that worked."""
        if self.is_mounted_here:
            answer_of(["mount", "-o", "remount,rw", str(self.folder)])

    def write_faults(self, error: ConfigError) -> bool:
        """Leave what is wrong on the stick, for who wrote the file; whether that was possible."""
        self.make_writable()
        try:
            with _opened(self.folder) as folder:
                with suppress(FileNotFoundError):
                    os.unlink(FAULTS_FILE, dir_fd=folder)
                # Exclusive: on a file system with links, a name there may lead anywhere.
                descriptor = os.open(FAULTS_FILE, _NEW_FILE, 0o644, dir_fd=folder)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_for_every_editor(faults_text(error)))
                    file.flush()
                    os.fsync(file.fileno())
        except (OSError, ConfigError):
            return False
        return True


def faults_text(error: ConfigError) -> str:
    """An error with all its faults, what it means and what to do."""
    faults = getattr(error, "faults", ())
    # The text of `ConfigFaults` is all its faults again.
    lines = [error.code, *map(str, faults)] if faults else [str(error)]
    explanation = CATALOGUE.get(error.code)
    if explanation is not None:
        lines += [f"Meaning: {explanation.meaning}", f"To do: {explanation.hint}"]
    return "\n".join(["Osteon did not take the site YAML on this stick.", "", *lines, ""])


def _for_every_editor(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError as error:
        raise ConfigError("stick-unreadable", str(error.strerror)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(folder: int, name: str, most: int) -> bytes:
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        code = "stick-file-irregular" if error.errno == errno.ELOOP else "stick-unreadable"
        raise ConfigError(code, str(error.strerror)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError("stick-file-irregular", "not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigError("stick-unreadable", str(error.strerror)) from error
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise ConfigError("stick-file-too-large", f"more than {most >> 10} KiB")
    return content
