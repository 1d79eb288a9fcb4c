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

_ANALYSIS: Final = {
    "detections-invalid": Explanation(
        "The inference child named regions that its pack cannot have made; the study counts as "
        "not analysed.",
        "Send the log to the maker: the pack or its reader is wrong.",
    ),
    "inference-crashed": Explanation(
        "The inference child died while it read a study; the study counts as not analysed.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, set `device: "
        "cpu`; then check the machine's memory and graphics driver.",
    ),
    "inference-garbage": Explanation(
        "The inference child answered with something that is no answer.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, reinstall "
        "the release and send the log to the maker.",
    ),
    "inference-memory": Explanation(
        "Inference needed more memory than the pack's budget allows.",
        "A very large study, or a pack that is wrong for this release: read it another way, "
        "and tell the maker.",
    ),
    "inference-timeout": Explanation(
        "Inference did not finish before its deadline and was stopped.",
        "Check what else keeps the machine busy, and its cooling. On a slow machine raise the "
        "deadline in the site YAML.",
    ),
    "network-answer-invalid": Explanation(
        "A network answered with another shape or with numbers that are not finite; nothing of "
        "it was used.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, set `device: "
        "cpu` and tell the maker.",
    ),
    "network-failed": Explanation(
        "The inference library reported an error while it ran the network.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, set `device: "
        "cpu` and update the driver.",
    ),
    "network-input-invalid": Explanation(
        "A reader made something of an image that the network does not take.",
        "The image is unusual or the pack wrong: keep the study and tell the maker.",
    ),
    "network-load-failed": Explanation(
        "The inference library could not load a verified network.",
        "Update Osteon to the release that the pack needs; with a graphics card or NPU, set "
        "`device: cpu`.",
    ),
    "network-shape-open": Explanation(
        "A network's input or output has no fixed shape.",
        "The pack is wrong: use another version of it and tell the maker.",
    ),
    "network-shape-other": Explanation(
        "A network takes another input than its pack says.",
        "The pack is wrong: use another version of it and tell the maker.",
    ),
    "runtime-missing": Explanation(
        "No inference library on this machine can run the pack.",
        "Reinstall Osteon with all its packages; check `device` in the site YAML.",
    ),
    "self-test-failed": Explanation(
        "A pack got one of its own golden cases wrong on this machine; it reads no patient "
        "until it gets them right.",
        "Set `device: cpu`. If it fails there too, test the machine's memory and reinstall the "
        "pack.",
    ),
}

_PACK: Final = {
    "golden-invalid": Explanation(
        "A golden case of a model pack cannot be read.",
        "Install the pack again; if that does not help, tell the maker.",
    ),
    "pack-description-invalid": Explanation(
        "A pack's pack.yaml has faults; the message names their places.",
        "Install the pack again or update Osteon to the release that the pack needs.",
    ),
    "pack-external-data": Explanation(
        "A pack's network refers to a further file, which could be anything.",
        "Do not use this pack; tell the maker.",
    ),
    "pack-file-altered": Explanation(
        "A file of a model pack is not what was signed.",
        "Install the pack again; if it comes back, check the disk, and ask who else can write "
        "there.",
    ),
    "pack-file-irregular": Explanation(
        "A model pack holds a link or a device in the place of a file.",
        "Install the pack again, by Osteon's own means and not by hand.",
    ),
    "pack-file-missing": Explanation(
        "A file that a model pack needs is not there or not signed for.",
        "Install the pack again.",
    ),
    "pack-file-unlisted": Explanation(
        "A model pack's folder holds a file that was not signed.",
        "Remove what was put there by hand, or install the pack again.",
    ),
    "pack-manifest-invalid": Explanation(
        "A model pack's manifest.json is not a signed list of files.",
        "Install the pack again.",
    ),
    "pack-missing": Explanation(
        "A model pack that should be loaded is not there.",
        "Check the packs' folder and its owner, or install the pack.",
    ),
    "pack-path-invalid": Explanation(
        "A model pack's signed list names a path outside its folder.",
        "Do not use this pack; tell the maker.",
    ),
    "pack-signature-invalid": Explanation(
        "A model pack is not signed by enough of the keys that this box trusts.",
        "Use a pack from the maker. A pack of your own needs the box to trust your key.",
    ),
    "pack-too-large": Explanation(
        "A model pack says that it is larger than any pack may be.",
        "Do not use this pack; tell the maker.",
    ),
    "reader-twice": Explanation(
        "Two readers in this build have the same name: the build itself is wrong.",
        "Install the maker's unaltered release.",
    ),
    "reader-unknown": Explanation(
        "A model pack asks for a reader that this release does not have.",
        "Update Osteon to the release that the pack needs, or remove the pack.",
    ),
    "runtime-twice": Explanation(
        "Two inference libraries in this build have the same name: the build itself is wrong.",
        "Install the maker's unaltered release.",
    ),
    "trust-invalid": Explanation(
        "The file that says which keys may sign packs cannot be believed.",
        "Install the maker's unaltered release.",
    ),
}

CATALOGUE: Final[dict[str, Explanation]] = {**_CONFIG, **_STORAGE, **_ANALYSIS, **_PACK}
"""Every stable code of `OsteonError` and its subclasses."""
