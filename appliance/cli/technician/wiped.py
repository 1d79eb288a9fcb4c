"""What the menu still offers once the box was wiped: the certificate again, and a new beginning."""

from __future__ import annotations

from typing import Final

from appliance.cli.technician.box import Box
from appliance.cli.technician.sticks import plugged_in
from appliance.errors import StorageError, WipeError
from appliance.provision.programs import answer_of
from appliance.screen.session import Dialogue
from appliance.storage import storage_error
from appliance.wipe.certificate import Status
from appliance.wipe.ended import Ended, read_ended
from appliance.wipe.handing_out import Document, FolderTaker
from appliance.wipe.journal import DONE

_UNIT: Final = "image-factory-reset.service"
_WORD: Final = "NEW"


def hand_out(box: Box, dialogue: Dialogue) -> None:
    """Put statement, certificate and its page onto a stick once more.

    Raises:
        WipeError: `wipe-certificate-missing`.
        ConfigError, StorageError: the stick did not take them.
    """
    documents = _documents(box)
    with plugged_in(box, dialogue) as stick:
        stick.make_writable()
        FolderTaker(stick.folder).take(documents)
    for document in documents:
        dialogue.say(f"On the stick: {document.name}")


def make_new(box: Box, dialogue: Dialogue) -> None:
    """Have the machine start again as it was flashed; only behind a word that is typed.

    Raises:
        WipeError: `factory-reset-unconfirmed`, `factory-reset-failed`; then nothing has happened.
    """
    end = _end(box)
    if end is not None and end.status == Status.FAILED:
        dialogue.say("The wipe FAILED: patient data may be left on this disk. Making the box new")
        dialogue.say("destroys the keys of its data volume, and no more. Better destroy the disk.")
        dialogue.say("")
    dialogue.say("The machine starts again and makes all that it stores anew, with a new identity:")
    dialogue.say("it is as it was flashed, and wants a site YAML.")
    dialogue.say("")
    dialogue.say("What is left of the wipe on this machine goes too, its certificate among it.")
    copies = ", ".join(end.copies) if end is not None else ""
    dialogue.say(f"At the wipe the certificate was handed to: {copies or 'NOBODY'}.")
    dialogue.say("If you have no copy, press Esc, and take one (c).")
    if dialogue.ask(f"To make this box new, type {_WORD}:") != _WORD:
        raise WipeError("factory-reset-unconfirmed")
    dialogue.say("The machine starts again now. Leave it on.")
    if answer_of(["systemctl", "start", _UNIT]) is None:
        raise WipeError("factory-reset-failed")


def _end(box: Box) -> Ended | None:
    try:
        return read_ended(box.wipe_journal / DONE)
    except StorageError:
        return None  # wiped all the same, and nothing is known of it


def _documents(box: Box) -> tuple[Document, ...]:
    try:
        found = tuple(
            Document(file.name, file.read_bytes())
            for file in sorted(box.wipe_journal.glob("osteon-wipe-*"))
        )
    except OSError as error:
        raise storage_error(error) from error
    if not found:
        raise WipeError("wipe-certificate-missing")
    return found
