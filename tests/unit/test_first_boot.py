"""First boot: the identity and how its key is kept, which volume is taken, what the sheet says."""

from __future__ import annotations

import base64
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from appliance.alerts.catalogue import languages, load
from appliance.config.faults import ConfigFaults, Fault
from appliance.domain import ModelIdentity
from appliance.errors import ConfigError, StorageError
from appliance.provision.fingerprint import fingerprint, grouped, typed
from appliance.provision.handover import (
    HandOver,
    KeyProtection,
    ModelLine,
    TlsListener,
    sealed_with,
)
from appliance.provision.handover_page import render_handover
from appliance.provision.identity import DeviceIdentity, ensure_identity, read_identity
from appliance.provision.importing import check_fingerprint, is_untouched
from appliance.provision.key_home import MASTER_KEY_CREDENTIAL
from appliance.provision.keyseal import PlainSeal, Protection, seal_strongest
from appliance.provision.last_check import (
    CheckKind,
    LastCheck,
    keep_last_check,
    read_last_checks,
)
from appliance.provision.stick import faults_text
from appliance.provision.volume import LABELS, Volume, choose_volume, mount_options
from tests.simulators.box import ROOT

NOW = 1_780_000_000.0
PLAIN = (PlainSeal(),)


@dataclass(frozen=True)
class Seal:
    """A way to keep a key that turns its bits over, or fails where told to."""

    protection: Protection
    seals: bool = True
    opens: bool = True

    def seal(self, key: bytes) -> bytes | None:
        return bytes(byte ^ 255 for byte in key) if self.seals else None

    def open(self, sealed: bytes) -> bytes | None:
        return bytes(byte ^ 255 for byte in sealed) if self.opens else None


# Fingerprints


def test_a_fingerprint_is_shown_in_groups_and_taken_back_as_typed() -> None:
    digits = fingerprint(b"osteon")
    assert len(digits) == 64
    assert grouped(digits).count(" ") == 15
    assert typed(grouped(digits).upper()) == digits
    assert typed(f"{digits[:2]}:{digits[2:4]}-") == digits[:4]
    assert typed("not hexadecimal") == ""


@pytest.mark.parametrize("given", ["", " ", "1234567", "zz", "00000000", "12345678 9"])
def test_a_fingerprint_that_is_short_or_another_one_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="fingerprint-differs"):
        check_fingerprint(given, "12345678" + "0" * 56, 8)


def test_the_first_digits_of_a_fingerprint_confirm_it() -> None:
    check_fingerprint("1234 5678", "12345678" + "0" * 56, 8)


# How the key is kept


def test_the_strongest_way_that_works_is_taken() -> None:
    tpm, host = Seal(Protection.TPM2), Seal(Protection.HOST_KEY)
    assert seal_strongest(b"key", (tpm, host, *PLAIN))[0] is Protection.TPM2
    absent = replace(tpm, seals=False)
    assert seal_strongest(b"key", (absent, host, *PLAIN))[0] is Protection.HOST_KEY
    assert seal_strongest(b"key", (absent, *PLAIN)) == (Protection.FILE, b"key")


def test_a_tpm_that_seals_and_does_not_open_is_not_used() -> None:
    broken = Seal(Protection.TPM2, opens=False)
    assert seal_strongest(b"key", (broken, *PLAIN))[0] is Protection.FILE


def test_only_a_tpm_is_not_labelled_weaker() -> None:
    assert [each for each in Protection if not each.is_weaker] == [Protection.TPM2]


# The identity


def test_the_device_id_is_the_fingerprint_of_the_public_key(tmp_path: Path) -> None:
    made, is_new = ensure_identity(tmp_path / "identity", PLAIN, NOW)
    assert is_new
    key = serialization.load_pem_private_key(
        (tmp_path / "identity/device-key.pem").read_bytes(), password=None
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert made.device_id == fingerprint(public)
    request = x509.load_pem_x509_csr(made.request)
    assert request.is_signature_valid
    assert made.device_id in request.subject.rfc4514_string()


def test_nobody_else_may_read_the_key(tmp_path: Path) -> None:
    ensure_identity(tmp_path / "identity", PLAIN, NOW)
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "identity/device-key.pem").stat().st_mode & 0o777 == 0o600


