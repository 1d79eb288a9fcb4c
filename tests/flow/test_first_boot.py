"""First boot as a technician meets it: real commands, real signatures, real file systems."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
import yaml
from click.testing import CliRunner

from appliance.cli.first_boot import first_boot
from appliance.config.example import example_yaml
from appliance.errors import ConfigError
from appliance.provision.keyseal import CredentialSeal, Protection
from appliance.provision.refusal import read_refusal
from tests.simulators.box import OSTEON, ROOT
from tests.simulators.mail import free_port
from tests.simulators.packs import write_pack
from tests.simulators.power import mounted
from tests.simulators.printer import ipp_printer
from tests.simulators.sticks import Maker, new_key, sign
from tests.simulators.tpm import software_tpm

pytestmark = pytest.mark.timeout(120)

PACKS = "/usr/share/osteon/models"
KEPT_ELSEWHERE = ("master_key_file:", "  login:", "  password_file:")
"""Keys of the example that name files of a real box; without them, credentials are used."""


def osteon(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OSTEON, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A site YAML without a fault, all of whose files are on this machine."""
    packs = tmp_path_factory.mktemp("packs")
    write_pack(packs / "test-spots")
    lines = example_yaml().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(KEPT_ELSEWHERE)]
    return "".join(kept).replace(PACKS, str(packs))


@pytest.fixture
def stick(tmp_path: Path, good: str) -> Path:
    """A stick's folder with a site YAML."""
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / "site.yaml").write_text(good)
    return folder


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """The box's folder of configuration, with a key enrolled that may sign."""
    folder = tmp_path / "etc"
    folder.mkdir()
    key = new_key(tmp_path / "hospital")
    (folder / "site-signers").write_text(f'hospital namespaces="osteon-site" {key}')
    return folder


