"""Where the master key lies, and how it is rotated there.

A rotation has three steps, each durable before the next: the ring gets a new primary key; the
receiver wraps every keyset by it and says so in its ledger; the former key is taken out. Killed
anywhere, the same command goes on from where it stood.
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.errors import StorageError
from appliance.keyring import KeyRing, hand_over_name
from appliance.provision.programs import answer_of
from appliance.storage import locked, make_folder, storage_error, write_durably

MASTER_KEY_CREDENTIAL: Final = Path("/etc/credstore.encrypted/osteon.master-key")
"""Where `provisioning/install` puts it."""
HAND_OVER: Final = Path("/run/osteon-keys")
"""In memory: how a rotated key reaches units that run, whose credentials stay as they were.

Right below /run, which every unit may enter.
"""
_GROUP: Final = "osteon"
_NAME: Final = "--name=master-key"


class KeyHome(Protocol):
    """Where the master key lies."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def read(self) -> KeyRing:
        """What lies there. Raises StorageError: `master-key-missing`, `master-key-invalid`."""
        ...

    def write(self, ring: KeyRing) -> None:
        """Put another one there, durably, so that there is always the old or the new one."""
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """In clear, for development. Units that run read it again by themselves."""

    path: Path

    def read(self) -> KeyRing:
        """See `KeyHome.read`."""
        try:
            return KeyRing.parse(self.path.read_bytes())
        except OSError as error:
            raise StorageError("master-key-missing") from error

    def write(self, ring: KeyRing) -> None:
        """See `KeyHome.write`."""
        write_durably(self.path, ring.serialize(), mode=0o400)


@dataclass(frozen=True, slots=True)
class KeyCredential:
    """Sealed by systemd to this machine, with its TPM2 where it has one; for root only."""

    path: Path = MASTER_KEY_CREDENTIAL

    def read(self) -> KeyRing:
        """See `KeyHome.read`."""
        opened = answer_of(["systemd-creds", "decrypt", _NAME, str(self.path), "-"])
        if opened is None:
            raise StorageError("master-key-missing", "no credential that opens here")
        return KeyRing.parse(opened)

    def write(self, ring: KeyRing) -> None:
        """See `KeyHome.write`. Nothing is replaced by what does not open again."""
        content = ring.serialize()
        sealed = answer_of(
            ["systemd-creds", "encrypt", _NAME, "--with-key=auto", "-", "-"], content
        )
        opened = sealed and answer_of(["systemd-creds", "decrypt", _NAME, "-", "-"], sealed)
        if not sealed or opened != content:
            raise StorageError("master-key-unsealable")
        write_durably(self.path, sealed)


class KeyRotation:
    """One rotation, begun or taken up again. hand_over: for a credential, None for a key file."""

    def __init__(self, home: KeyHome, hand_over: Path | None) -> None:
        self._home = home
        self._hand_over = hand_over

    def alone(self) -> AbstractContextManager[None]:
        """Within it no other process rotates this key: two at once would lose one new key."""
        return locked(self._home.path.parent)

    def begin(self) -> KeyRing:
        """The ring with its new primary key, which units that run can have from now on."""
        ring = self._home.read()
        if not ring.former:
            ring = ring.with_new_primary()
            self._home.write(ring)
        self._tell(ring, ring.former)
        return ring

    def finish(self, ring: KeyRing) -> None:
        """Take the former keys out. Only when the receiver has said that nothing needs them."""
        alone = ring.with_primary_alone()
        self._home.write(alone)
        self._tell(ring, ring.former, alone)

    def _tell(self, ring: KeyRing, former: tuple[int, ...], content: KeyRing | None = None) -> None:
        """A unit that has not looked for long may hold any of the former keys."""
        if self._hand_over is None:
            return
        make_folder(self._hand_over)
        self._hand_over.chmod(0o750)  # whatever the umask of who rotates
        _give_to_group(self._hand_over)
        for key in former:
            place = self._hand_over / hand_over_name(key)
            write_durably(place, ring.hand_over_from(key, content or ring), mode=0o640)
            _give_to_group(place)


def _give_to_group(place: Path) -> None:
    try:
        shutil.chown(place, group=_GROUP)
    except LookupError:
        # Not an installed box: then there are no other users to give it to.
        return
    except OSError as error:
        raise storage_error(error) from error