def test_a_sealed_key_is_not_there_in_clear(tmp_path: Path) -> None:
    ways = (Seal(Protection.TPM2), *PLAIN)
    made, _ = ensure_identity(tmp_path, ways, NOW)
    assert made.protection is Protection.TPM2
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"device.key", "device.csr", "identity.json"}
    assert all(b"PRIVATE" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_key_in_clear_that_a_power_cut_left_does_not_stay_beside_a_sealed_one(
    tmp_path: Path,
) -> None:
    ensure_identity(tmp_path, PLAIN, NOW)
    (tmp_path / "identity.json").unlink()
    ensure_identity(tmp_path, (Seal(Protection.TPM2), *PLAIN), NOW)
    assert not (tmp_path / "device-key.pem").exists()


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


def test_a_second_first_boot_changes_nothing(tmp_path: Path) -> None:
    first, _ = ensure_identity(tmp_path, PLAIN, NOW)
    before = contents(tmp_path)
    second, is_new = ensure_identity(tmp_path, (Seal(Protection.TPM2), *PLAIN), NOW + 86400)
    assert (second, is_new) == (first, False)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kept", [(), ("device-key.pem",), ("device-key.pem", "device.csr")])
def test_what_a_power_cut_left_is_made_anew(tmp_path: Path, kept: tuple[str, ...]) -> None:
    first, _ = ensure_identity(tmp_path, PLAIN, NOW)
    for file in tmp_path.iterdir():
        if file.name not in kept:
            file.unlink()
    assert read_identity(tmp_path) is None
    second, is_new = ensure_identity(tmp_path, PLAIN, NOW)
    assert is_new
    assert second.device_id != first.device_id
    assert ensure_identity(tmp_path, PLAIN, NOW) == (second, False)


def test_first_boots_at_once_make_one_identity(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ensure_identity(tmp_path, PLAIN, NOW), range(8)))
    assert len({identity.device_id for identity, _ in made}) == 1
    assert sum(is_new for _, is_new in made) == 1


BREAKS = {
    "key gone": ("device-key.pem", None),
    "no key": ("device-key.pem", b"\0"),
    "another key": ("device-key.pem", "device-key.pem"),
    "request gone": ("device.csr", None),
    "no request": ("device.csr", b"\0"),
    "another request": ("device.csr", "device.csr"),
    "garbled record": ("identity.json", b"{"),
    "a list for a record": ("identity.json", b"[]"),
    "an unknown protection": ("identity.json", b'{"device_id": "", "protection": "x"}'),
}
"""Which file is taken away, or gets these bytes, or those of another box's file."""


@pytest.mark.parametrize("how", BREAKS)
def test_an_identity_that_does_not_fit_together_is_never_replaced(tmp_path: Path, how: str) -> None:
    folder, other = tmp_path / "identity", tmp_path / "other"
    ensure_identity(folder, PLAIN, NOW)
    ensure_identity(other, PLAIN, NOW)
    name, content = BREAKS[how]
    if content is None:
        (folder / name).unlink()
    else:
        bytes_ = (other / content).read_bytes() if isinstance(content, str) else content
        (folder / name).write_bytes(bytes_)
    before = contents(folder)
    with pytest.raises(StorageError, match="identity-broken"):
        ensure_identity(folder, PLAIN, NOW)
    assert contents(folder) == before


def test_a_key_sealed_on_another_machine_is_told(tmp_path: Path) -> None:
    ensure_identity(tmp_path, (Seal(Protection.TPM2), *PLAIN), NOW)
    with pytest.raises(StorageError, match="identity-broken"):
        ensure_identity(tmp_path, (Seal(Protection.TPM2, opens=False), *PLAIN), NOW)


# The volume


@pytest.mark.parametrize("kind", ["vfat", "exfat", "udf"])
def test_only_a_stick_of_updates_may_be_read_by_the_units(kind: str) -> None:
    """These keep no modes: without a word they take the umask of whoever mounts them."""
    volume = Volume("/dev/sdb1", kind)
    assert "umask" not in mount_options(volume, is_for_units=False)
    assert mount_options(volume, is_for_units=True).endswith(",umask=022")
    assert "umask" not in mount_options(Volume("/dev/sdb1", "ext4"), is_for_units=True)


