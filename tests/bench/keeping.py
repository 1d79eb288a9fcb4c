"""Ten thousand studies in the ledgers, and what sealing costs."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.hazmat.primitives.asymmetric import ec

from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.trail import AuditTrail, verify
from appliance.clock import SystemClock
from appliance.daemon.keeping import present_plan
from appliance.daemon.state import StateFolder
from appliance.domain import StudyKey
from appliance.ledger.intake import IntakeLedger
from appliance.sealing import MasterKey, StudySeal
from appliance.signing import DeviceSigner
from tests.bench.receiving import Figure
from tests.simulators.box import Surroundings, prepared
from tests.simulators.keeping import site
from tests.simulators.mail import mail_server
from tests.simulators.many_studies import write_ledgers
from tests.simulators.modality import dcmtk, save
from tests.simulators.objects import ct_series
from tests.simulators.receiving import running_receiver

STUDIES = 10_000
SLICES = 100
ROUNDS = 7


def measure(folder: Path) -> Iterator[Figure]:
    """All figures of keeping and sealing."""
    yield from _many(folder)
    yield from _audit(folder)
    yield from _sealing(folder)


def _many(folder: Path) -> Iterator[Figure]:
    with mail_server(folder) as mail:
        box = prepared(folder, Surroundings(mail))
    write_ledgers(box.state, MasterKey.load(folder / "master.key"), STUDIES)
    for words in (("studies",), ("retention", "plan")):
        wall, processor = _timed(lambda words=words: box.command(*words))  # type: ignore[misc]
        said = f"{wall:.1f} s, {processor:.1f} s of processor"
        yield f"{STUDIES:,} studies: `osteon {' '.join(words)}`", said, "≤ 2 s"
    state = StateFolder(box.state)
    with closing(IntakeLedger(state.intake, read_only=True)) as intake:
        began = time.monotonic()
        found = present_plan(state, site(), intake, 0.0)
        seconds = time.monotonic() - began
    assert len(found.staying) == STUDIES
    yield f"{STUDIES:,} studies: the plan alone", f"{seconds:.2f} s", "≤ 2 s"


def _audit(folder: Path) -> Iterator[Figure]:
    signer = DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
    trail = AuditTrail(folder, "bench", signer, SystemClock())
    for _ in range(STUDIES):
        trail.record(AuditEvent(AuditKind.PATIENT_SHOWN, "bench", "K7Q-3MF2", "TREAT"))
    trail.close()
    began = time.monotonic()
    verdict = verify(folder, (signer.public_key,))
    seconds = time.monotonic() - began
    assert verdict.is_whole
    yield f"{verdict.count:,} entries: the audit trail verified", f"{seconds:.2f} s", "≤ 2 s"


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of a child process."""

    def processor() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    wall, used = time.monotonic(), processor()
    run()
    return time.monotonic() - wall, processor() - used


class _Unsealed(MasterKey):
    """For this measurement only: what it writes is in clear."""

    def open_keyset(self, study: StudyKey, wrapped: bytes) -> StudySeal:
        super().open_keyset(study, wrapped)
        return cast("StudySeal", _Clear())


class _Clear:
    """A seal that does nothing."""

    def writer(self, raw: BinaryIO, purpose: str = "blob") -> BinaryIO:
        del purpose
        return raw


def _sealing(folder: Path) -> Iterator[Figure]:
    """The same slices with and without sealing, in turns, so that both meet the same machine."""
    files = save(ct_series(SLICES, side=512), folder / "slices")
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for is_sealed in (True, False) if number % 2 else (False, True):
            place = folder / f"{number}-{is_sealed}"
            place.mkdir()
            seconds[is_sealed].append(_received(place, files, is_sealed=is_sealed))
    sealed, clear = (statistics.median(seconds[each]) for each in (True, False))
    figures = (
        f"{100 * (1 - clear / sealed):.0f} % ({SLICES / sealed:.0f} of {SLICES / clear:.0f}/s)"
    )
    yield f"sealing: share of the throughput, {SLICES} slices {ROUNDS} times", figures, "≤ 10 %"


def _received(folder: Path, files: list[Path], *, is_sealed: bool) -> float:
    kind = MasterKey if is_sealed else _Unsealed
    with running_receiver(folder, kind=kind) as receiver:
        began = time.monotonic()
        sent = dcmtk("dcmsend", receiver.port, *files, seconds=600)
        seconds = time.monotonic() - began
        if sent.returncode:
            raise RuntimeError(sent.stderr[-500:])
    return seconds
