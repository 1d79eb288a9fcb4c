"""What a wipe decides: who may, who still waits, and how clean it is called."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.domain import CaseCode, MessageKind, StudyKey
from appliance.errors import OsteonError, StorageError, WipeError
from appliance.ledger.codec import encode
from appliance.ledger.delivery import (
    Delivery,
    DeliveryLedger,
    DeliveryState,
    Destination,
    Moment,
    Progress,
)
from appliance.ledger.work import WorkLedger
from appliance.signing import DeviceSigner, public_key
from appliance.wipe import order as orders
from appliance.wipe.certificate import Status, medium_status
from appliance.wipe.consent import check_alerts, check_serial
from appliance.wipe.ended import Ended, ended, read_ended
from appliance.wipe.facts import box_serial, undelivered
from appliance.wipe.journal import (
    DONE,
    Authority,
    Evidence,
    Intent,
    Journal,
    Phase,
    Record,
    Result,
)
from appliance.wipe.plan import KeyFile, Medium, Reach, Undelivered, WipePlan
from appliance.wipe.verification import verify
from tests.simulators.alerting import SUMMARY
from tests.simulators.delivering import new_box
from tests.simulators.keeping import kept_box
from tests.simulators.objects import ct_series
from tests.simulators.recorded import Recorded

NOW = 1_780_000_000.0
DEVICE_ID = "ab" * 32


def medium(kind: str = "nvme", **changes: object) -> Medium:
    made = Medium("/dev/d", "/dev/d", 8 << 20, "", "", "", kind, False, Reach.PURGE)
    return replace(made, **changes)  # type: ignore[arg-type]


PLAN = WipePlan(
    "Site", "en", "Etc/UTC", DEVICE_ID, "SN 12-34", "Osteon", (), (), (), (), (), "/i", (), False,
    Undelivered(0, 0), (), (), False,
)  # fmt: skip


def test_the_serial_number_may_be_typed_as_it_is_read() -> None:
    check_serial(" sn12-34\n", PLAN)
    for wrong in ("", "SN 12-3", "SN 12-345", DEVICE_ID):
        with pytest.raises(WipeError) as raised:
            check_serial(wrong, PLAN)
        assert raised.value.code == "wipe-serial-wrong"


@pytest.mark.parametrize("label", ["", "  ", "None", "To Be Filled By O.E.M.", "Default string"])
def test_a_machine_without_a_number_has_that_of_its_identity(label: str) -> None:
    assert box_serial(label, DEVICE_ID) == "ab" * 8
    assert box_serial(" 5CG1234XYZ\n", DEVICE_ID) == "5CG1234XYZ"


@pytest.mark.parametrize(
    ("waiting", "code"),
    [
        (Undelivered(0, 0), None),
        (Undelivered(1, 0), "wipe-alerts-undelivered"),
        (Undelivered(0, 1), "wipe-alerts-undelivered"),
        (Undelivered(None, None), "wipe-alerts-unknown"),
    ],
)
def test_nobody_may_be_waiting_unless_a_person_says_so_by_name(
    waiting: Undelivered, code: str | None
) -> None:
    plan = replace(PLAN, undelivered=waiting)
    check_alerts(plan, "Dr. Wang")
    if code is None:
        check_alerts(plan, "")
        return
    for nobody in ("", "  "):
        with pytest.raises(WipeError) as raised:
            check_alerts(plan, nobody)
        assert raised.value.code == code


SIGNER = DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
ORDER = orders.Order(DEVICE_ID, "n1", NOW + 60, "Chief of IT")


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (ORDER, None),
        (replace(ORDER, device_id="cd" * 32), "wipe-order-other-device"),
        (replace(ORDER, not_after=NOW), "wipe-order-expired"),
        (replace(ORDER, not_after=NOW + 31 * 86400), "wipe-order-expired"),
        (replace(ORDER, nonce=""), "wipe-order-invalid"),
        (replace(ORDER, operator=" "), "wipe-order-invalid"),
    ],
)
def test_an_order_is_for_this_box_and_for_now(order: orders.Order, code: str | None) -> None:
    if code is None:
        orders.check(order, DEVICE_ID, NOW)
        return
    with pytest.raises(WipeError) as raised:
        orders.check(order, DEVICE_ID, NOW)
    assert raised.value.code == code


def test_only_an_enrolled_key_orders_and_only_with_an_order(tmp_path: Path) -> None:
    other = DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
    file, keys = tmp_path / "order", (public_key(SIGNER.public_pem),)
    file.write_bytes(orders.sign(ORDER, SIGNER))
    assert orders.read_order(file, keys) == ORDER
    bad = {
        "envelope-unsigned": orders.sign(ORDER, other),
        "envelope-invalid": SIGNER.envelope(b"{}", "application/other"),
        "wipe-order-invalid": SIGNER.envelope(b"{}", "application/vnd.osteon.wipe-order+json"),
    }
    for code, content in bad.items():
        file.write_bytes(content)
        with pytest.raises(OsteonError) as raised:
            orders.read_order(file, keys)
        assert raised.value.code == code


def test_several_keys_may_be_enrolled_and_none_is_said_aloud(tmp_path: Path) -> None:
    file = tmp_path / "wipe-signers"
    for content in (None, b"", b"no key"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(WipeError) as raised:
            orders.enrolled(file)
        assert raised.value.code == "wipe-signers-missing"
    file.write_bytes(b"# IT\n" + SIGNER.public_pem + b"\n# chief\n" + SIGNER.public_pem)
    assert len(orders.enrolled(file)) == 2


def record(phase: Phase, *evidence: Evidence) -> Record:
    return Record(phase, NOW, 0.1, evidence)


ERASED = Evidence("erase /dev/d: x", Result.DONE, "", "block erase", Reach.PURGE)
PROVEN = Evidence("/dev/d holds nothing of before", Result.DONE)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], Status.FAILED),
        ([record(Phase.MEDIA, ERASED), record(Phase.VERIFICATION, PROVEN)], Status.PURGE),
        (
            [
                record(Phase.MEDIA, replace(ERASED, reach=Reach.CLEAR)),
                record(Phase.VERIFICATION, PROVEN),
            ],
            Status.CLEAR,
        ),
        ([record(Phase.MEDIA, ERASED), record(Phase.VERIFICATION)], Status.FAILED),
        ([record(Phase.VERIFICATION, PROVEN)], Status.FAILED),
        (
            [
                record(Phase.MEDIA, ERASED),
                record(Phase.VERIFICATION, replace(PROVEN, result=Result.FAILED)),
            ],
            Status.FAILED,
        ),
    ],
)
def test_a_medium_is_as_clean_as_was_proven(records: list[Record], expected: Status) -> None:
    assert medium_status(medium(), records) is expected


def test_the_whole_is_as_clean_as_its_weakest_part() -> None:
    plan = replace(PLAN, media=(medium(), medium(target="", reach=Reach.CLEAR)))
    good = [record(Phase.MEDIA, ERASED), record(Phase.VERIFICATION, PROVEN)]
    assert Status.of(plan, good) is Status.CLEAR
    assert Status.of(replace(plan, media=plan.media[:1]), good) is Status.PURGE
    broken = Evidence("destroy the master key", Result.FAILED, "Input/output error")
    assert Status.of(plan, [record(Phase.KEYS, broken), *good]) is Status.FAILED
    assert Status.of(plan, [*good, record(Phase.IDENTITY, broken)]) is Status.FAILED
    # What failed once and was done at the next start counts as done.
    again = [record(Phase.KEYS, broken), record(Phase.KEYS), *good]
    assert Status.of(plan, again) is Status.CLEAR


def test_a_folder_that_a_boot_made_anew_is_gone_and_one_with_a_file_is_not(tmp_path: Path) -> None:
    state, key = tmp_path / "state", tmp_path / "master.key"
    plan = replace(PLAN, folders=(str(state),), keys=(KeyFile(str(key), "the master key"),))

    def failed() -> list[str]:
        found = verify(plan, (), Recorded({}))
        return [each.what for each in found if each.result is Result.FAILED]

    assert failed() == []
    state.mkdir()
    assert failed() == []
    (state / "left").touch()
    key.symlink_to(tmp_path / "elsewhere")
    assert failed() == ["the master key is gone", f"{state} is gone"]


def test_who_still_waits_is_read_from_the_ledgers(tmp_path: Path) -> None:
    assert undelivered(tmp_path / "absent") == Undelivered(None, None)
    assert undelivered(tmp_path) == Undelivered(0, 0)
    for unit in ("analyse", "deliver", "receive"):
        (tmp_path / unit).mkdir()
    (tmp_path / "receive" / "intake.db").touch()
    assert undelivered(tmp_path) == Undelivered(None, None)
    work = WorkLedger(tmp_path / "analyse" / "work.db")
    assert undelivered(tmp_path) == Undelivered(None, None)
    (tmp_path / "receive" / "intake.db").unlink()
    assert undelivered(tmp_path) == Undelivered(0, 0)
    work.open_revision(StudyKey("s"), CaseCode("ABC-DEFG"), 1, NOW)
    work.post_technical(SUMMARY, NOW)
    assert undelivered(tmp_path) == Undelivered(0, 1)
    work.close()
    (tmp_path / "analyse" / "work.db").write_bytes(b"no database")
    for rest in ("work.db-wal", "work.db-shm"):
        (tmp_path / "analyse" / rest).unlink(missing_ok=True)
    assert undelivered(tmp_path) == Undelivered(None, None)


def test_a_study_that_the_analyser_has_not_seen_whole_still_waits(tmp_path: Path) -> None:
    with kept_box(tmp_path) as box:
        assert undelivered(tmp_path) == Undelivered(0, 0)
        first, second = ct_series(2)
        study = box.receive(first)
        assert undelivered(tmp_path) == Undelivered(0, 1)
        box.report(study)
        assert undelivered(tmp_path) == Undelivered(0, 0)
        box.receive(second)
        assert undelivered(tmp_path) == Undelivered(0, 1)


def test_a_message_waits_until_somebody_has_it(tmp_path: Path) -> None:
    (tmp_path / "analyse").mkdir()
    (tmp_path / "deliver").mkdir()
    box = new_box(tmp_path / "analyse")
    box.post(MessageKind.CLINICAL_ALERT)
    assert undelivered(tmp_path).messages == 1
    ledger = DeliveryLedger(tmp_path / "deliver" / "delivery.db")
    number = 1
    progress = Progress(
        number, CaseCode("ABC-DEFG"), 1, MessageKind.CLINICAL_ALERT, has_page=False, since=0.0,
        stage=0, stage_since=0.0,
    )  # fmt: skip
    ledger.register(progress, Moment(0.0, NOW), None)
    tried = Delivery(
        Destination("mail", "a@b.example"), 0, DeliveryState.FAILED, 1, Moment(1.0, NOW)
    )
    ledger.record(number, tried)
    assert undelivered(tmp_path).messages == 1
    ledger.record(number, replace(tried, state=DeliveryState.SENT))
    assert undelivered(tmp_path).messages == 0
    ledger.close()


INTENT = Intent("0123abcd", NOW - 60, Authority("console", "Li Wei"), PLAN)


def test_what_came_of_a_wipe_names_its_certificate_and_who_has_it(tmp_path: Path) -> None:
    (tmp_path / "osteon-wipe-0123abcd.json").write_bytes(b"signed")
    handed = tuple(
        Evidence(f"hand out to {to}", result)
        for to, result in (("stick", Result.FAILED), ("printer ipps://p", Result.DONE))
    )
    stated = Record(Phase.STATEMENT, NOW, 0.1, (Evidence("hand out to stick", Result.DONE),))
    certified = Record(Phase.CERTIFICATE, NOW, 0.1, handed)
    end = ended(tmp_path, INTENT, (stated, certified), "clear", NOW)
    assert (end.certificate, end.copies) == ("osteon-wipe-0123abcd.json", ("printer ipps://p",))
    assert end.digest == sha256(b"signed").hexdigest()
    journal = Journal(tmp_path)
    journal.begin(INTENT)
    journal.finish(encode(end))
    assert journal.intent() is None
    assert read_ended(tmp_path / DONE) == end


def test_a_disk_that_takes_no_more_ends_a_wipe_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.begin(INTENT)

    def full(*_: object) -> None:
        raise StorageError("disk-full")

    monkeypatch.setattr("appliance.wipe.journal.write_durably", full)
    journal.finish(encode(ended(tmp_path, INTENT, (), "clear", NOW)))
    assert journal.has_ended
    assert journal.intent() is None
    assert read_ended(tmp_path / DONE) == Ended(INTENT)