def listed(*volumes: tuple[str, str, str]) -> str:
    return "\n\n".join(
        f"DEVNAME={device}\nLABEL={label}\nUUID=1-2\nTYPE={kind}" for device, label, kind in volumes
    )


SYSTEM = ("/dev/sda1", "root", "ext4")


@pytest.mark.parametrize("label", ["OSTEON", "osteon", "CIDATA", "cidata"])
def test_a_volume_is_found_by_its_label_in_either_case(label: str) -> None:
    found = choose_volume(listed(SYSTEM, ("/dev/sdb1", label, "vfat")), LABELS)
    assert found == Volume("/dev/sdb1", "vfat")


def test_no_volume_is_none() -> None:
    assert choose_volume("", LABELS) is None
    assert choose_volume(listed(SYSTEM), LABELS) is None
    assert choose_volume("DEVNAME=/dev/sdc\nPTTYPE=dos", LABELS) is None


def test_two_volumes_are_not_guessed_between() -> None:
    both = listed(("/dev/sdb1", "OSTEON", "vfat"), ("/dev/sr0", "cidata", "iso9660"))
    with pytest.raises(ConfigError, match="/dev/sdb1, /dev/sr0"):
        choose_volume(both, LABELS)


def test_a_file_system_that_sticks_do_not_have_is_not_mounted() -> None:
    with pytest.raises(ConfigError, match="volume-unsupported"):
        choose_volume(listed(("/dev/sdb1", "OSTEON", "btrfs")), LABELS)


# What is left alone, and what is written back


def test_only_the_installers_example_counts_as_untouched(tmp_path: Path) -> None:
    site, example = tmp_path / "site.yaml", tmp_path / "site.yaml.example"
    assert is_untouched(site)
    site.write_text("a: 1")
    assert not is_untouched(site)
    example.write_text("a: 1")
    assert is_untouched(site)
    site.write_text("a: 2")
    assert not is_untouched(site)


def test_faults_are_written_once_each_with_what_to_do() -> None:
    fault = Fault("site.yaml", 3, 5, "dicom.port", "not a port", "write a number")
    text = faults_text(ConfigFaults([fault]))
    assert text.count("site.yaml:3:5: dicom.port") == 1
    assert "To do: " in text
    assert "stick-empty\n" in faults_text(ConfigError("stick-empty"))


# The sheet

HOST = "5a1c6a86df9d4096b1d5a65e0862f19a"
TPM = "0c7cc07b117645919c4b0bea08bc20fe"
BOTH = "93a894094874449090caf2fc93cab553"


@pytest.mark.parametrize(
    ("kind", "protection"),
    [
        (HOST, KeyProtection.HOST_KEY),
        (TPM, KeyProtection.TPM2),
        (BOTH, KeyProtection.TPM2_AND_HOST),
        ("00" * 16, KeyProtection.CREDENTIAL),
    ],
)
def test_an_encrypted_credential_says_what_it_is_sealed_with(
    kind: str, protection: KeyProtection
) -> None:
    assert sealed_with(base64.encodebytes(bytes.fromhex(kind) + b"\0" * 99)) is protection


def test_the_sheet_looks_for_the_master_key_where_the_installer_puts_it() -> None:
    assert f"master_key={MASTER_KEY_CREDENTIAL}\n" in (ROOT / "provisioning/install").read_text()


@pytest.mark.parametrize("content", [b"", b"A", b"\xff\xfe", b"not base64"])
def test_what_is_no_credential_is_not_taken_for_one(content: bytes) -> None:
    assert sealed_with(content) is KeyProtection.CREDENTIAL


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"at": 1, "results": 2}', b"\xff"])
def test_a_last_check_that_is_none_is_left_out(tmp_path: Path, content: bytes) -> None:
    assert read_last_checks(tmp_path) == ()
    (tmp_path / "last-check.json").write_bytes(content)
    assert read_last_checks(tmp_path) == ()


