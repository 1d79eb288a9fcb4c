"""What a technician is told about the site YAML: once for as long as it lasts."""

from pathlib import Path

from appliance.clock import SystemClock
from appliance.daemon.technical import TechnicalMessages
from appliance.ledger.work import WorkLedger


def test_a_refusal_is_told_once_and_again_after_it_was_mended(tmp_path: Path) -> None:
    work = WorkLedger(tmp_path / "work.db")
    technical = TechnicalMessages(work, "Site", SystemClock())
    refused = frozenset({"line 12, dicom.port"})
    for seen in (refused, refused, frozenset[str](), refused):
        technical.configuration(seen, ())
    technical.configuration(frozenset(), ("dicom.port",))
    told = [
        str(item.summary.reason.code) + ": " + item.summary.reason.detail
        for item in work.outbox_after(0)
        if item.summary is not None and item.summary.reason is not None
    ]
    assert told == [
        "config-refused: line 12, dicom.port",
        "config-refused: line 12, dicom.port",
        "config-needs-restart: dicom.port",
    ]
