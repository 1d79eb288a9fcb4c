"""What the appliance's image is made from; `make test-image` starts what comes out."""

from __future__ import annotations

import configparser
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "image-build"
EXTRA = BUILD / "mkosi.extra"
IN_MEMORY = {"/var", "/tmp"}


def scripts() -> list[Path]:
    """Every shell script of the build and of the image."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", "image-build"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.read_bytes().startswith(b"#!/bin/sh")]


def mounts() -> dict[str, tuple[str, str]]:
    """Place, and what is mounted there with which options, as the image's fstab says."""
    lines = (EXTRA / "etc/fstab").read_text().splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    return {each[1]: (each[0], each[3]) for each in fields}


def definitions(folder: str) -> list[configparser.SectionProxy]:
    """The partitions that systemd-repart makes from a folder."""
    found = []
    for file in sorted((EXTRA / "usr/lib/osteon/partitions" / folder).iterdir()):
        parser = configparser.ConfigParser()
        parser.read(file)
        found.append(parser["Partition"])
    return found


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.name)
def test_a_script_is_free_of_syntax_errors(script: Path) -> None:
    done = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_wipe_stops_no_unit_that_it_needs() -> None:
    # It stops all that is named `osteon*`; these mount its own journal.
    own = [file.name for file in (EXTRA / "usr/lib/systemd/system").iterdir() if file.is_file()]
    assert own
    assert not [name for name in own if name.startswith("osteon")]


def test_a_factory_reset_makes_all_anew_that_lasts() -> None:
    """So it and `osteon wipe` agree: nothing that is kept lies on any other partition."""
    for how in ("data-tpm2", "data-key"):
        made = [*definitions("keep"), *definitions(how)]
        assert [each["Label"] for each in made] == ["osteon-keep", "osteon-data"]
        assert all(each["FactoryReset"] == "yes" for each in made)
        assert made[1]["Encrypt"] in {"tpm2", "key-file"}
    sources = {
        "/dev/disk/by-partlabel/osteon-keep": "/keep",
        "/dev/mapper/osteon-data": "/data",
    }
    for place, (source, _) in mounts().items():
        if place in IN_MEMORY:
            assert source == "tmpfs"
        elif place in sources.values():
            assert sources[source] == place
        else:
            assert source.startswith(("/keep/", "/data/")), place


def test_what_is_mounted_from_a_partition_is_a_folder_that_is_made_there() -> None:
    made = {"/keep": definitions("keep")[0], "/data": definitions("data-tpm2")[0]}
    folders = {
        f"{top}{name}" for top, each in made.items() for name in each["MakeDirectories"].split()
    }
    bound = {source for source, _ in mounts().values() if source.startswith(tuple(made))}
    assert bound <= folders
    assert (
        definitions("data-tpm2")[0]["MakeDirectories"]
        == (definitions("data-key")[0]["MakeDirectories"])
    )


def test_a_closed_data_volume_keeps_no_machine_from_starting() -> None:
    assert all(
        "nofail" in options for place, (_, options) in mounts().items() if place not in IN_MEMORY
    )


@pytest.mark.parametrize(
    ("result", "jobs", "cancelled"),
    [
        ("exit-code", {r"dev-mapper-osteon\x2ddata.device": "41"}, ["41"]),
        (
            "timeout",
            {
                r"dev-disk-by\x2dpartlabel-osteon\x2dkeep.device": "40",
                r"dev-mapper-osteon\x2ddata.device": "41",
            },
            ["40", "41"],
        ),
        ("exit-code", {}, []),
        ("success", {r"dev-mapper-osteon\x2ddata.device": "41"}, []),
    ],
)
def test_nothing_waits_for_a_volume_that_will_not_open(
    tmp_path: Path, result: str, jobs: dict[str, str], cancelled: list[str]
) -> None:
    """A wiped box would count as starting for as long as a first boot may take."""
    for unit, job in jobs.items():
        (tmp_path / unit).write_text(job)
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        '#!/bin/sh\nhere=$(dirname "$0")\n'
        'if [ "$1" = cancel ]; then echo "$2" >>"$here/cancelled"; exit; fi\n'
        'for unit; do :; done\n[ ! -e "$here/$unit" ] || cat "$here/$unit"\n'
    )
    systemctl.chmod(0o755)
    script = EXTRA / "usr/lib/osteon/image/wait-no-more"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SERVICE_RESULT": result}
    subprocess.run([script], check=True, env=environment)
    written = tmp_path / "cancelled"
    assert (written.read_text().split() if written.exists() else []) == cancelled
    for unit in ("image-data", "image-partitions"):
        text = (EXTRA / f"usr/lib/systemd/system/{unit}.service").read_text()
        assert "\nExecStopPost=/usr/lib/osteon/image/wait-no-more\n" in text
        # Either would pass over what is done when it fails.
        assert "Assert" not in text
        assert "Condition" not in text


def test_a_boot_that_fails_reaches_the_unit_that_starts_the_machine_again() -> None:
    # A target whose own service is masked fails, and nothing that it wants is started.
    unit = (ROOT / "provisioning/systemd/osteon-boot-failed.service").read_text()
    targets = unit.partition("WantedBy=")[2].split()
    assert targets
    masked = (BUILD / "mkosi.postinst.chroot").read_text().partition(" mask ")[2].split()
    assert masked
    for target in targets:
        service = target.replace(".target", ".service")
        assert service not in masked
        changed = EXTRA / f"usr/lib/systemd/system/{service}.d/no-shell.conf"
        assert "\nExecStart=\nExecStart=" in changed.read_text()
        assert "sulogin" not in changed.read_text()


def test_licences_are_read_from_the_copyright_file() -> None:
    bill = runpy.run_path(str(BUILD / "mkosi.finalize.chroot"))
    form = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    text = (
        f"{form}\nFiles: *\nLicense: MIT\n\nFiles: a\nLicense: GPL-2+\n\nLicense: GPL-2+\n text\n"
    )
    names = [each["license"]["name"] for each in bill["licences"](text, "/x")]
    assert names == ["GPL-2+", "MIT"]
    assert bill["licences"]("This is free software.", "/usr/share/doc/a/copyright") == [
        {"license": {"name": "see /usr/share/doc/a/copyright"}}
    ]
    status = (
        "Package: a\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\n"
        "Description: An a\n more\n\nPackage: b\nStatus: deinstall ok config-files\n"
    )
    (fields,) = bill["packages"](status)
    assert bill["component"](fields, [])["purl"] == (
        "pkg:deb/debian/a@1%3A2-3?arch=amd64&distro=debian-13"
    )
