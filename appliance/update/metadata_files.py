"""Metadata that others may read: durable, above the floor, and replaced all at once.

python-tuf renames its files without fsync, one by one; after a power cut some are empty, and root
and targets may not belong together. So it works in a folder of its own, and what the floor has let
through is copied to a new folder, to which a link is then turned.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.storage import fsync_folder, remove_tree, storage_error, write_tree
from appliance.update.layout import UpdateFolder

_ROOTS: Final = "root_history"
_TARGETS: Final = "targets.json"
_FOLDER: Final = 0o750
_FILE: Final = 0o640


def publish(folder: UpdateFolder, newest_root: int) -> None:
    """Put the client's metadata in force. Nothing is written where they are in force already.

    newest_root: the version of the root that was verified; later files are not copied.

    Raises:
        StorageError: `disk-full`, `storage-failed`.
    """
    try:
        found = _verified(folder.client, newest_root)
        if _contents(folder.metadata) == found:
            return
        made = folder.root / f"metadata.{secrets.token_hex(4)}"
        write_tree(made, found, mode=_FILE, folder_mode=_FOLDER)
        link = made.with_name(f"{made.name}.link")
        link.symlink_to(made.name)
        link.replace(folder.metadata)
        fsync_folder(folder.root)
    except OSError as error:
        raise storage_error(error) from error


def sweep(folder: UpdateFolder) -> None:
    """Remove what is in force no longer, or never was: what a kill or a power cut left."""
    try:
        in_force = folder.metadata.readlink().name if folder.metadata.is_symlink() else ""
        for place in folder.root.glob("metadata.*"):
            if place.name == in_force:
                continue
            if place.is_symlink():
                place.unlink()
            else:
                remove_tree(place)
        for place in folder.client.glob("tmp*"):  # as tempfile names them
            place.unlink()
    except OSError as error:
        raise storage_error(error) from error


def _verified(client: Path, newest_root: int) -> Mapping[str, bytes]:
    """What other units look at: every root up to the newest one, and the targets."""
    found = {_TARGETS: (client / _TARGETS).read_bytes()}
    for place in (client / _ROOTS).glob("*.root.json"):
        number = place.name.partition(".")[0]
        if number.isdecimal() and int(number) <= newest_root:
            found[f"{_ROOTS}/{place.name}"] = place.read_bytes()
    return found


def _contents(folder: Path) -> Mapping[str, bytes]:
    places = [place for place in folder.rglob("*") if place.is_file()]
    return {str(place.relative_to(folder)): place.read_bytes() for place in places}
