"""The site YAML of a running role: read at start, read again on SIGHUP, the last good one kept.

A file that cannot be used stops no role that has worked before: it goes on with the last good copy,
says so aloud, and leaves a note that the analyser passes on to the technician. In its own part of
the state folder each role keeps:

    site.applied.yaml   what the role works with now, and starts with when the file is broken
    site.started.yaml   what its sockets and ledgers were opened with
    site.refused        why the file was last refused; gone once it is good again
    site.unfit          the digest of a file with which the role could not start, and why
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.clock import set_local_zone
from appliance.config.changes import awaiting_restart
from appliance.config.document import read_document
from appliance.config.faults import ConfigFaults
from appliance.config.load import parse_site, read_site_file
from appliance.config.schema import Site
from appliance.errors import ConfigError, StorageError
from appliance.storage import make_folder, write_durably

_MOST_FAULTS: Final = 5
_APPLIED: Final = "site.applied.yaml"
_STARTED: Final = "site.started.yaml"
_REFUSED: Final = "site.refused"
_UNFIT: Final = "site.unfit"
_MODE: Final = 0o640
"""The analyser reads the other roles' notes, as one of their group."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A site with the bytes that it was read from, and why these are not those of the file."""

    site: Site
    raw: bytes
    refusal: ConfigError | None = None


@dataclass(frozen=True, slots=True)
class InUse:
    """What a role has in use: its sockets since it started, everything else since its reload."""

    started: Site
    applied: Site


def read_or_fall_back(path: Path, role: str) -> Reading:
    """The site YAML, or the role's last good copy of it when the file cannot be used.

    Raises:
        ConfigError: the file cannot be used, and there is no copy.
    """
    raw = b""
    try:
        raw = read_site_file(path)
        site = parse_site(raw, str(path))
        return _kept_for_unfit(Path(site.state_folder) / role, raw) or Reading(site, raw)
    except ConfigError as refusal:
        kept = _last_good(raw, role)
        if kept is None:
            raise
        return Reading(kept.site, kept.raw, refusal)


def in_use(state_folder: Path, role: str) -> InUse | None:
    """What a role has in use; None where it has never worked with this state folder."""
    own = state_folder / role
    started, applied = _copy(own / _STARTED), _copy(own / _APPLIED)
    return InUse(started.site, applied.site) if started and applied else None


def refusals(state_folder: Path) -> frozenset[str]:
    """Why roles refuse the file at present, in words without values: `line 12, dicom.port`."""
    found = (_text(file) for file in state_folder.glob(f"*/{_REFUSED}"))
    return frozenset(filter(None, found))