def test_the_last_check_of_each_kind_is_kept(tmp_path: Path) -> None:
    for at in (NOW, NOW + 1):
        keep_last_check(tmp_path, CheckKind.END_TO_END, at, [("mail", "ok"), ("page", "failed")])
    last = LastCheck(CheckKind.END_TO_END, NOW + 1, (("mail", "ok"), ("page", "failed")))
    assert read_last_checks(tmp_path) == (last,)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> DeviceIdentity:
    return ensure_identity(tmp_path_factory.mktemp("identity"), PLAIN, NOW)[0]


def facts(device: DeviceIdentity | None, language: str = "en") -> HandOver:
    return HandOver(
        site="Qinghe County Hospital",
        language=language,
        software_version="1.2.3.4",
        made_at=NOW,
        device=device,
        ae_title="OSTEON",
        addresses=("192.168.10.2",),
        port=11112,
        tls=TlsListener(2762, "ab" * 32, "2027-01-31"),
        modalities=("CT_1 (192.168.10.21)",),
        site_yaml="cd" * 32,
        master_key=KeyProtection.HOST_KEY,
        models=(
            ModelLine(ModelIdentity("ct-thorax-fracture", "0.1.0.1", "ef" * 32)),
            ModelLine(ModelIdentity("altered", "", ""), "pack-file-altered"),
        ),
        checks=(
            LastCheck(CheckKind.LIVE, NOW, (("mail server", "ok"), ("printer", "failed"))),
            LastCheck(CheckKind.END_TO_END, NOW, (("test page", "ok"),)),
        ),
    )


def words(pdf: bytes) -> str:
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_the_sheet_says_what_was_handed_over(device: DeviceIdentity) -> None:
    text = words(render_handover(facts(device)))
    assert text.count("\f") == 1
    for told in (
        *("Qinghe County Hospital", "1.2.3.4", "OSTEON", "192.168.10.2", "11112", "2762"),
        *(grouped(device.device_id), grouped(device.request_fingerprint)),
        *(grouped("ab" * 32), grouped("cd" * 32), grouped("ef" * 32), "2027-01-31"),
        *("ct-thorax-fracture 0.1.0.1", "REFUSED: pack-file-altered"),
        *("mail server: good", "printer: FAILED", "test page: good", "osteon check --end-to-end"),
        *("Investigational, not for diagnosis", "Name, date, signature"),
    ):
        assert told in text


def test_what_protects_a_key_less_well_is_labelled(device: DeviceIdentity) -> None:
    assert words(render_handover(facts(device))).count("(weaker)") == 2
    sealed = replace(device, protection=Protection.TPM2)
    strong = replace(facts(sealed), master_key=KeyProtection.TPM2_AND_HOST)
    assert "(weaker)" not in words(render_handover(strong))


@pytest.mark.parametrize("language", languages())
def test_what_is_not_there_is_said(language: str) -> None:
    texts = load(language)
    bare = replace(
        facts(None, language),
        tls=None,
        models=(),
        checks=(),
        addresses=(),
        master_key=KeyProtection.MISSING,
    )
    text = words(render_handover(bare))
    for key in ("no-identity", "no-tls", "not-tested", "unknown", "protection.missing"):
        assert texts.text(f"handover.{key}") in text
    assert texts.text("handover.no-models")[:12] in text


def test_a_large_site_stays_on_one_page_and_its_failures_stay_on_it(
    device: DeviceIdentity,
) -> None:
    many = replace(
        facts(device),
        site="Hospital " * 40,
        modalities=tuple(f"MODALITY_{number:02} (192.168.10.{number})" for number in range(40)),
        addresses=("fd00:1234:5678:9abc:def0:1234:5678:9abc",) * 6,
        models=facts(device).models * 9,
        checks=tuple(
            LastCheck(kind, NOW, (*((f"thing {number}", "ok") for number in range(90)), failed))
            for kind, failed in (
                (CheckKind.LIVE, ("it", "failed")),
                (CheckKind.END_TO_END, ("that", "failed")),
            )
        ),
    )
    text = words(render_handover(many))
    assert text.count("\f") == 1
    assert "it: FAILED" in text
    assert "that: FAILED" in text
    shown = text.count("thing ")
    hidden = sum(map(int, re.findall(r"and (\d+) more: see `osteon check`", text)))
    assert shown + hidden == 180


def test_the_same_facts_give_the_same_bytes(device: DeviceIdentity) -> None:
    assert render_handover(facts(device)) == render_handover(facts(device))
