"""Which erase command a disk gets, which disk that is, and what is not understood (recorded)."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.errors import WipeError
from appliance.wipe.erasing import capabilities, erase
from appliance.wipe.facts import find_disks, medium_of
from appliance.wipe.journal import Result
from appliance.wipe.luks import parse_header
from appliance.wipe.media import Capabilities, ata_capabilities, nvme_capabilities, techniques
from appliance.wipe.plan import Medium, Reach
from appliance.wipe.programs import Ran
from tests.simulators.recorded import Recorded

# As `nvme id-ctrl -o json` writes them; the other fields left out.
SANITIZES = {"vid": 5197, "sn": "S5RTNC0T104269", "oacs": 95, "fna": 4, "sanicap": 3}
FORMATS_ONLY = {**SANITIZES, "fna": 0, "sanicap": 0}
NEITHER = {**SANITIZES, "oacs": 0, "fna": 4, "sanicap": 0}

SATA_FLASH = """
/dev/sda:

ATA device, with non-removable media
\tModel Number:       Samsung SSD 860 EVO 500GB
Commands/features:
\tEnabled\tSupported:
\t   *\tSecurity Mode feature set
\t   *\tSANITIZE feature set
\t   *\tCRYPTO_SCRAMBLE_EXT command
\t   *\tBLOCK_ERASE_EXT command
Security:
\tMaster password revision code = 65534
\t\tsupported
\tnot\tenabled
\tnot\tlocked
\tnot\tfrozen
\tnot\texpired: security count
\t\tsupported: enhanced erase
\t2min for SECURITY ERASE UNIT. 8min for ENHANCED SECURITY ERASE UNIT.
Checksum: correct
"""
SATA_OLD = SATA_FLASH.replace("\t   *\tSANITIZE feature set\n", "")
SATA_FROZEN = SATA_OLD.replace("\tnot\tfrozen", "\t\tfrozen")

SANITIZED = '{"nvme0n1":{"sprog":65535,"sstat":{"global_erased":1,"status":"(%d) Most Recent"}}}'


def medium(kind: str = "nvme", **changes: object) -> Medium:
    made = Medium("/dev/d", "/dev/d", 8 << 20, "", "", "", kind, False, Reach.PURGE)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "can", "expected"),
    [
        (
            "nvme",
            nvme_capabilities(json.dumps(SANITIZES)),
            [
                ("nvme sanitize, crypto erase", "purge"),
                ("nvme sanitize, block erase", "purge"),
                ("nvme format, crypto erase", "purge"),
                ("nvme format, user data erase", "purge"),
            ],
        ),
        (
            "nvme",
            nvme_capabilities(json.dumps(FORMATS_ONLY)),
            [("nvme format, user data erase", "purge")],
        ),
        ("nvme", nvme_capabilities(json.dumps(NEITHER)), []),
        (
            "sata",
            ata_capabilities(SATA_FLASH),
            [
                ("ATA sanitize, crypto scramble", "purge"),
                ("ATA sanitize, block erase", "purge"),
                ("ATA enhanced secure erase", "clear"),
                ("ATA secure erase", "clear"),
            ],
        ),
        (
            "sata",
            ata_capabilities(SATA_OLD),
            [("ATA enhanced secure erase", "clear"), ("ATA secure erase", "clear")],
        ),
        ("sata", ata_capabilities(SATA_FROZEN), []),
        ("sata", ata_capabilities("HDIO_DRIVE_CMD(identify) failed"), []),
        ("usb", Capabilities(discard=True), [("blkdiscard", "clear")]),
    ],
)
def test_the_medium_s_own_commands_come_first_the_strongest_before_the_others(
    kind: str, can: Capabilities, expected: list[tuple[str, str]]
) -> None:
    found = [(each.name, each.reach.value) for each in techniques(medium(kind), can)]
    assert found == [*expected, ("blkdiscard --zeroout", "clear")]


def test_enhanced_erase_purges_a_disk_that_turns() -> None:
    found = techniques(medium("sata", is_rotating=True), ata_capabilities(SATA_OLD))
    assert (found[0].name, found[0].reach) == ("ATA enhanced secure erase", Reach.PURGE)


def test_a_shared_disk_keeps_what_is_not_ours() -> None:
    can = replace(nvme_capabilities(json.dumps(SANITIZES)), discard=True)
    shared = medium(target="/dev/d3", reach=Reach.CLEAR, shared_with=("/",))
    commands = [word for each in techniques(shared, can) for word in each.commands]
    assert commands
    assert all(command[-1] == "/dev/d3" for command in commands)


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"sanicap": "x"}', "no such device"])
def test_an_answer_that_is_none_is_refused(answer: str) -> None:
    with pytest.raises(ValueError, match="not an identify-controller answer"):
        nvme_capabilities(answer)


class Instant(SystemClock):
    """Waits for nothing; a minute passes each time it is asked."""

    _minutes = 0

    def monotonic(self) -> float:
        self._minutes += 1
        return self._minutes * 60.0

    def wait(self, event: threading.Event, seconds: float) -> bool:  # noqa: ARG002 - the port's
        return False


@pytest.mark.parametrize(
    ("polls", "result", "detail"),
    [
        ([2, 2, 1], Result.DONE, ""),
        ([2, 3], Result.FAILED, "the medium reports that it failed"),
        ([2] * 500, Result.FAILED, "it did not end within 14400 s"),
    ],
)
def test_a_sanitize_that_was_begun_is_waited_for(
    tmp_path: Path, polls: list[int], result: Result, detail: str
) -> None:
    target = tmp_path / "medium"
    target.write_bytes(b"\0" * 8192)
    programs = Recorded(
        {
            "nvme id-ctrl": Ran(0, json.dumps({**SANITIZES, "fna": 0, "oacs": 0, "sanicap": 1})),
            "nvme sanitize-log": [Ran(0, SANITIZED % state) for state in polls],
            "nvme sanitize ": Ran(0),
            "blkdiscard": Ran(1, err="blkdiscard: BLKZEROOUT: not supported"),
            "blockdev": Ran(0),
            "lsblk": Ran(0, "0\n"),
        }
    )
    found = list(erase(medium(target=str(target)), (), programs, Instant()))
    assert (found[0].result, found[0].detail) == (result, detail)
    assert found[0].reach is (Reach.PURGE if result is Result.DONE else None)
    # What fails is followed by the next way, down to plain overwriting.
    assert (found[-1].what.endswith("--zeroout")) is (result is Result.FAILED)


def test_a_frozen_disk_is_named_and_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "medium"
    target.write_bytes(b"\0" * 8192)
    programs = Recorded(
        {
            "hdparm -I": Ran(0, SATA_FROZEN),
            "blkdiscard": Ran(0),
            "blockdev": Ran(0),
            "lsblk": Ran(0, "0\n"),
        }
    )
    found = list(erase(medium("sata", target=str(target)), (), programs, SystemClock()))
    assert [each.result for each in found] == [Result.NOT_POSSIBLE, Result.DONE]
    assert not any("security" in words for words in programs.asked)
    assert capabilities(medium("sata", target="/dev/d"), Recorded({})) == Capabilities()


# As `lsblk --json --tree=PATH --inverse` shows an open LUKS partition, and the disk below it.
OPENED = {
    "blockdevices": [
        {"path": "/dev/mapper/data", "type": "crypt", "fstype": "ext4", "size": 1000,
         "mountpoints": ["/var/lib/osteon"], "children": [
             {"path": "/dev/nvme0n1p3", "type": "part", "fstype": "crypto_LUKS", "size": 2000,
              "mountpoints": [None], "children": [
                  {"path": "/dev/nvme0n1", "type": "disk", "size": 9000, "vendor": None,
                   "model": "SAMSUNG MZVLB512", "serial": "S4EVNX0", "tran": "nvme",
                   "rota": False, "mountpoints": [None]}]}]}
    ]
}  # fmt: skip
DISK = {
    "blockdevices": [
        {"path": "/dev/nvme0n1", "type": "disk", "size": 9000, "mountpoints": [None], "children": [
            {"path": "/dev/nvme0n1p1", "type": "part", "fstype": "vfat", "mountpoints": ["/boot"]},
            {"path": "/dev/nvme0n1p2", "type": "part", "fstype": "swap", "mountpoints": [None]},
            {"path": "/dev/nvme0n1p3", "type": "part", "fstype": "crypto_LUKS", "size": 2000,
             "mountpoints": [None], "children": [
                 {"path": "/dev/mapper/data", "type": "crypt", "fstype": "ext4",
                  "mountpoints": ["/var/lib/osteon"]}]}]}
    ]
}  # fmt: skip
DUMP = {
    "keyslots": {"0": {}, "1": {}},
    "tokens": {"0": {"type": "systemd-tpm2"}, "1": {"type": "systemd-recovery"}},
    "segments": {"0": {"type": "crypt", "offset": "16777216", "size": "dynamic"}},
}


def disks(disk: object) -> Recorded:
    columns = (
        "lsblk --json --tree=PATH --bytes"
        " -o PATH,TYPE,FSTYPE,SIZE,VENDOR,MODEL,SERIAL,TRAN,ROTA,MOUNTPOINTS"
    )
    part = {"blockdevices": OPENED["blockdevices"][0]["children"]}  # type: ignore[index]
    return Recorded(
        {
            "findmnt": Ran(0, "/dev/mapper/data\n"),
            "cryptsetup luksDump": Ran(0, json.dumps(DUMP)),
            "cryptsetup luksUUID": Ran(0, "uuid-1\n"),
            f"{columns} --inverse /dev/mapper/data": Ran(0, json.dumps(OPENED)),
            f"{columns} --inverse /dev/nvme0n1p3": Ran(0, json.dumps(part)),
            f"{columns} /dev/nvme0n1": Ran(0, json.dumps(disk)),
        }
    )


def test_the_volume_beneath_the_state_folder_is_found_with_its_disk(tmp_path: Path) -> None:
    found = find_disks(tmp_path, (), disks(DISK))
    (volume,), (data,) = found.volumes, found.media
    assert (volume.device, volume.mapping) == ("/dev/nvme0n1p3", "data")
    assert (volume.mount_points, volume.header_bytes) == (("/var/lib/osteon",), 16 << 20)
    assert (data.model, data.serial, data.kind) == ("SAMSUNG MZVLB512", "S4EVNX0", "nvme")
    assert (data.target, data.reach, data.size) == ("/dev/nvme0n1p3", Reach.CLEAR, 2000)
    assert data.shared_with == ("/boot", "/dev/nvme0n1p2 (swap)")
    assert ["1 recovery key(s)" in each.what for each in found.outstanding] == [False, True]


def test_a_disk_of_its_own_is_erased_as_a_whole(tmp_path: Path) -> None:
    alone = json.loads(json.dumps(DISK))
    del alone["blockdevices"][0]["children"][:2]
    (data,) = find_disks(tmp_path, (), disks(alone)).media
    assert (data.target, data.reach, data.size) == ("/dev/nvme0n1", Reach.PURGE, 9000)


def test_a_disk_that_nobody_can_describe_is_not_taken_for_empty() -> None:
    found = medium_of("/dev/sdx1", Recorded({}), is_erased=True)
    assert (found.disk, found.model, found.size) == ("/dev/sdx1", "", 0)


@pytest.mark.parametrize(
    "dump",
    [
        "",
        "{}",
        json.dumps({**DUMP, "segments": {"0": {"offset": "0"}}}),
        json.dumps({**DUMP, "segments": {"0": {"offset": str(1 << 40)}}}),
    ],
)
def test_a_header_that_is_not_understood_is_refused(dump: str) -> None:
    with pytest.raises(WipeError) as raised:
        parse_header("/dev/d", dump, "u")
    assert raised.value.code == "wipe-volume-unknown"
