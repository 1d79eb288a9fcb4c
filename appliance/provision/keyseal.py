"""What protects the device's private key where it lies: a TPM2, the machine's host key, or a mode.

Sealing is systemd's own (`systemd-creds`). A way counts as usable only when it has given back what
it sealed: a TPM that is there and does not work is found here, not at the first use of the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from appliance.provision.programs import answer_of

_NAME: Final = "--name=osteon-device-key"


class Protection(StrEnum):
    """From the strongest to the weakest."""

    TPM2 = "tpm2"
    """Opens only with the TPM2 of this machine, under the same Secure Boot settings (PCR 7)."""
    HOST_KEY = "host-key"
    """Encrypted with a key file of this system: whoever copies the whole disk has it."""
    FILE = "file"
    """In clear, mode 600."""

    @property
    def is_weaker(self) -> bool:
        """Whether a copy of the disk is enough to take the key."""
        return self is not Protection.TPM2


class KeySeal(Protocol):
    """One way to keep a key."""

    @property
    def protection(self) -> Protection:
        """What it is."""
        ...

    def seal(self, key: bytes) -> bytes | None:
        """What is stored for the key; None where this way is not usable."""
        ...

    def open(self, sealed: bytes) -> bytes | None:
        """The key; None where it cannot be opened."""
        ...


@dataclass(frozen=True, slots=True)
class CredentialSeal:
    """`systemd-creds` with a TPM2 or with the host key; for root only."""

    protection: Protection
    with_key: str
    tpm2_device: str = "auto"
    """A device node, or `driver:parameters` of the TPM library."""

    def seal(self, key: bytes) -> bytes | None:
        """See `KeySeal.seal`."""
        # Named PCRs: without any, systemd 252 seals and then does not open again.
        options = (f"--with-key={self.with_key}", "--tpm2-pcrs=7", self._device)
        return answer_of(["systemd-creds", "encrypt", _NAME, *options, "-", "-"], key)

    def open(self, sealed: bytes) -> bytes | None:
        """See `KeySeal.open`."""
        return answer_of(["systemd-creds", "decrypt", _NAME, self._device, "-", "-"], sealed)

    @property
    def _device(self) -> str:
        return f"--tpm2-device={self.tpm2_device}"


class PlainSeal:
    """The key as it is; the file's mode is all that protects it."""

    protection = Protection.FILE

    def seal(self, key: bytes) -> bytes | None:
        """See `KeySeal.seal`."""
        return key

    def open(self, sealed: bytes) -> bytes | None:
        """See `KeySeal.open`."""
        return sealed


SYSTEM_SEALS: Final[tuple[KeySeal, ...]] = (
    CredentialSeal(Protection.TPM2, "tpm2"),
    CredentialSeal(Protection.HOST_KEY, "host"),
    PlainSeal(),
)


def seal_strongest(key: bytes, ways: Sequence[KeySeal]) -> tuple[Protection, bytes]:
    """Seal a key by the first way that gives it back; `ways`: strongest first, `PlainSeal` last."""
    for way in ways:
        sealed = way.seal(key)
        if sealed is not None and way.open(sealed) == key:
            return way.protection, sealed
    raise ValueError("no way to keep a key works")
