"""Which of a medium's own erase commands are used, in which order, and how far each one reaches.

Decided from what the medium itself says it can do, by the tools' own output. How far a command
reaches follows the tables of NIST SP 800-88 Rev. 1, Appendix A, as the field reads them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from appliance.wipe.plan import Medium, Reach

WITH_ERASE_COMMANDS: Final = frozenset({"nvme", "sata", "ata"})
"""How media are attached that can be told to erase themselves; a bridge such as USB's is not relied
upon to pass that on."""
_MINUTE: Final = 60.0
_SLOWEST_BYTES: Final = 20e6
"""A second; of a medium that is overwritten."""
_ATA_PASSWORD: Final = "osteon"  # noqa: S105 - set for the erase, which takes it away again
_USER: Final = ("hdparm", "--user-master", "u")
_SURE: Final = "--yes-i-know-what-i-am-doing"


@dataclass(frozen=True, slots=True)
class Technique:
    """One way to erase a medium. `method`: the term of NIST's sample certificate."""

    name: str
    method: str
    reach: Reach
    commands: tuple[tuple[str, ...], ...]
    """In order; each must succeed."""
    seconds: float
    poll: tuple[str, ...] = ()
    """For a command that only begins: what to ask until it has ended."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a medium says it can do."""

    sanitize_crypto: bool = False
    sanitize_block: bool = False
    format_crypto: bool = False
    format_user_data: bool = False
    security_erase: bool = False
    security_erase_enhanced: bool = False
    security_minutes: int = 0
    is_frozen: bool = False
    """The firmware forbids ATA security commands until the next power-up."""
    discard: bool = False


