"""What came of a wipe, as the machine itself knows it afterwards: for its screen and its menu.

It stands in `done.json`, beside the certificate, and is all that a wiped box still says of itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import StorageError
from appliance.ledger.codec import decode
from appliance.wipe.journal import Intent, Phase, Record, Result

HANDED_TO: Final = "hand out to "
"""How the evidence of a copy begins that was handed out."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a wipe. at: seconds since 1970, UTC; None: not known.

    status: `appliance.wipe.certificate.Status` as text; empty where it is not known. certificate:
    its file beside the journal; digest: SHA-256 of that file; both empty where there is none.
    copies: who has taken the certificate.
    """

    intent: Intent
    status: str = ""
    at: float | None = None
    certificate: str = ""
    digest: str = ""
    copies: tuple[str, ...] = ()


_KINDS: Final[tuple[type[Ended | Intent], ...]] = (Ended, Intent)
"""The intent alone, where the disk took no more."""


def ended(
    folder: Path, intent: Intent, records: Sequence[Record], status: str, now: float
) -> Ended:
    """As it is put down at the end. folder: the journal's; now: seconds since 1970, UTC."""
    certificate = folder / f"osteon-wipe-{intent.wipe_id}.json"
    digest = ""
    with suppress(OSError):
        digest = hashlib.sha256(certificate.read_bytes()).hexdigest()
    copies = {
        one.what.removeprefix(HANDED_TO)
        for record in records
        if record.phase is Phase.CERTIFICATE
        for one in record.evidence
        if one.what.startswith(HANDED_TO) and one.result is Result.DONE
    }
    name = certificate.name if digest else ""
    return Ended(intent, status, now, name, digest, tuple(sorted(copies)))


def read_ended(file: Path) -> Ended | None:
    """What a copy of `done.json` says; None where there is none, or an empty one.

    Raises:
        StorageError: `ledger-broken`, `storage-failed`: the machine was wiped all the same.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError("storage-failed", str(error.strerror)) from error
    if not content.strip():
        return None
    found = decode(content, _KINDS)
    return found if isinstance(found, Ended) else Ended(found)
