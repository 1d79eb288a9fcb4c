"""The systemd units: hardened, without a fault, each directive that is off with its reason."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from appliance.cli.technician.accepting import MOST_S
from appliance.config.example import example_yaml
from appliance.config.load import parse_site
from appliance.config.receiving import ListenerTls
from appliance.config.socket_units import PLAIN, TLS, socket_units
from appliance.daemon.state import StateFolder
from appliance.update.os.contents import Part
from appliance.update.os.staging import OsFolder
from tests.simulators.box import OSTEON, ROOT

UNITS = ROOT / "provisioning" / "systemd"
THRESHOLDS = {
    "osteon-access.service": 1.2,
    "osteon-receive.service": 1.0,
    "osteon-analyse.service": 0.6,
    "osteon-deliver.service": 1.5,
    "osteon-screen.service": 1.2,
    "osteon-trouble@.service": 1.5,
    "osteon-update.service": 1.5,
}
PRIVILEGED_ONE_SHOT = 4.0
HARDENING = {
    "CapabilityBoundingSet",
    "DynamicUser",
    "IPAddressDeny",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProcSubset",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "RemoveIPC",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "RootDirectory",
    "SystemCallArchitectures",
    "SystemCallFilter",
}
"""What `systemd-analyze security` asks for; each is set, or its comment says why it is not."""
SITE = parse_site(example_yaml().encode(), "site.yaml")


def _services() -> list[Path]:
    return sorted(UNITS.glob("*.service"))


@pytest.mark.parametrize("unit", _services(), ids=lambda unit: unit.name)
def test_a_service_is_exposed_no_more_than_it_must(unit: Path) -> None:
    threshold = THRESHOLDS.get(unit.name, PRIVILEGED_ONE_SHOT)
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={round(threshold * 10)}", str(unit)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Invalid" not in done.stderr
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_what_is_off_has_its_reason_beside_it(name: str) -> None:
    text = (UNITS / name).read_text(encoding="utf-8")
    excused = {
        name
        for listed in re.findall(r"^# Off: ((?:\w+=(?:, )?)+): \w", text, re.MULTILINE)
        for name in re.findall(r"(\w+)=", listed)
    }
    is_set = set(re.findall(r"^(\w+)=", text, re.MULTILINE))
    assert not HARDENING - is_set - excused
    assert not is_set & excused


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root folder with the units where an installation has them, and the generated sockets."""
    folder = tmp_path / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    for unit in UNITS.glob("osteon*.*"):
        (folder / unit.name).write_bytes(unit.read_bytes())
    for name, text in socket_units(SITE.dicom).items():
        (folder / name).write_text(text)
    for program in ("osteon", "touch", "kill", "sh", "sleep", "systemctl"):
        place = tmp_path / "usr/bin" / program
        place.parent.mkdir(exist_ok=True)
        place.touch(mode=0o755)
    (tmp_path / "bin").symlink_to("usr/bin")
    for name in ("sysinit", "basic", "multi-user", "network-online", "shutdown", "sockets"):
        (folder / f"{name}.target").write_text("[Unit]\nDescription=Debian's own\n")
    (folder / "timers.target").write_text("[Unit]\nDescription=Debian's own\n")
    return tmp_path


def test_systemd_finds_no_fault_in_any_unit(installed: Path) -> None:
    names = [unit.name for unit in UNITS.glob("osteon*.*") if "@" not in unit.name]
    instances = [f"osteon-trouble@{name}.service" for name in THRESHOLDS if "@" not in name]
    instances += [f"osteon-again@{name}.timer" for name in THRESHOLDS if "@" not in name]
    instances.append("osteon-technician@1.service")
    names += [*instances, *socket_units(SITE.dicom)]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={installed}", *sorted(names)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout + done.stderr == ""


def test_what_root_has_verified_lies_where_systemd_sysupdate_takes_it() -> None:
    """And the units that are for flashed boxes only look for a transfer file that there is."""
    ready = OsFolder(StateFolder(Path("/var/lib/osteon")).os).ready
    transfers = sorted((UNITS / "sysupdate.d").iterdir())
    assert len(transfers) == len(Part)
    for transfer, part in zip(transfers, (Part.VERITY, Part.ROOT, Part.KERNEL), strict=True):
        text = transfer.read_text()
        assert f"\nPath={ready}\n" in text
        assert re.search(rf"^MatchPattern=%M_@v\S*\.{part}$", text, re.MULTILINE), transfer.name
    names = {transfer.name for transfer in transfers}
    flashed = ("osteon-os-install", "osteon-healthy", "osteon-boot-failed")
    for unit in flashed:
        text = (UNITS / f"{unit}.service").read_text()
        (found,) = re.findall(
            r"^ConditionPathExists=/usr/lib/sysupdate\.d/(\S+)$", text, re.MULTILINE
        )
        assert found in names