class SiteFile:
    """The site YAML of one role. All but `ask_to_reload` belongs to the role's main thread."""

    def __init__(self, path: Path, role: str) -> None:
        """Read it. Raises ConfigError where neither the file nor a copy can be used."""
        self._path = path
        self._role = role
        self._is_up = False
        self._is_asked = False
        self._use(read_or_fall_back(path, role))

    @property
    def site(self) -> Site:
        """What the role works with."""
        return self._reading.site

    @property
    def _folder(self) -> Path:
        """The role's own part of the state folder, which stays the one that it started with."""
        return Path(self._started.state_folder) / self._role

    @property
    def is_reload_asked(self) -> bool:
        """Whether `reload_if_asked` has something to do."""
        return self._is_asked

    def ask_to_reload(self) -> None:
        """From a signal handler, which may take no lock: only a mark."""
        self._is_asked = True

    def is_up(self) -> None:
        """The role works with the site: keep it as the last good one. Once for each start."""
        if self._is_up:
            return
        self._is_up = True
        self._keep(_STARTED, self._reading.raw)
        self._keep(_APPLIED, self._reading.raw)
        if self._reading.refusal is None:
            self._clear_refusal()

    def could_not_start(self, why: ConfigError) -> None:
        """The role ends without having worked: its next start takes the last good copy instead.

        In a process of its own, since sockets that systemd hands over can be taken only once.
        """
        if not self._is_up and self._reading.refusal is None:
            self._keep(_UNFIT, f"{_digest(self._reading.raw)} {_words(why)}".encode())

    def reload_if_asked(self, apply: Callable[[Site], None]) -> None:
        """Read the file again if somebody asked, and put it into use; or refuse it, and say so.

        apply: puts a site into use as a whole, or raises ConfigError and changes nothing.
        """
        if not self._is_asked:
            return
        self._is_asked = False
        try:
            raw = read_site_file(self._path)
            site = parse_site(raw, str(self._path))
            apply(site)
        except ConfigError as refusal:
            self._refuse(refusal)
            return
        self._reading = Reading(site, raw)
        set_local_zone(site.site.time_zone)
        self._keep(_APPLIED, raw)
        self._clear_refusal()
        journal.event("config-reloaded", count=len(self.awaiting_restart()))

    def awaiting_restart(self) -> tuple[str, ...]:
        """Keys that the file changed, and that only a restart puts into use."""
        return tuple(each.key for each in awaiting_restart(self._started, self.site))

    def _use(self, reading: Reading) -> None:
        self._reading = reading
        self._started = reading.site
        set_local_zone(reading.site.site.time_zone)
        if reading.refusal is not None:
            self._refuse(reading.refusal)

    def _refuse(self, refusal: ConfigError) -> None:
        for key, line in _places(refusal):
            journal.fail("config-refused", code=refusal.code, key=key, line=line)
        self._keep(_REFUSED, _words(refusal).encode())

    def _keep(self, name: str, content: bytes) -> None:
        try:
            make_folder(self._folder)
            write_durably(self._folder / name, content, mode=_MODE)
        except (OSError, StorageError) as error:
            # A full disk must not keep the box from starting; the next start tries again.
            journal.fail("config-not-kept", reason=type(error).__name__)

    def _clear_refusal(self) -> None:
        for name in (_REFUSED, _UNFIT):
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)


def _kept_for_unfit(folder: Path, raw: bytes) -> Reading | None:
    """The copy to start with where the role could not start with this file."""
    digest, _, why = _text(folder / _UNFIT).partition(" ")
    kept = _copy(folder / _APPLIED)
    if digest != _digest(raw) or kept is None or kept.raw == raw:
        return None
    return Reading(kept.site, kept.raw, ConfigError("config-unfit", why))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _text(file: Path) -> str:
    """A note; empty where there is none, or none that may be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _last_good(raw: bytes, role: str) -> Reading | None:
    """The role's copy, in the state folder that even a broken file may still name."""
    content = read_document(raw, "").content
    named = content.get("state_folder") if isinstance(content, dict) else None
    default = Site.model_fields["state_folder"].default
    for folder in dict.fromkeys((named, default)):
        if isinstance(folder, str) and (kept := _copy(Path(folder) / role / _APPLIED)):
            return kept
    return None


def _copy(path: Path) -> Reading | None:
    try:
        raw = read_site_file(path)
        return Reading(parse_site(raw, str(path)), raw)
    except ConfigError:
        return None  # none yet, or one that this release does not understand


def _places(refusal: ConfigError) -> tuple[tuple[str, int], ...]:
    """(key, line) of each fault; of a refusal without faults one with neither."""
    faults = refusal.faults if isinstance(refusal, ConfigFaults) else ()
    return tuple((fault.key, fault.line) for fault in faults) or (("", 0),)


def _words(refusal: ConfigError) -> str:
    """Lines and keys for a mail; what stands there as a value is nobody else's business."""
    if not isinstance(refusal, ConfigFaults):
        return f"{refusal.code} {refusal.detail}"
    told = [f"line {fault.line}, {fault.key}" for fault in refusal.faults[:_MOST_FAULTS]]
    more = len(refusal.faults) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])
