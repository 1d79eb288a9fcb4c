"""`osteon wipe` as people use it: plan, consent, order, certificate, and every refusal."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.domain import CaseCode, StudyKey
from appliance.ledger.work import WorkLedger
from appliance.provision.identity import open_signer
from appliance.provision.keyseal import PlainSeal
from appliance.sealing import MasterKey
from appliance.signing import DeviceSigner
from appliance.wipe.ended import read_ended
from appliance.wipe.journal import Journal
from tests.simulators import wiping
from tests.simulators.wiping import WipeBox, filled_box, opens, opens_with_any, osteon

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def box(tmp_path: Path) -> WipeBox:
    return filled_box(tmp_path / "box")


def by(box: WipeBox) -> tuple[str, ...]:
    return ("--operator", "Li Wei", "--serial", box.serial)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The code of the refusal."""
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.removeprefix("error: ").partition("\n")[0].partition(":")[0]


def untouched(box: WipeBox) -> bool:
    """Whether nothing was destroyed, and no intent was left that a boot would act upon."""
    return opens(box.state, MasterKey.load(box.key)) and not (box.journal / "intent.json").exists()


def test_a_wiped_box_opens_nothing_and_signs_nothing_and_its_certificate_holds(
    box: WipeBox, tmp_path: Path
) -> None:
    shutil.copytree(box.state, tmp_path / "backup")
    shutil.copy(box.identity / "device.csr", tmp_path / "device.csr")
    kept = MasterKey.load(box.key)
    taken = tmp_path / "taken"
    taken.mkdir()
    done = box.wipe(*by(box), "--title", "Technician", "--to", taken)
    assert done.returncode == 0, done.stderr
    assert "Status: clear" in done.stdout
    assert not box.state.exists()
    assert not list(box.folder.iterdir())
    assert opens(tmp_path / "backup", kept), "the test's own key must open the backup"
    assert opens_with_any(tmp_path / "backup", tmp_path) == []
    with pytest.raises(Exception, match="device-key-missing"):
        open_signer(box.identity, (PlainSeal(),))
    certificate = box.certificate()
    assert (taken / certificate.name).read_bytes() == certificate.read_bytes()
    assert (taken / certificate.with_suffix(".pdf").name).read_bytes().startswith(b"%PDF")
    assert (taken / f"{certificate.stem}-statement.json").exists()
    checked = osteon(
        "wipe", "verify-certificate", certificate, "--request", tmp_path / "device.csr"
    )
    assert checked.returncode == 0, checked.stderr
    assert "Status: clear" in checked.stdout
    assert "The device with this id signed it." in checked.stdout
    again = box.ask("--plan")
    assert said(again) == "wipe-done"


def test_the_plan_names_everything_and_changes_nothing(box: WipeBox) -> None:
    before = sorted(box.folder.parent.rglob("*"))
    shown = box.ask("--plan")
    assert shown.returncode == 0
    told = "".join(shown.stdout.split())  # long paths are folded
    for words in ("the master key", "a password", "state", "site.yaml", "identity", "Outstanding"):
        assert words.replace(" ", "") in told
    assert max(map(len, shown.stdout.splitlines())) <= 80
    plan = json.loads(box.ask("--plan", "--json").stdout)
    assert plan["keys"][0]["path"] == str(box.key)
    assert plan["folders"] == [str(box.state)]
    assert plan["reach"] == "clear"
    assert box.device_id[:16] not in shown.stdout
    assert sorted(box.folder.parent.rglob("*")) == before
    assert untouched(box)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--operator", "Li Wei", "--serial", "0000"), "wipe-serial-wrong"),
        (("--operator", "Li Wei"), "wipe-serial-missing"),
        (("--serial", "0000"), "wipe-operator-missing"),
        (("--resume",), "wipe-not-begun"),
        (("--order", "/dev/null"), "wipe-signers-missing"),
        (("--volume", "/dev/null", "--plan"), "wipe-volume-unknown"),
        (("--print", "night-desk", "--plan"), "printer-not-in-yaml"),
    ],
)
def test_what_is_wrong_destroys_nothing(box: WipeBox, words: tuple[str, ...], code: str) -> None:
    done = box.ask(*words)
    assert done.returncode == 1
    assert said(done) == code
    assert untouched(box)


def test_a_state_folder_of_the_system_is_never_deleted(box: WipeBox) -> None:
    for state in ("/", "/var/lib", "/usr/share/", str(box.folder.parent), "/var/../home"):
        wiping.write_site(box.folder, state_folder=state)
        assert said(box.ask("--plan")) in {"wipe-folder-refused", "config-invalid"}
    wiping.write_site(box.folder)
    assert untouched(box)


def test_a_study_without_an_outcome_needs_somebody_who_takes_it_on(box: WipeBox) -> None:
    work = WorkLedger(box.state / "analyse" / "work.db")
    work.open_revision(StudyKey("5" * 32), CaseCode("K7Q-3MFA"), 1, 0.0)
    work.close()
    refused = box.ask(*by(box))
    assert said(refused) == "wipe-alerts-undelivered"
    assert "1 studies" in refused.stdout
    assert untouched(box)
    done = box.wipe(*by(box), "--override-undelivered", "Dr. Wang")
    assert done.returncode == 0, done.stderr
    text = pdf_text(box.certificate().with_suffix(".pdf"))
    assert "Undelivered alerts accepted by" in text
    assert "Dr. Wang" in text


