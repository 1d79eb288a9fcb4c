"""Who a case is about: read anew from a sealed image, in the child that reads all headers."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import BinaryIO

from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.state import master_key, state_folder
from appliance.domain import CaseCode, InstanceHeader, PatientFacts
from appliance.errors import UsageError
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.pipeline.decode import DecodeLimits, Decoder
from appliance.storage import BlobStore

_TRIES = 3
"""Images whose header is looked at: one that cannot be read hides nobody."""


def patient_of(site: Site, clock: Clock, case: CaseCode) -> PatientFacts:
    """The patient of a case.

    Raises:
        UsageError: `case-unknown`, `patient-unreadable`.
        StorageError: of the ledgers, the master key or the seal.
    """
    state = state_folder(site)
    limits = DecodeLimits(site.analysis.decode_memory_mib << 20, site.analysis.decode_seconds)
    with ExitStack() as stack:
        work = WorkLedger(state.work, read_only=True)
        stack.callback(work.close)
        intake = IntakeLedger(state.intake, read_only=True)
        stack.callback(intake.close)
        revisions = work.of_case(case)
        wrapped = intake.wrapped_keyset(revisions[-1].study) if revisions else None
        if not revisions or wrapped is None:
            raise UsageError("case-unknown", "no such case on this box")
        study = revisions[-1].study
        seal = master_key(site).open_keyset(study, wrapped)
        blobs = {each.id: each.blob for each in intake.instances(study)[:_TRIES]}
        spool = BlobStore(state.spool)

        def open_instance(number: int) -> AbstractContextManager[BinaryIO]:
            return seal.reader(spool.open(blobs[number]))

        with Decoder(open_instance, clock, limits) as decoder:
            for _, header in decoder.headers(blobs):
                if isinstance(header, InstanceHeader):
                    return header.patient
    raise UsageError("patient-unreadable", "none of its images could be read")
