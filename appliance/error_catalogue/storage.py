"""StorageError: disk, ledgers, master key."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

STORAGE: Final = {
    "acceptance-broken": Explanation(
        "The record of which models this site accepted and refused cannot be read. No model reads "
        "until it can.",
        "Take acceptances.json out of the state folder, check the disk, and run `osteon accept` "
        "again for each model that this site had judged.",
    ),
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
    "disk-nearly-full": Explanation(
        "The disk of the state folder is nearly full; soon new objects will be turned away.",
        "Free room on that disk, or lower `dicom.limits.keep_free_mib` if it is set too high.",
    ),
    "key-rotation-unconfirmed": Explanation(
        "What was typed is not the word that was asked for. Nothing has changed.",
        "Choose it again if the key is to be rotated.",
    ),
    "key-rotation-waits": Explanation(
        "The new key is in place, and the receiver has not yet wrapped every study by it.",
        "Start Osteon if it does not run (`systemctl start osteon.target`), then run `osteon key "
        "rotate` again: it goes on from there. Until then both keys are kept, and nothing is lost.",
    ),
    "keyset-changed": Explanation(
        "A study's key in the ledger is not the one that its images were sealed with.",
        "The ledger was damaged or altered: stop Osteon, check the disk and tell the maker.",
    ),
    "ledger-broken": Explanation(
        "A ledger in the state folder cannot be read as a database.",
        "Check the disk; keep the file for the maker and do not delete the state folder.",
    ),
    "ledger-missing": Explanation(
        "A ledger that another part of Osteon writes is not there, or not in use.",
        "Start Osteon (`systemctl start osteon.target`); check `state_folder` in the site YAML.",
    ),
    "ledger-newer": Explanation(
        "A ledger was written by a later release of Osteon, which this one cannot read.",
        "Install that release again; its ledgers are kept as they are until then.",
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
    "master-key-unsealable": Explanation(
        "The new master key could not be sealed to this machine; the one in use was left alone.",
        "Run it as root; check the TPM and `systemd-creds --version`, then try again.",
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
