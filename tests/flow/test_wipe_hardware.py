"""What a wipe does to a TPM, on one in software, and to a volume that is open, as recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.provision.keyseal import CredentialSeal, Protection
from appliance.wipe.certificate import Status
from appliance.wipe.journal import Journal, Phase
from appliance.wipe.luks import close
from appliance.wipe.plan import Volume
from appliance.wipe.programs import Ran
from tests.simulators.tpm import software_tpm
from tests.simulators.wiping import WipeBox, begun, filled_box
from tests.simulators.wiping_runner import resume


def begun_with_tpm(folder: Path) -> WipeBox:
    box = filled_box(folder / "box", studies=1, images=1)
    intent = begun(box)
    Journal(box.journal).begin(replace(intent, plan=replace(intent.plan, clears_tpm=True)))
    return box


def test_what_the_tpm_sealed_opens_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = begun_with_tpm(tmp_path)
    with software_tpm() as tpm:
        seal = CredentialSeal(Protection.TPM2, "tpm2", tpm)
        sealed = seal.seal(b"secret")
        assert sealed is not None
        assert seal.open(sealed) == b"secret"
        monkeypatch.setenv("TPM2TOOLS_TCTI", tpm)
        assert resume(Journal(box.journal)) is Status.CLEAR
        assert seal.open(sealed) is None
    text = box.certificate().with_suffix(".pdf")
    assert text.exists()


def test_a_tpm_that_cannot_be_cleared_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = begun_with_tpm(tmp_path)
    monkeypatch.setenv("TPM2TOOLS_TCTI", f"swtpm:path={tmp_path}/nothing")
    assert resume(Journal(box.journal)) is Status.FAILED
    last = Journal(box.journal).records()[-1]
    assert last.phase is Phase.IDENTITY
    failed = [one.what for one in last.evidence if one.result == "failed"]
    assert failed == ["clear the TPM"]


@dataclass
class DeviceMapper:
    """A mapping that goes when it is closed, if `closes`; else `luksSuspend` takes its key away."""

    node: Path
    closes: bool
    suspends: bool
    asked: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str], seconds: float, stdin: bytes = b"") -> Ran:  # noqa: ARG002 - the port's
        """See `Programs.run`."""
        self.asked.append(" ".join(command[:2]))
        match command:
            case ["systemd-escape", *_]:
                return Ran(0, "var-lib-osteon.mount\n")
            case ["cryptsetup", "close", _] if self.closes:
                self.node.unlink()
                return Ran(0)
            case ["cryptsetup", "luksSuspend", _] if self.suspends:
                return Ran(0)
            case ["cryptsetup", *_]:
                return Ran(5, err="Device data is still in use.")
            case _:
                return Ran(0)


@pytest.mark.parametrize(
    ("closes", "suspends", "trouble"),
    [
        (True, True, ()),
        (False, True, ()),
        (False, False, ("/dev/d is still open: exit status 5: Device data is still in use.",)),
    ],
)
def test_an_open_volume_is_unmounted_then_closed_or_else_loses_its_key_in_the_kernel(
    tmp_path: Path, *, closes: bool, suspends: bool, trouble: tuple[str, ...]
) -> None:
    node = tmp_path / "data"
    node.touch()
    volume = Volume("/dev/d", "u", 1 << 20, os.path.relpath(node, "/dev/mapper"), ("/srv/data",))
    mapper = DeviceMapper(node, closes, suspends)
    assert close(volume, mapper) == trouble
    wanted = ["systemd-escape --path", "systemctl stop", "cryptsetup close"]
    assert mapper.asked == [*wanted, *(() if closes else ["cryptsetup luksSuspend"])]
    assert node.exists() is not closes