def take(stick: Path, box: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return osteon(
        *("first-boot", "import", "--from", stick, "--config", box / "site.yaml"),
        *("--signers", box / "site-signers", "--refused", box / "run" / "refused.json", *more),
    )


def digits_of(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


# A site YAML that is taken


def test_a_signed_site_yaml_is_taken_once(stick: Path, box: Path, tmp_path: Path) -> None:
    sign(stick / "site.yaml", tmp_path / "hospital")
    done = take(stick, box)
    assert done.returncode == 0, done.stderr
    assert "signed by hospital" in done.stdout
    assert (box / "site.yaml").read_text() == (stick / "site.yaml").read_text()
    assert (box / "site.yaml").stat().st_mode & 0o777 == 0o644
    before = (box / "site.yaml").stat().st_mtime_ns
    assert "in place already" in take(stick, box).stdout
    assert (box / "site.yaml").stat().st_mtime_ns == before
    assert not (box / "site.yaml.previous").exists()
    assert osteon("config", "check", "--config", box / "site.yaml").returncode == 0


def test_the_file_before_is_kept(stick: Path, box: Path) -> None:
    (box / "site.yaml").write_text("what was there")
    done = take(stick, box, "--fingerprint", digits_of(stick / "site.yaml"))
    assert done.returncode == 0, done.stderr
    assert (box / "site.yaml").read_text() == (stick / "site.yaml").read_text()
    assert (box / "site.yaml.previous").read_text() == "what was there"


@pytest.mark.parametrize(("typed", "is_taken"), [(8, True), (7, False), (0, False)])
def test_a_person_confirms_an_unsigned_file_by_its_first_digits(
    stick: Path, box: Path, typed: int, *, is_taken: bool
) -> None:
    answer = digits_of(stick / "site.yaml")[:typed] or "00000000"
    controller, terminal = pty.openpty()
    os.write(controller, f"{answer}\n".encode())
    done = subprocess.run(
        [
            *(*OSTEON, "first-boot", "import", "--from", stick),
            *("--config", box / "site.yaml", "--signers", box / "site-signers"),
            *("--refused", box / "run" / "refused.json"),
        ],
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )
    os.close(terminal)
    os.close(controller)
    assert (done.returncode == 0) is is_taken, done.stderr
    assert (box / "site.yaml").exists() is is_taken
    shown = done.stdout.replace(" ", "")
    assert digits_of(stick / "site.yaml") in shown
    assert is_taken or "fingerprint-differs" in done.stderr


def with_an_authority(stick: Path, box: Path) -> Path:
    """On the stick: an authority of the mail server, and a site YAML that names it in the box."""
    content = yaml.safe_load((stick / "site.yaml").read_text())
    content["mail"]["ca_file"] = str(box / "mail-ca.crt")
    (stick / "site.yaml").write_text(yaml.safe_dump(content))
    authority = stick / "mail-ca.crt"
    trustme.CA().cert_pem.write_to_path(str(authority))
    return authority


def test_a_file_that_the_yaml_names_comes_along_signed(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    authority = with_an_authority(stick, box)
    for each in (stick / "site.yaml", authority):
        sign(each, tmp_path / "hospital")
    (stick / "other.crt").write_text("nobody names it")
    done = take(stick, box)
    assert done.returncode == 0, done.stderr
    assert (box / "mail-ca.crt").read_bytes() == authority.read_bytes()
    assert not (box / "other.crt").exists()


@pytest.mark.parametrize("before", [None, "what was there"])
def test_a_file_that_nobody_vouches_for_does_not_come_along(
    stick: Path, box: Path, tmp_path: Path, before: str | None
) -> None:
    with_an_authority(stick, box)
    sign(stick / "site.yaml", tmp_path / "hospital")
    if before is not None:
        (box / "mail-ca.crt").write_text(before)
    done = take(stick, box)
    assert "site-unsigned" in done.stderr
    assert not (box / "site.yaml").exists()
    now = (box / "mail-ca.crt").read_text() if (box / "mail-ca.crt").exists() else None
    assert now == before


def test_a_refused_site_yaml_leaves_no_file_of_its_own(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    authority = with_an_authority(stick, box)
    authority.write_text("no certificate")
    for each in (stick / "site.yaml", authority):
        sign(each, tmp_path / "hospital")
    done = take(stick, box)
    assert "config-invalid" in done.stderr
    assert not (box / "mail-ca.crt").exists()


# A site YAML that is not taken


def maker(stick: Path, box: Path) -> Maker:
    return Maker(stick, box / "site-signers", box.parent)


REFUSALS: dict[Callable[[Maker], None], str] = {
    Maker.no_file: "stick-empty",
    Maker.two_files: "stick-ambiguous",
    Maker.two_signatures: "stick-ambiguous",
    Maker.a_link: "stick-file-irregular",
    Maker.a_pipe: "stick-file-irregular",
    Maker.a_folder: "stick-file-irregular",
    Maker.ten_megabytes: "stick-file-too-large",
    Maker.a_signature_of_ten_megabytes: "stick-file-too-large",
    Maker.faults: "config-invalid",
    Maker.a_file_that_is_not_there: "config-invalid",
    Maker.gb18030: "config-invalid",
    Maker.unsigned: "site-unsigned",
    Maker.signed_then_changed: "site-signature-wrong",
    Maker.the_signature_of_another_file: "site-signature-wrong",
    Maker.the_signature_of_a_stranger: "site-signature-wrong",
    Maker.signed_for_another_purpose: "site-signature-wrong",
    Maker.no_signature_at_all_in_it: "site-signature-wrong",
    Maker.nobody_enrolled: "site-signers-missing",
}


@pytest.mark.parametrize("spoil", REFUSALS, ids=lambda spoil: spoil.__name__)
def test_a_bad_stick_changes_nothing_and_is_told_why(
    stick: Path, box: Path, spoil: Callable[[Maker], None]
) -> None:
    (box / "site.yaml").write_text("what was there")
    spoil(maker(stick, box))
    # In this process: there are many of them, and the tests around run the command itself.
    words = ["import", "--from", str(stick), "--config", str(box / "site.yaml")]
    words += [
        "--signers",
        str(box / "site-signers"),
        "--refused",
        str(box / "run" / "refused.json"),
    ]
    done = CliRunner().invoke(first_boot, words)
    assert isinstance(done.exception, ConfigError)
    assert done.exception.code == REFUSALS[spoil]
    assert (box / "site.yaml").read_text() == "what was there"
    assert not (box / "site.yaml.previous").exists()
    told = (stick / "osteon-faults.txt").read_text()
    assert REFUSALS[spoil] in told
    assert "To do: " in told
    refusal = read_refusal(box / "run" / "refused.json")
    assert refusal is not None
    assert refusal.code == REFUSALS[spoil]


def test_every_fault_is_written_onto_the_stick_with_its_line(stick: Path, box: Path) -> None:
    maker(stick, box).faults()
    take(stick, box)
    told = (stick / "osteon-faults.txt").read_bytes()
    lines = (stick / "site.yaml").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith("  prot: 11112"))
    assert f"site.yaml:{number}:3: dicom.prot".encode() in told
    assert told.count(b"\n") == told.count(b"\r\n")


def test_a_signature_that_is_wrong_is_not_passed_over_for_a_fingerprint(
    stick: Path, box: Path
) -> None:
    maker(stick, box).the_signature_of_a_stranger()
    done = take(stick, box, "--fingerprint", digits_of(stick / "site.yaml"))
    assert "site-signature-wrong" in done.stderr
    assert not (box / "site.yaml").exists()


def test_the_screen_has_the_reason_until_one_is_taken(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    place = box / "run" / "refused.json"
    good = (stick / "site.yaml").read_text()
    maker(stick, box).faults()
    sign(stick / "site.yaml", tmp_path / "hospital")
    assert take(stick, box, "--unattended").returncode == 2
    refusal = read_refusal(place)
    assert refusal is not None
    assert refusal.code == "config-invalid"
    assert re.match(r"line \d+: dicom\.prot: ", refusal.detail)
    # Its user is nobody's.
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    (stick / "site.yaml").unlink()
    assert "stick-empty" in take(stick, box, "--unattended").stderr
    refusal = read_refusal(place)
    assert refusal is not None
    assert refusal.code == "stick-empty"
    (stick / "site.yaml").write_text(good)
    sign(stick / "site.yaml", tmp_path / "hospital")
    assert take(stick, box, "--unattended").returncode == 0
    assert read_refusal(place) is None


def test_what_cannot_be_told_to_the_screen_changes_no_refusal(stick: Path, box: Path) -> None:
    (box / "run").write_text("in the way")
    done = take(stick, box, "--unattended")
    assert (done.returncode, "site-unsigned" in done.stderr) == (2, True)


@pytest.mark.parametrize("given", ["", "0" * 64, "first 63"])
def test_a_fingerprint_that_is_not_the_whole_of_it_is_refused(
    stick: Path, box: Path, given: str
) -> None:
    digits = digits_of(stick / "site.yaml")[:63] if given == "first 63" else given
    done = take(stick, box, "--fingerprint", digits)
    assert done.returncode == 2
    assert "fingerprint-differs" in done.stderr
    assert not (box / "site.yaml").exists()


def test_a_name_that_leads_off_the_stick_is_not_written_through(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (stick / "osteon-faults.txt").symlink_to(victim)
    assert take(stick, box).returncode == 2
    assert victim.read_text() == "precious"
    assert "site-unsigned" in (stick / "osteon-faults.txt").read_text()


# Real volumes


@contextmanager
def volume(place: Path, label: str, folder: Path) -> Iterator[Path]:
    """A disk with a label and a copy of a folder's files, as a block device that is not mounted."""
    medium = place / "medium"
    with medium.open("wb") as file:
        file.truncate(8 << 20)
    command = ["mkfs.ext4", "-q", "-F", "-L", label, "-d", folder, medium]
    subprocess.run(command, check=True)
    attached = subprocess.run(
        ["losetup", "--find", "--show", medium], check=True, capture_output=True, text=True
    )
    try:
        yield medium
    finally:
        subprocess.run(["losetup", "--detach", attached.stdout.strip()], check=True)


def on_medium(medium: Path, place: Path) -> set[str]:
    with mounted(medium, place) as root:
        return {file.name for file in root.iterdir()}


def test_a_volume_is_found_by_its_label_and_left_unmounted(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    sign(stick / "site.yaml", tmp_path / "hospital")
    label = f"T{free_port()}"
    with volume(tmp_path, label, stick) as medium:
        before = medium.read_bytes()
        done = osteon(
            *("first-boot", "import", "--from-label", label.lower(), "--unattended"),
            *("--config", box / "site.yaml", "--signers", box / "site-signers"),
            *("--refused", box / "run" / "refused.json"),
        )
        assert done.returncode == 0, done.stderr
        assert (box / "site.yaml").read_text() == (stick / "site.yaml").read_text()
        assert medium.read_bytes() == before
        assert str(medium) not in Path("/proc/mounts").read_text()
    assert "osteon-stick-" not in Path("/proc/mounts").read_text()


def test_faults_reach_a_volume_that_was_mounted_for_reading(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    label = f"T{free_port()}"
    with volume(tmp_path, label, stick) as medium:
        done = osteon(
            *("first-boot", "import", "--from-label", label, "--unattended"),
            *("--config", box / "site.yaml", "--signers", box / "site-signers"),
            *("--refused", box / "run" / "refused.json"),
        )
    assert done.returncode == 2
    assert "was written onto the stick" in done.stdout
    assert "osteon-faults.txt" in on_medium(medium, tmp_path / "look")


def test_a_stick_that_cannot_be_written_is_told_on_the_screen(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    label = f"T{free_port()}"
    with volume(tmp_path, label, stick) as medium, mounted(medium, tmp_path / "read-only") as root:
        subprocess.run(["mount", "-o", "remount,ro", root], check=True)
        done = take(root, box)
        assert done.returncode == 2
        assert "could not be written" in done.stdout
        assert "site-unsigned" in done.stderr
        assert not (root / "osteon-faults.txt").exists()


# Nobody is there


def test_unattended_a_site_yaml_of_a_person_is_left_alone(
    stick: Path, box: Path, tmp_path: Path
) -> None:
    sign(stick / "site.yaml", tmp_path / "hospital")
    (box / "site.yaml").write_text("edited by hand")
    done = take(stick, box, "--unattended")
    assert done.returncode == 0
    assert (box / "site.yaml").read_text() == "edited by hand"
    (box / "site.yaml.example").write_text("edited by hand")
    assert take(stick, box, "--unattended").returncode == 0
    assert (box / "site.yaml").read_text() == (stick / "site.yaml").read_text()


def test_unattended_no_stick_is_no_error_and_attended_it_is(box: Path) -> None:
    words = ("first-boot", "import", "--from-label", "NOSUCH", "--config", str(box / "site.yaml"))
    assert osteon(*words, "--unattended").returncode == 0
    missing = osteon(*words)
    assert missing.returncode == 2
    assert "volume-missing" in missing.stderr


def test_a_folder_and_a_label_together_are_refused(stick: Path, box: Path) -> None:
    assert "stick-named-twice" in take(stick, box, "--from-label", "OSTEON").stderr


# The identity


def test_the_key_is_kept_by_the_strongest_way_that_this_machine_has(tmp_path: Path) -> None:
    secret = str(tmp_path / "host.secret")

    def identity() -> dict[str, object]:
        done = osteon(
            *("first-boot", "identity", "--json", "--identity", tmp_path / "identity"),
            SYSTEMD_CREDENTIAL_SECRET=secret,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    first, second = identity(), identity()
    assert first.pop("made_now") is True
    assert second.pop("made_now") is False
    assert "a person must begin" in str(first.pop("update_record"))  # no state folder is there
    assert "left as it is" in str(second.pop("update_record"))
    assert first == second
    is_in_clear = first["protection"] == "file"
    name = "device-key.pem" if is_in_clear else "device.key"
    content = (tmp_path / "identity" / name).read_bytes()
    assert (b"PRIVATE KEY" in content) is is_in_clear
    assert first["is_weaker"] is (first["protection"] != "tpm2")


def test_a_tpm_opens_only_what_it_sealed_itself() -> None:
    with software_tpm() as one, software_tpm() as two:
        seal = CredentialSeal(Protection.TPM2, "tpm2", one)
        sealed = seal.seal(b"secret")
        assert sealed is not None
        assert b"secret" not in sealed
        assert seal.open(sealed) == b"secret"
        assert CredentialSeal(Protection.TPM2, "tpm2", two).open(sealed) is None
    assert seal.open(sealed) is None


# The sheet


def test_the_sheet_is_a_page_in_a_file_and_on_paper(tmp_path: Path, good: str) -> None:
    site = tmp_path / "site.yaml"
    words = ("hand-over", "--config", str(site), "--identity", str(tmp_path / "identity"))
    secret = str(tmp_path / "host.secret")
    identity = ("first-boot", "identity", "--identity", str(tmp_path / "identity"))
    assert osteon(*identity, SYSTEMD_CREDENTIAL_SECRET=secret).returncode == 0
    with ipp_printer(tmp_path / "p") as printer:
        site.write_text(good.replace("ipp://192.168.10.9/ipp/print", printer.uri))
        done = osteon(*words, "--output", tmp_path / "sheet.pdf", "--print", "night-desk")
        assert done.returncode == 0, done.stderr
        assert len(printer.printed()) == 1
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF-")
    assert "sheet-without-place" in osteon(*words).stderr
    assert "printer-not-in-yaml" in osteon(*words, "--print", "nobody").stderr