def pdf_text(file: Path) -> str:
    done = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_page_says_who_what_how_far_and_what_not(box: WipeBox) -> None:
    done = box.wipe(*by(box), "--organisation", "Qinghe IT", "--media-destination", "recycling")
    assert done.returncode == 0, done.stderr
    text = pdf_text(box.certificate().with_suffix(".pdf"))
    for words in (
        "Status: CLEAR",
        "Li Wei, Qinghe IT",
        "recycling",
        "serial number typed at the device",
        "the files of Osteon; the rest of the medium was left as it is",
        "Free space and flash may keep sealed remains without a key",
        "sealed images only deleted",
        "Outstanding",
        "NIST SP 800-88 Rev. 1, Appendix G. Conformance with that publication is not claimed.",
    ):
        assert words in " ".join(text.split()), words


def test_the_page_is_in_the_language_of_the_site(box: WipeBox) -> None:
    site = {"name": "清河县医院", "language": "zh", "time_zone": "Asia/Shanghai"}
    wiping.write_site(box.folder, site=site)
    assert box.wipe(*by(box)).returncode == 0
    text = pdf_text(box.certificate().with_suffix(".pdf"))
    assert "数据销毁证书" in text
    assert "清河县医院" in text


@pytest.fixture
def chief(tmp_path: Path) -> Path:
    """The private key of somebody who may order; `.pub` beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    place = tmp_path / "chief.pem"
    place.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    place.with_suffix(".pub").write_bytes(DeviceSigner(key).public_pem)
    return place


def ordered(chief: Path, device_id: str, days: str = "1") -> Path:
    order = chief.with_name(f"order-{days}-{device_id[:4]}")
    done = osteon(
        *("wipe", "sign-order", "--key", chief, "--device-id", device_id, "--days", days),
        *("--operator", "Chief of IT", "--output", order),
    )
    assert done.returncode == 0, done.stderr
    return order


def test_a_signed_order_stands_for_the_serial_number_once(
    box: WipeBox, chief: Path, tmp_path: Path
) -> None:
    signers = ("--signers", chief.with_suffix(".pub"))
    wrong_box = ordered(chief, "cd" * 32)
    assert said(box.ask("--order", wrong_box, *signers)) == "wipe-order-other-device"
    expired = ordered(chief, box.device_id, "0")
    assert said(box.ask("--order", expired, *signers)) == "wipe-order-expired"
    order = ordered(chief, box.device_id)
    changed = tmp_path / "changed"
    content = json.loads(order.read_text())
    content["payload"] = content["payload"][:-8] + "AAAAAA=="
    changed.write_text(json.dumps(content))
    assert said(box.ask("--order", changed, *signers)) == "envelope-unsigned"
    stranger = tmp_path / "stranger.pub"
    stranger.write_bytes(DeviceSigner(ec.generate_private_key(ec.SECP256R1())).public_pem)
    assert said(box.ask("--order", order, "--signers", stranger)) == "envelope-unsigned"
    assert untouched(box)
    shutil.copytree(box.folder, tmp_path / "copy")
    done = box.wipe("--order", order, *signers)
    assert done.returncode == 0, done.stderr
    end = read_ended(box.journal / "done.json")
    assert end is not None
    assert end.intent.authority.operator == "Chief of IT"
    # Even if a backup brought everything back, the identity too: one order, one attempt.
    shutil.rmtree(box.folder)
    shutil.copytree(tmp_path / "copy", box.folder)
    (box.journal / "done.json").unlink()
    assert said(box.ask("--order", order, *signers)) == "wipe-order-replayed"
    assert untouched(box)


def test_a_second_wipe_waits_for_nothing_and_changes_nothing(box: WipeBox) -> None:
    words = by(box)
    journal = Journal(box.journal)
    with journal.locked():
        for second in (box.ask(*words), box.ask("--resume")):
            assert said(second) == "wipe-under-way"
    assert untouched(box)
    (box.journal / "intent.json").write_bytes(b"Intent\n{}")
    assert said(box.ask("--resume")) == "ledger-broken"


def test_a_certificate_that_was_altered_or_is_of_another_box_is_refused(
    box: WipeBox, tmp_path: Path
) -> None:
    other = filled_box(tmp_path / "other" / "box", studies=1)
    shutil.copy(other.identity / "device.csr", tmp_path / "other.csr")
    assert box.wipe(*by(box)).returncode == 0
    certificate = box.certificate()

    def verify(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return osteon("wipe", "verify-certificate", *words)

    assert verify(certificate, "--device-id", box.device_id.upper()).returncode == 0
    alone = verify(certificate)
    assert "compare it with the hand-over sheet" in alone.stdout
    assert said(verify(certificate, "--device-id", other.device_id)) == "wipe-certificate-invalid"
    assert said(verify(certificate, "--request", tmp_path / "other.csr")) == "envelope-unsigned"
    statement = next(box.journal.glob("*-statement.json"))
    assert said(verify(statement)) in {"envelope-invalid", "wipe-certificate-invalid"}
    content = json.loads(certificate.read_text())
    content["payload"] = content["payload"].replace("A", "B", 1)
    altered = tmp_path / "altered.json"
    altered.write_text(json.dumps(content))
    assert said(verify(altered)) in {"envelope-unsigned", "wipe-certificate-invalid"}
    assert said(verify(certificate.with_suffix(".pdf"))) == "wipe-certificate-invalid"
