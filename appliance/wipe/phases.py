"""The phases of a wipe, as one table, and going through it from wherever it stopped.

Each phase may be done twice: killed in the middle of one, the next run does it again. A phase that
goes wrong does not keep the later ones from being done; the certificate says what went wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.clock import Clock
from appliance.errors import OsteonError, WipeError
from appliance.ledger.codec import encode
from appliance.signing import DeviceSigner
from appliance.wipe import luks
from appliance.wipe.certificate import Status, issue, statement, tool_of
from appliance.wipe.certificate_page import render_certificate
from appliance.wipe.ended import ended
from appliance.wipe.erasing import erase
from appliance.wipe.folders import Removal, destroy_file, remove_folder, spoil_keys
from appliance.wipe.handing_out import Document, Taker, hand_out
from appliance.wipe.journal import Evidence, Intent, Journal, Mark, Phase, Record, Result
from appliance.wipe.marks import set_marks
from appliance.wipe.plan import Destination, KeyFile
from appliance.wipe.programs import Programs
from appliance.wipe.verification import verify

_SEALED_NAME: Final = re.compile(r"[0-9a-f]{32}\Z")
_STATEMENT_SECONDS: Final = 2.0
_CERTIFICATE_SECONDS: Final = 120.0
_TPM_SECONDS: Final = 30.0
_VERSION_SECONDS: Final = 10.0
_VERSION: Final = {"hdparm": "-V"}


class Units(Protocol):
    """The box's own processes."""

    def stop(self) -> str:
        """End all of them at once; empty, or what went wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a wipe works with. `open_signer`: None where the identity's key does not open."""

    programs: Programs
    clock: Clock
    units: Units
    open_signer: Callable[[], DeviceSigner | None]
    takers: Mapping[Destination, Taker]
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a wipe."""

    intent: Intent
    journal: Journal
    tools: Tools

    def marks(self) -> tuple[Mark, ...]:
        """The marks that were set."""
        return tuple(mark for record in self.journal.records() for mark in record.marks)


Act = Callable[[Work], Iterator[Evidence | Mark]]


def _state(work: Work) -> Iterator[Evidence | Mark]:
    signer = work.tools.open_signer()
    document = Document(
        f"osteon-wipe-{work.intent.wipe_id}-statement.json", statement(work.intent, signer)
    )
    yield _kept(work, document)
    yield _signed("statement of intent", signer)
    yield from hand_out((document,), work.tools.takers, _STATEMENT_SECONDS)


def _stop(work: Work) -> Iterator[Evidence | Mark]:
    yield _evidence("end the box's processes", work.tools.units.stop())
    for volume in work.intent.plan.volumes:
        troubles = luks.close(volume, work.tools.programs)
        yield _evidence(f"close {volume.device}", *troubles)


def _destroy_keys(work: Work) -> Iterator[Evidence | Mark]:
    plan = work.intent.plan
    yield from _destroy_files(plan.keys)
    for volume in plan.volumes:
        troubles = luks.destroy(volume, work.tools.programs)
        yield _evidence(f"erase the LUKS headers of {volume.device}", *troubles)
    for folder in plan.folders:
        yield _removed("overwrite what may hold keys in", folder, spoil_keys(Path(folder), _sealed))


def _set_marks(work: Work) -> Iterator[Evidence | Mark]:
    for medium in work.intent.plan.media:
        if medium.target:
            yield from set_marks(medium, work.intent.wipe_id)


def _erase_media(work: Work) -> Iterator[Evidence | Mark]:
    tools = work.tools
    for medium in work.intent.plan.media:
        if medium.target:
            yield from erase(medium, work.marks(), tools.programs, tools.clock)


def _remove_files(work: Work) -> Iterator[Evidence | Mark]:
    plan = work.intent.plan
    for file in plan.files:
        yield from _destroy_files((KeyFile(file, file),))
    for folder in plan.folders:
        yield _removed("delete", folder, remove_folder(Path(folder)))


def _certify(work: Work) -> Iterator[Evidence | Mark]:
    intent, journal, tools = work.intent, work.journal, work.tools
    signer = tools.open_signer()
    name = f"osteon-wipe-{intent.wipe_id}"
    evidence = {"journal_digest": journal.digest(), **_versions(work)}
    made = issue(intent, journal.records(), tools.clock.now(), signer, evidence)
    if signer is None and (journal.folder / f"{name}.json").exists():
        return  # one was signed before the identity went: it stays
    documents = [Document(f"{name}.json", made.envelope)]
    kept = _kept(work, documents[0])
    yield kept
    try:
        documents.append(Document(f"{name}.pdf", render_certificate(made)))
        yield _kept(work, documents[1])
    except OsteonError as error:
        yield _evidence("certificate as PDF", str(error))
    yield _signed("certificate", signer)
    handed = hand_out(tuple(documents), tools.takers, _CERTIFICATE_SECONDS)
    yield from handed
    if not any(one.result is Result.DONE for one in (kept, *handed)):
        raise WipeError("wipe-certificate-homeless", kept.detail)


def _remove_identity(work: Work) -> Iterator[Evidence | Mark]:
    plan, tools = work.intent.plan, work.tools
    identity = Path(plan.identity)
    yield _removed("overwrite", plan.identity, spoil_keys(identity, lambda _: False))
    yield _removed("delete", plan.identity, remove_folder(identity))
    yield from _destroy_files(plan.last_keys)
    if plan.clears_tpm:
        # The lockout hierarchy may clear; it makes everything unreadable that the TPM ever sealed.
        cleared = tools.programs.run(["tpm2_clear", "-c", "l"], _TPM_SECONDS)
        yield _evidence("clear the TPM", cleared.trouble)
    trouble = "" if tools.open_signer() is None else "the device can still sign"
    yield _evidence("the device can no longer sign", trouble)


PHASES: Final[Mapping[Phase, Act]] = {
    Phase.STATEMENT: _state,
    Phase.STOP: _stop,
    Phase.KEYS: _destroy_keys,
    Phase.MARKS: _set_marks,
    Phase.MEDIA: _erase_media,
    Phase.FILES: _remove_files,
    Phase.VERIFICATION: lambda work: verify(work.intent.plan, work.marks(), work.tools.programs),
    Phase.CERTIFICATE: _certify,
    Phase.IDENTITY: _remove_identity,
}
"""In this order. Keys before media: they die in seconds, whatever the media take."""
_AGAIN_AT_EACH_START: Final = frozenset({Phase.STOP})
"""A boot may have opened and started again what was closed and stopped before."""


def go_through(journal: Journal, intent: Intent, tools: Tools) -> Status:
    """Do every phase that was not recorded yet; the wipe's status at its end.

    Whatever goes wrong in a phase is evidence: nothing stops a wipe that has begun, but for one.

    Raises:
        WipeError: `wipe-certificate-homeless`, nobody and nothing took the certificate. The data
            are gone; the identity is kept for the next try.
    """
    work = Work(intent, journal, tools)
    behind = {record.phase for record in journal.records()}
    for phase, act in PHASES.items():
        if phase in behind and phase not in _AGAIN_AT_EACH_START:
            continue
        tools.say(phase)
        if not journal.record(_do(work, phase, act)):
            tools.say("the journal could not be written; the wipe goes on")
    records = journal.records()
    status = Status.of(intent.plan, records)
    journal.finish(encode(ended(journal.folder, intent, records, status, tools.clock.now())))
    return status


def _do(work: Work, phase: Phase, act: Act) -> Record:
    clock = work.tools.clock
    at, began = clock.now(), clock.monotonic()
    evidence: list[Evidence] = []
    marks: list[Mark] = []
    try:
        for found in act(work):
            if isinstance(found, Mark):
                marks.append(found)
            else:
                evidence.append(found)
    except WipeError:
        raise
    except (OSError, OsteonError) as error:
        words = (error.strerror if isinstance(error, OSError) else None) or str(error)
        evidence.append(Evidence(phase, Result.FAILED, words))
    for one in evidence:
        if one.result is Result.FAILED:
            work.tools.say(f"{one.what}: {one.detail}")
    return Record(phase, at, clock.monotonic() - began, tuple(evidence), tuple(marks))


def _destroy_files(files: tuple[KeyFile, ...]) -> Iterator[Evidence]:
    for file in files:
        try:
            destroy_file(Path(file.path))
        except OSError as error:
            yield _evidence(f"destroy {file.what}", str(error.strerror))
        else:
            yield _evidence(f"destroy {file.what}")


def _kept(work: Work, document: Document) -> Evidence:
    try:
        work.journal.keep(document.name, document.content)
    except OsteonError as error:
        return _evidence(f"keep {document.name}", str(error))
    return _evidence(f"keep {document.name}")


def _removed(what: str, folder: str, removal: Removal) -> Evidence:
    return _evidence(f"{what} {folder}", *removal.troubles[:1])


def _evidence(what: str, *troubles: str) -> Evidence:
    words = "; ".join(trouble for trouble in troubles if trouble)
    return Evidence(what, Result.FAILED if words else Result.DONE, words)


def _signed(what: str, signer: DeviceSigner | None) -> Evidence:
    trouble = "" if signer is not None else "the device's key does not open: not signed"
    return _evidence(f"sign the {what}", trouble)


def _versions(work: Work) -> dict[str, str]:
    """The first line of `--version` of each program that did something."""
    used = {"cryptsetup"} if work.intent.plan.volumes else set()
    for record in work.journal.records():
        for one in record.evidence:
            if one.method:
                used.add(tool_of(one.what.partition(": ")[2]))
    asked = {
        name: work.tools.programs.run([name, _VERSION.get(name, "--version")], _VERSION_SECONDS)
        for name in sorted(used)
    }
    return {name: (ran.out or ran.err).strip().partition("\n")[0] for name, ran in asked.items()}


def _sealed(name: str) -> bool:
    """Whether a file's name says that it is a sealed blob: see `appliance.storage.BlobStore`."""
    return _SEALED_NAME.match(name) is not None
