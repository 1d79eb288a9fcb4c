"""The ledgers of a box with very many finished studies, written row by row without their files."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Final

from appliance.daemon.state import StateFolder
from appliance.domain import MessageKind, Outcome, StudyKey
from appliance.ledger.codec import encode
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.sealing import MasterKey
from tests.simulators.alerting import SUMMARY

NOW: Final = 1_780_000_000.0
IMAGES: Final = 40
ALERT_EVERY: Final = 3


def write_ledgers(root: Path, master: MasterKey, count: int) -> None:
    """Studies of 40 images each, one in three with an alert that somebody acknowledged."""
    state = StateFolder(root)
    for folder in (state.receive, state.analyse, state.deliver):
        folder.mkdir(parents=True, exist_ok=True)
    studies = [master.study_key(f"1.2.{number}") for number in range(count)]
    _intake(state.intake, studies)
    _work(state.work, studies, master)
    _delivery(state.delivery, studies, master)


def _intake(path: Path, studies: list[StudyKey]) -> None:
    with closing(IntakeLedger(path)) as ledger, ledger.transaction():
        database = ledger._database
        for number, study in enumerate(studies):
            first = number * IMAGES + 1
            database.execute(
                "INSERT INTO studies VALUES (?, x'00', ?, ?, 1, ?, ?, ?, ?, ?, ?)",
                (
                    *(study, NOW, f"{number:016x}", first, first + IMAGES - 1, IMAGES),
                    *(IMAGES << 19, NOW + number, float(number)),
                ),
            )
            database.execute(
                "INSERT INTO associations VALUES (?, 'CT1', '127.0.0.1', ?, ?, ?)",
                (number + 1, NOW, NOW, "released"),
            )
            database.execute("INSERT INTO visits VALUES (?, ?)", (study, number + 1))
            database.executemany(
                "INSERT INTO instances VALUES (?, ?, ?, 's', ?, 'd', 'c', 't', ?, ?, ?, 0, 0)",
                [
                    (one, f"{one:032x}", study, f"{one:032x}", 1 << 19, number + 1, NOW)
                    for one in range(first, first + IMAGES)
                ],
            )


def _work(path: Path, studies: list[StudyKey], master: MasterKey) -> None:
    summary = encode(SUMMARY)
    with closing(WorkLedger(path)) as ledger:
        database = ledger._database
        database.execute("BEGIN")
        for number, study in enumerate(studies):
            alerted = number % ALERT_EVERY == 0
            case = master.case_code(study)
            database.execute(
                "INSERT INTO revisions VALUES (?, 1, ?, 'reported', 0, ?, ?, ?, ?, NULL, 0)",
                (
                    *(study, case, (number + 1) * IMAGES, NOW + number, NOW + number),
                    Outcome.ALERT if alerted else Outcome.BELOW_THRESHOLD,
                ),
            )
            for state in ("complete", "gated", "analysed"):
                database.execute(
                    "INSERT INTO stage_values VALUES (?, 1, ?, zeroblob(2000))", (study, state)
                )
                database.execute(
                    "INSERT INTO events (study, revision, at, name, fields) VALUES (?, 1, ?, ?, ?)",
                    (study, NOW, state, json.dumps({"count": 3})),
                )
            if alerted:
                database.execute(
                    'INSERT INTO outbox (study, revision, "case", kind, created_at, summary, blobs)'
                    " VALUES (?, 1, ?, ?, ?, ?, '[]')",
                    (study, case, MessageKind.CLINICAL_ALERT, NOW, summary),
                )
        database.execute("COMMIT")


def _delivery(path: Path, studies: list[StudyKey], master: MasterKey) -> None:
    with closing(DeliveryLedger(path)) as ledger:
        database = ledger._database
        database.execute("BEGIN")
        for item, study in enumerate(studies[::ALERT_EVERY], start=1):
            case = master.case_code(study)
            database.execute(
                "INSERT INTO items VALUES (?, ?, 1, 'clinical-alert', 1, 0, 0, 0, 'acknowledged',"
                " ?, NULL)",
                (item, case, NOW),
            )
            database.execute(
                "INSERT INTO deliveries VALUES (?, 0, 'mail', 'a@b', 'sent', 1, 1, ?, '', '')",
                (item, NOW),
            )
            database.execute(
                'INSERT INTO acknowledgements ("case", "by", at, through) VALUES (?, ?, ?, ?)',
                (case, "Dr. Li", NOW, item),
            )
        database.execute("UPDATE numbers SET last = ?", (len(studies) // ALERT_EVERY + 1,))
        database.execute("COMMIT")