def nvme_capabilities(id_ctrl: str) -> Capabilities:
    """From `nvme id-ctrl -o json` (NVM Express base specification 2.0, figure 275).

    Raises ValueError when it is something else.
    """
    try:
        said = json.loads(id_ctrl)
        sanitize, format_, optional = int(said["sanicap"]), int(said["fna"]), int(said["oacs"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("not an identify-controller answer") from error
    can_format = bool(optional & 0b10)
    return Capabilities(
        sanitize_crypto=bool(sanitize & 0b1),
        sanitize_block=bool(sanitize & 0b10),
        format_crypto=can_format and bool(format_ & 0b100),
        format_user_data=can_format,
    )


def ata_capabilities(identify: str) -> Capabilities:
    """From `hdparm -I`."""
    _, _, security = identify.partition("\nSecurity:")
    minutes = [int(found) for found in re.findall(r"(\d+)min for", security)]
    has_security = re.search(r"^\s*supported$", security, re.MULTILINE) is not None
    has_sanitize = "SANITIZE feature set" in identify
    return Capabilities(
        sanitize_crypto=has_sanitize and "CRYPTO_SCRAMBLE_EXT command" in identify,
        sanitize_block=has_sanitize and "BLOCK_ERASE_EXT command" in identify,
        security_erase=has_security,
        security_erase_enhanced=has_security and "supported: enhanced erase" in security,
        security_minutes=max(minutes, default=0),
        is_frozen=re.search(r"^\s*frozen$", security, re.MULTILINE) is not None,
    )


def techniques(medium: Medium, can: Capabilities) -> tuple[Technique, ...]:
    """What to try, in order, until one succeeds; the last needs nothing but a writable medium."""
    found: list[Technique] = []
    if medium.reach is Reach.PURGE and medium.kind == "nvme":
        found += _nvme(medium, can)
    elif medium.reach is Reach.PURGE and medium.kind in {"sata", "ata"}:
        found += _ata(medium, can)
    seconds = _MINUTE + medium.size / _SLOWEST_BYTES
    if can.discard:
        discard = ("blkdiscard", "--force", medium.target)
        found.append(Technique("blkdiscard", "discard", Reach.CLEAR, (discard,), seconds))
    zeros = ("blkdiscard", "--force", "--zeroout", medium.target)
    found.append(Technique("blkdiscard --zeroout", "overwrite", Reach.CLEAR, (zeros,), seconds))
    return tuple(found)


def has_ended(technique: Technique, answer: str) -> bool | None:
    """Whether an erase that was begun has ended; None: it failed. `answer`: of its `poll`."""
    if technique.poll[0] == "nvme":
        return _nvme_has_ended(answer)
    if "Sanitize Idle" in answer:
        return True if "Last Sanitize Operation Completed Without Error" in answer else None
    return False if "In Process" in answer else None


def _nvme(medium: Medium, can: Capabilities) -> list[Technique]:
    disk, seconds = medium.disk, 4 * 60 * _MINUTE
    poll = ("nvme", "sanitize-log", disk, "-o", "json")
    crypto, block = (("nvme", "sanitize", disk, f"--sanact={action}") for action in (4, 2))
    keys, data = (
        ("nvme", "format", disk, "--force", f"--ses={ses}", "--timeout=600000") for ses in (2, 1)
    )
    purge = Reach.PURGE
    offered = (
        (
            can.sanitize_crypto,
            Technique(
                "nvme sanitize, crypto erase",
                "cryptographic erase",
                purge,
                (crypto,),
                seconds,
                poll,
            ),
        ),
        (
            can.sanitize_block,
            Technique("nvme sanitize, block erase", "block erase", purge, (block,), seconds, poll),
        ),
        (
            can.format_crypto,
            Technique("nvme format, crypto erase", "cryptographic erase", purge, (keys,), seconds),
        ),
        (
            can.format_user_data,
            Technique("nvme format, user data erase", "block erase", purge, (data,), seconds),
        ),
    )
    return [technique for is_offered, technique in offered if is_offered]


def _ata(medium: Medium, can: Capabilities) -> list[Technique]:
    disk = medium.disk
    hours = 4 * 60 * _MINUTE
    poll = ("hdparm", "--sanitize-status", disk)
    scramble, blocks = (
        ("hdparm", _SURE, f"--sanitize-{name}", disk) for name in ("crypto-scramble", "block-erase")
    )
    lock: tuple[str, ...] = (*_USER, "--security-set-pass", _ATA_PASSWORD, disk)
    erase = (*_USER, "--security-erase", _ATA_PASSWORD, disk)
    enhanced = (*_USER, "--security-erase-enhanced", _ATA_PASSWORD, disk)
    # The drive's own estimate; it may take twice as long.
    estimated = 2 * max(can.security_minutes, 30) * _MINUTE
    security = can.security_erase and not can.is_frozen
    offered = (
        (
            can.sanitize_crypto,
            Technique(
                "ATA sanitize, crypto scramble",
                "cryptographic erase",
                Reach.PURGE,
                (scramble,),
                hours,
                poll,
            ),
        ),
        (
            can.sanitize_block,
            Technique(
                "ATA sanitize, block erase", "block erase", Reach.PURGE, (blocks,), hours, poll
            ),
        ),
        (
            security and can.security_erase_enhanced,
            # Enhanced mode reaches reallocated sectors; for flash NIST counts it as clear only.
            Technique(
                "ATA enhanced secure erase",
                "overwrite",
                _of_enhanced(medium),
                (lock, enhanced),
                estimated,
            ),
        ),
        (
            security,
            Technique("ATA secure erase", "overwrite", Reach.CLEAR, (lock, erase), estimated),
        ),
    )
    return [technique for is_offered, technique in offered if is_offered]


def _of_enhanced(medium: Medium) -> Reach:
    return Reach.PURGE if medium.is_rotating else Reach.CLEAR


def _nvme_has_ended(answer: str) -> bool | None:
    """NVM Express base specification 2.0, sanitize status log: SSTAT bits 2:0.

    nvme-cli writes them as `(1) Most Recent Sanitize Command Completed Successfully`, in some
    versions as a value and in others as a key.
    """
    found = re.search(r'"\((\d)\) ', answer)
    return {"1": True, "4": True, "2": False}.get(found[1]) if found else None
