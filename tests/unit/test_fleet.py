"""What a box says of its models, and what the maker makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.errors import UpdateError
from appliance.ledger.models import ModelState
from appliance.signing import DeviceSigner
from appliance.update.history import Entry, Happening
from appliance.update.judge import Fault
from appliance.update.os import record as records
from appliance.update.os.record import OsFault, OsRecord, OsRef
from appliance.update.rollout import PackRollout, Rollout, Wave
from appliance.update.slots import PackRef, Setback, Slot, Source
from appliance.update.states import UpdateState
from appliance.update.status import PAYLOAD_TYPE, Known, Status, System, status_of
from appliance.update.status_sending import put_out
from appliance.update.trial import Rate, Trial
from updates.errors import PublishError
from updates.fleet import Device, Row, Standing, devices, rows, told

NOW = 1_795_000_000.0
DAY = 86400.0
OLD = PackRef("1.0.0.0", "1" * 64, 1, Source.FACTORY)
NEW = PackRef("1.1.0.0", "2" * 64, 1, Source.STORE)
SETBACK = Setback("1.1.0.0", NEW.digest, "alert-rate-higher", "9 of 12, before 2 of 40", NOW)
EVERYBODY = Rollout(
    {"spots": PackRollout(NEW.digest, NEW.version, (Wave(NOW - 20 * DAY, percent=100.0),))}
)
SETTLED = Slot(UpdateState.COMMITTED, NOW - 30 * DAY, active=OLD, rate=Rate(40, 2))


def signer() -> DeviceSigner:
    return DeviceSigner(ec.generate_private_key(ec.SECP256R1()))


def status(device: DeviceSigner, slot: Slot = SETTLED, now: float = NOW) -> Status:
    model = ModelState("spots", "1.0.0.0", "1" * 64, runtime="openvino", device="cpu")
    known = Known(device.device_id, "0.1.0", {"spots": slot}, {"spots": model}, ())
    return status_of(known, now)


def known(device: DeviceSigner, name: str = "north") -> Device:
    return Device(name, device.device_id, device.public_pem)


def row(slot: Slot, rollout: Rollout = EVERYBODY, now: float = NOW) -> Row:
    box = signer()
    (found,) = rows([known(box)], {box.device_id: status(box, slot, now)}, rollout, now)
    return found


def test_a_status_says_what_runs_and_how_it_does() -> None:
    shadow = Trial(studies=10, alerts=2, peer_alerts=1, both=1, latencies_s=(1.0, 2.0, 3.0))
    slot = Slot(UpdateState.SHADOW, NOW, active=OLD, candidate=NEW, rate=Rate(40, 2), trial=shadow)
    pack = status(signer(), slot).packs["spots"]
    assert (pack.active, pack.candidate, pack.state) == ("1.0.0.0", "1.1.0.0", UpdateState.SHADOW)
    assert (pack.studies, pack.alerts, pack.trial_studies) == (40, 2, 10)
    assert (pack.agreement, pack.latency_s, pack.runtime) == (0.9, 2.0, "openvino")


def test_a_status_names_the_pack_that_failed_and_why() -> None:
    slot = Slot(UpdateState.REVERTED, NOW, active=OLD, setback=SETBACK)
    pack = status(signer(), slot).packs["spots"]
    assert (pack.set_back, pack.reason) == ("1.1.0.0", "alert-rate-higher")


def test_what_a_person_wrote_about_a_rollback_stays_on_the_box() -> None:
    words = "li: two false alerts about Mrs Wang"
    by_hand = Setback(NEW.version, NEW.digest, Fault.BY_HAND, words, NOW)
    slot = Slot(UpdateState.REVERTED, NOW, active=OLD, setback=by_hand)
    told = status(signer(), slot)
    assert told.packs["spots"].reason == Fault.BY_HAND
    assert b"Wang" not in told.to_json()
    assert b"li:" not in told.to_json()


@pytest.mark.parametrize(
    ("happened", "failure"),
    [
        ((Happening.CHECKED, Happening.FAILED), "update-source-slow"),
        ((Happening.FAILED, Happening.CHECKED), ""),
        ((Happening.CHECKED,), ""),
    ],
)
def test_a_failure_is_told_until_a_check_succeeds(
    happened: tuple[Happening, ...], failure: str
) -> None:
    entries = tuple(
        Entry(f"2026-11-2{number}T00:00:00Z", what, {"code": "update-source-slow"})
        for number, what in enumerate(happened)
    )
    made = status_of(Known("d" * 64, "0.1.0", {}, {}, entries), NOW)
    assert made.failure == failure


def test_a_status_survives_its_way_and_is_read_strictly() -> None:
    made = status(signer())
    assert Status.parse(made.to_json()) == made
    for content in (b"{}", b"[]", b"\xff", made.to_json().replace(b'"format":1', b'"format":2')):
        with pytest.raises(UpdateError):
            Status.parse(content.replace(b'"format": 1', b'"format": 2'))


def test_only_the_boxs_own_signature_makes_a_status_true(tmp_path: Path) -> None:
    box, thief = signer(), signer()
    put_out(status(box), box, tmp_path)
    assert told([tmp_path / "status.json"], [known(box)]) == {box.device_id: status(box)}
    forged = tmp_path / f"{box.device_id}.json"
    forged.write_bytes(thief.envelope(status(box).to_json(), PAYLOAD_TYPE))
    assert told([forged], [known(box)]) == {box.device_id: None}
    # A box that the maker knows says something of another one.
    assert told([forged], [known(box), known(thief)]) == {box.device_id: None}
    other_purpose = box.envelope(status(box).to_json(), "application/vnd.osteon.other+json")
    forged.write_bytes(other_purpose)
    assert told([forged], [known(box)]) == {box.device_id: None}


def test_the_newest_status_of_a_box_counts(tmp_path: Path) -> None:
    box = signer()
    files = []
    for number, hours in enumerate((2, 0, 1)):
        made = status(box, now=NOW - hours * 3600)
        files.append(tmp_path / f"{number}.json")
        files[-1].write_bytes(box.envelope(made.to_json(), PAYLOAD_TYPE))
    assert told(files, [known(box)]) == {box.device_id: status(box)}


def test_a_box_is_known_by_its_public_key(tmp_path: Path) -> None:
    box = signer()
    (tmp_path / "north.pem").write_bytes(box.public_pem)
    assert devices(tmp_path) == (known(box),)
    (tmp_path / "south.pem").write_text("no key")
    with pytest.raises(PublishError):
        devices(tmp_path)


def test_who_is_up_to_date() -> None:
    assert row(replace(SETTLED, active=NEW)).standing is Standing.UP_TO_DATE
    assert row(SETTLED, Rollout({})).standing is Standing.UP_TO_DATE


def test_who_is_late() -> None:
    found = row(SETTLED)
    assert found.standing is Standing.LATE
    assert found.why == "1.1.0.0 not there yet, after 20 days"
    assert row(SETTLED, now=NOW - 15 * DAY).standing is Standing.UNDER_WAY
    halted = {"spots": replace(EVERYBODY.packs["spots"], is_halted=True)}
    assert row(SETTLED, Rollout(halted)).standing is Standing.UP_TO_DATE


def test_who_is_under_way() -> None:
    shadow = Slot(UpdateState.SHADOW, NOW, active=OLD, candidate=NEW, trial=Trial(studies=12))
    found = row(shadow, now=NOW - 15 * DAY)
    assert found.standing is Standing.UNDER_WAY
    assert found.why == "1.1.0.0 shadow, 12 studies, 100% as the old one"
    probation = Slot(UpdateState.PROBATION, NOW, active=NEW, previous=OLD)
    assert row(probation).standing is Standing.UNDER_WAY


def test_who_went_back_and_why() -> None:
    found = row(Slot(UpdateState.REVERTED, NOW, active=OLD, setback=SETBACK))
    assert found.standing is Standing.REVERTED
    assert found.why == "1.1.0.0: alert-rate-higher 9 of 12, before 2 of 40"


def test_who_has_no_model() -> None:
    found = row(Slot(UpdateState.RECALLED, NOW, setback=SETBACK))
    assert (found.standing, found.version) == (Standing.NO_MODEL, "-")


def test_who_is_silent_comes_before_who_is_well() -> None:
    north, south, west = signer(), signer(), signer()
    boxes = [known(north), known(south, "south"), known(west, "west")]
    statuses: dict[str, Status | None] = {
        north.device_id: status(north, replace(SETTLED, active=NEW)),
        south.device_id: status(south, now=NOW - 5 * DAY),
    }
    found = rows(boxes, statuses, EVERYBODY, NOW)
    assert [each.box for each in found] == ["south", "west", "north"]
    assert found[0].why.startswith("for 5 days")
    assert found[1].why == "never heard of"


def test_a_status_holds_nothing_but_figures_and_codes() -> None:
    """Every field is known here, so that a new one is looked at by whoever adds it."""
    box = signer()
    content = json.loads(status(box).to_json())
    assert content.keys() == {
        "format",
        "device_id",
        "at",
        "product",
        "checked_at",
        "failed_at",
        "failure",
        "packs",
        "os",
    }
    assert content["os"] is None
    assert content["packs"]["spots"].keys() == {
        "state",
        "since",
        "active",
        "digest",
        "previous",
        "candidate",
        "runtime",
        "device",
        "fault",
        "studies",
        "alerts",
        "trial_studies",
        "agreement",
        "latency_s",
        "set_back",
        "reason",
        "detail",
        "set_back_at",
    }


def test_a_box_without_any_pack_is_in_the_table() -> None:
    box = signer()
    bare = replace(status(box), packs={})
    (found,) = rows([known(box)], {box.device_id: bare}, EVERYBODY, NOW)
    assert (found.standing, found.box) == (Standing.NO_MODEL, "north")


def test_a_box_whose_clock_is_ahead_is_not_up_to_date() -> None:
    box = signer()
    ahead = status(box, replace(SETTLED, active=NEW), now=NOW + 30 * DAY)
    (found,) = rows([known(box)], {box.device_id: ahead}, EVERYBODY, NOW)
    assert found.standing is Standing.TROUBLE
    assert "30 days ahead" in found.why


# --- the system -------------------------------------------------------------------------------

IMAGE = PackRollout("a" * 64, "1.2.0.1", (Wave(NOW - 3 * DAY, percent=100.0),))
FLASHED = records.found("1.1.0.1", "boot", NOW - 30 * DAY)


def system_row(record: OsRecord | None, running: str, wanted: PackRollout | None = IMAGE) -> Row:
    box = signer()
    known_here = Known(box.device_id, "0.1.0", {}, {}, (), System("osteon", running, record))
    rollout = Rollout({"osteon": wanted} if wanted else {})
    told = rows([known(box)], {box.device_id: status_of(known_here, NOW)}, rollout, NOW)
    (found,) = (row for row in told if row.standing is not Standing.NO_MODEL)
    assert (found.pack, found.version) == ("osteon", running)
    return found


def begun(boot: str = "boot") -> OsRecord:
    image = OsRef("1.2.0.1", "a" * 64, 1)
    return records.begun(FLASHED, image, frozenset({"data"}), boot, NOW - DAY)


def test_the_maker_sees_how_each_system_stands() -> None:
    installed = records.written(begun(), "boot", NOW - DAY)
    trial = records.started(installed, "next", NOW)
    ill = records.ailing(trial, "os-unhealthy", "model spots")
    for record, running, standing, why in (
        (None, "1.1.0.1", Standing.UNDER_WAY, "1.2.0.1 not there yet"),
        (FLASHED, "1.1.0.1", Standing.UNDER_WAY, "1.2.0.1 not there yet"),
        (installed, "1.1.0.1", Standing.UNDER_WAY, "1.2.0.1 installed"),
        (trial, "1.2.0.1", Standing.UNDER_WAY, "on trial"),
        (records.blessed(trial, "next", NOW), "1.2.0.1", Standing.UP_TO_DATE, ""),
        (
            records.fell_back(ill, OsFault.TRIES, "last", NOW),
            "1.1.0.1",
            Standing.REVERTED,
            "1.2.0.1: os-unhealthy model spots",
        ),
    ):
        row = system_row(record, running)
        assert (row.standing, row.why) == (standing, why)
    late = replace(IMAGE, waves=(Wave(NOW - 20 * DAY, percent=100.0),))
    assert system_row(FLASHED, "1.1.0.1", late).standing is Standing.LATE
    assert system_row(FLASHED, "1.1.0.1", None).standing is Standing.UP_TO_DATE


def test_what_a_person_wrote_of_a_system_stays_on_the_box() -> None:
    kept = records.blessed(records.started(begun(), "next", NOW), "next", NOW)
    back = records.taken_back(kept, OsFault.BY_HAND, "li: Mrs Wang", NOW)
    row = system_row(back, "1.2.0.1")
    assert (row.standing, row.why) == (Standing.REVERTED, "1.2.0.1: rolled-back-by-hand")