def generated(tmp_path: Path, site: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """What the generator makes of a site YAML, with this checkout's program."""
    (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
    command = tmp_path / "osteon"
    command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {" ".join(OSTEON)} "$@"\n')
    command.chmod(0o755)
    script = (UNITS / "osteon-generator").read_text(encoding="utf-8")
    for was, now in (
        ("/etc/osteon/site.yaml", str(tmp_path / "site.yaml")),
        ("/usr/bin/osteon", str(command)),
        ("/dev/kmsg", str(tmp_path / "kmsg")),
    ):
        assert was in script
        script = script.replace(was, now)
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        ["sh", "-c", script, "osteon-generator", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, tmp_path / "out"


def test_the_port_of_the_yaml_is_the_port_of_the_socket(tmp_path: Path) -> None:
    site = example_yaml().replace("port: 11112", "port: 104", 1)
    done, folder = generated(tmp_path, site)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    unit = (folder / "osteon-receive.socket").read_text()
    assert "ListenStream=0.0.0.0:104\n" in unit
    assert f"FileDescriptorName={PLAIN}\n" in unit
    wanted = folder / "osteon.target.wants" / "osteon-receive.socket"
    assert wanted.resolve() == folder / "osteon-receive.socket"
    assert not (folder / "osteon-receive-tls.socket").exists()


def test_the_example_opens_no_port(tmp_path: Path) -> None:
    """Nobody has said yet who may send: a box that is not set up listens to nothing."""
    (tmp_path / "site.yaml.example").write_text(example_yaml(), encoding="utf-8")
    done, folder = generated(tmp_path, example_yaml())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(folder.iterdir())
    assert not (tmp_path / "kmsg").exists()


@pytest.mark.parametrize("role", ["access", "receive", "analyse", "deliver", "update"])
def test_without_a_site_yaml_no_part_starts(role: str) -> None:
    text = (UNITS / f"osteon-{role}.service").read_text(encoding="utf-8")
    assert "ConditionPathExists=|/etc/osteon/site.yaml\n" in text
    assert "ConditionPathExists=|/var/lib/osteon/receive/site.applied.yaml\n" in text


def test_an_encrypted_listener_has_a_socket_of_its_own() -> None:
    tls = ListenerTls(port=2762, certificate_file="/etc/osteon/c", key_file="/etc/osteon/k")
    units = socket_units(SITE.dicom.model_copy(update={"address": "::1", "tls": tls}))
    assert sorted(units) == ["osteon-receive-tls.socket", "osteon-receive.socket"]
    assert "ListenStream=[::1]:2762\n" in units["osteon-receive-tls.socket"]
    assert f"FileDescriptorName={TLS}\n" in units["osteon-receive-tls.socket"]


@pytest.mark.parametrize("site", ["", "dicom: [", "dicom: {prot: 1}"])
def test_a_yaml_without_sense_makes_no_socket_and_fails_no_boot(tmp_path: Path, site: str) -> None:
    done, folder = generated(tmp_path, site)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (later,) = (path for path in folder.rglob("*") if not path.is_dir())
    assert later == folder / "osteon.target.wants" / "osteon-again@osteon-receive.service.timer"
    assert (UNITS / later.readlink().name).is_file()
    assert (tmp_path / "kmsg").read_text().startswith("<3>osteon-generator: no DICOM socket: ")


def test_every_unit_that_a_unit_names_is_there() -> None:
    """Those of Osteon; the socket is generated."""
    there = {unit.name for unit in UNITS.iterdir()} | {*socket_units(SITE.dicom)}
    for unit in UNITS.glob("osteon*.*"):
        for name in re.findall(r"\b(osteon[\w-]*@?)%n\.(\w+)", unit.read_text()):
            assert "".join((name[0], ".", name[1])) in there
        for name in re.findall(
            r"\bosteon[\w-]*\.(?:service|socket|target|timer)\b", unit.read_text()
        ):
            assert name in there, unit.name


def test_the_generator_may_be_executed() -> None:
    assert os.access(UNITS / "osteon-generator", os.X_OK)


def test_a_visit_to_the_menu_may_last_longer_than_what_it_measures() -> None:
    unit = (UNITS / "osteon-technician@.service").read_text(encoding="utf-8")
    (hours,) = re.findall(r"^RuntimeMaxSec=(\d+)h$", unit, re.MULTILINE)
    assert int(hours) * 3600 >= MOST_S + 1800
