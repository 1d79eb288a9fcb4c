"""What each stable error code means and what the technician does about it.

The manual and `osteon`'s own messages are made from this table. A guard test reads every code that
is raised in `appliance/` and fails when one is missing here or an entry is no longer used.
Sections follow the tree of `appliance/errors.py`; inside one, codes are in alphabetical order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, in one sentence, and what to do, in one or two."""

    meaning: str
    hint: str


_CONFIG: Final = {
    "config-invalid": Explanation(
        "The site YAML has faults; nothing was started.",
        "Mend each fault at its line and column; `osteon config example` prints a file that works.",
    ),
    "config-unreadable": Explanation(
        "The site YAML is not there, or this user may not read it.",
        "Check the path given with --config and the file's owner and mode.",
    ),
    "secret-empty": Explanation(
        "A file that should hold a password holds nothing.",
        "Write the password on the first line of the file and start again.",
    ),
    "secret-exposed": Explanation(
        "Other users of this machine may read a file that holds a secret.",
        "Give it to the user that runs Osteon and close it: chmod 600 FILE.",
    ),
    "secret-unreadable": Explanation(
        "A file that should hold a secret is not there, or this user may not read it.",
        "Check the path in the site YAML and the file's owner and mode.",
    ),
}

_STORAGE: Final = {
    "blob-missing": Explanation(
        "A sealed file that the ledger names is gone from the state folder.",
        "Something other than Osteon removed it, or the disk lost it: check the disk, and send the "
        "study again from the PACS.",
    ),
    "blob-name-invalid": Explanation(
        "A ledger names a sealed file in a way that Osteon never writes.",
        "The ledger was damaged or altered: check the disk and report it to the maker.",
    ),
    "disk-full": Explanation(
        "The disk of the state folder is full; new objects are turned away until there is room.",
        "Free room on that disk. Modalities send again what was not acknowledged.",
    ),
    "ledger-broken": Explanation(
        "A ledger in the state folder cannot be read as a database.",
        "Check the disk; keep the file for the maker and do not delete the state folder.",
    ),
    "ledger-missing": Explanation(
        "A ledger that another part of Osteon writes does not exist yet.",
        "Start Osteon once with this state folder, and check `state_folder` in the site YAML.",
    ),
    "master-key-exists": Explanation(
        "A master key is already there; it is never overwritten, as all studies would be lost.",
        "Keep using it, or name another file.",
    ),
    "master-key-invalid": Explanation(
        "The master key's file does not hold a master key of Osteon.",
        "Put back the right file from the site's safe copy; without it stored studies stay sealed.",
    ),
    "master-key-missing": Explanation(
        "The master key cannot be read.",
        "Check `master_key_file` in the site YAML (or the credential `master-key`) and its owner.",
    ),
    "seal-broken": Explanation(
        "Sealed data was altered, damaged, or sealed by another box.",
        "Check the disk and the master key; send the study again from the PACS.",
    ),
    "storage-failed": Explanation(
        "The operating system could not read or write the state folder.",
        "Check the disk, its mount and the folder's owner; the error's name is in the message.",
    ),
}

_PACK: Final = {
    "reader-twice": Explanation(
        "Two readers in this build have the same name: the build itself is wrong.",
        "Install the maker's unaltered release.",
    ),
    "reader-unknown": Explanation(
        "A model pack asks for a reader that this release does not have.",
        "Update Osteon to the release that the pack needs, or remove the pack.",
    ),
}

CATALOGUE: Final[dict[str, Explanation]] = {**_CONFIG, **_STORAGE, **_PACK}
"""Every stable code of `OsteonError` and its subclasses."""
