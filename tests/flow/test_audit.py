"""A box whose people look, acknowledge and export: the trail says so, and is the only door."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import trustme

from tests.simulators import spot_pack
from tests.simulators.box import wait_until
from tests.simulators.hospital import Hospital, hospital

pytestmark = pytest.mark.timeout(180)

CANARY = "CANARY^Patient"


class Repository:
    """An audit record repository: takes syslog over TLS (RFC 5425) and keeps what came."""

    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.received = b""

    def serve(self) -> None:
        """Take one connection after another until closed."""
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as channel:
                while part := channel.recv(65536):
                    self.received += part

    def close(self) -> None:
        """Stop listening."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def messages(self) -> list[ET.Element]:
        """Each frame's XML, by its octet count."""
        found, rest = [], self.received
        while rest:
            length, _, rest = rest.partition(b" ")
            frame, rest = rest[: int(length)], rest[int(length) :]
            found.append(ET.fromstring(frame.partition(b"\xef\xbb\xbf")[2]))
        return found


@contextmanager
def repository(folder: Path) -> Iterator[tuple[Repository, dict[str, Any]]]:
    """A repository, and the site YAML's section that names it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "audit-ca.pem"))
    made = Repository(authority)
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        syslog = {
            "host": "localhost",
            "port": made.port,
            "ca_file": str(folder / "audit-ca.pem"),
        }
        yield made, {"syslog": syslog}
    finally:
        made.close()
        thread.join()


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hospital, Repository, str]]:
    folder = tmp_path_factory.mktemp("audit")
    with repository(folder) as (kept, section), hospital(folder, audit=section) as there:
        film = spot_pack.film((120, 90), PatientName=CANARY, PatientID="CANARY-7")
        there.send(film)
        case = there.case(film)
        there.ended(case)
        there.delivered(case)
        yield there, kept, case


def entries(there: Hospital) -> list[dict[str, Any]]:
    done = there.box.command("audit", "list", "--newest", "500", "--json")
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_a_look_at_a_patient_is_answered_and_stands_in_the_trail(
    bed: tuple[Hospital, Repository, str],
) -> None:
    there, kept, case = bed
    done = there.box.command("patient", case.lower(), "--purpose", "patient-request")
    assert done.returncode == 0, done.stderr
    assert "CANARY-7" in done.stdout
    assert "Recorded" in done.stdout
    (last,) = (each for each in entries(there) if each["detail"] == "PATRQT")
    assert (last["kind"], last["subject"], last["success"]) == ("patient-shown", case, True)
    wait_until(lambda: any(each[0][0].get("csd-code") == "110103" for each in kept.messages()), 30)
    assert b"CANARY" not in kept.received
    assert b"CANARY" not in (there.box.state / "access" / "trail.jsonl").read_bytes()


def test_acknowledging_and_reading_the_trail_are_entries_too(
    bed: tuple[Hospital, Repository, str],
) -> None:
    there, _, case = bed
    assert there.box.command("ack", case, "--by", "Dr Li").returncode == 0
    kinds = [(each["kind"], each["subject"], each["detail"]) for each in entries(there)]
    assert ("acknowledged", case, "by Dr Li") in kinds
    assert kinds[-1] == ("audit-read", "", "list")
    assert kinds[0][0] == "started"


def test_an_unknown_case_is_told_as_that(bed: tuple[Hospital, Repository, str]) -> None:
    there, _, _ = bed
    done = there.box.command("patient", "AAA-AAAA")
    assert done.returncode == 1
    assert "case-unknown" in done.stderr


def test_the_trail_of_a_killed_box_is_whole_and_a_dropped_end_shows(
    bed: tuple[Hospital, Repository, str],
) -> None:
    there, _, case = bed
    os.kill(there.box.role_pid("access"), signal.SIGKILL)

    def answers() -> bool:
        return there.box.command("patient", case).returncode == 0

    wait_until(answers, 30)
    done = there.box.command("audit", "verify", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["whole"]) == (0, True), told
    place = there.box.state / "access" / "trail.jsonl"

    def is_witnessed() -> bool:
        note = json.loads((there.box.state / "deliver" / "audit-witness.json").read_text())
        return int(note["count"]) >= int(told["entries"])

    wait_until(is_witnessed, 30)
    door = place.with_name("door")
    door.rename(place.with_name("aside"))  # so that nothing is appended meanwhile
    whole = place.read_bytes()
    lines = whole.splitlines(keepends=True)
    try:
        place.write_bytes(b"".join(lines[:3]))
        done = there.box.command("audit", "verify")
        assert done.returncode == 1
        assert "NOT WHOLE" in done.stdout
        place.write_bytes(whole.replace(b"patient-shown", b"patient-shawn", 1))
        assert there.box.command("audit", "verify").returncode == 1
    finally:
        place.write_bytes(whole)
        place.with_name("aside").rename(door)


def test_without_the_audit_unit_nobody_is_shown(bed: tuple[Hospital, Repository, str]) -> None:
    there, _, case = bed
    door = there.box.state / "access" / "door"
    aside = door.with_name("aside")
    door.rename(aside)
    try:
        done = there.box.command("patient", case)
        assert done.returncode == 1
        assert "audit-unreachable" in done.stderr
        assert "CANARY" not in done.stdout
        # An alert must be acknowledged all the same.
        assert there.box.command("ack", case, "--by", "Dr Wu").returncode == 0
    finally:
        aside.rename(door)


def test_the_support_bundle_helps_and_names_nobody(
    bed: tuple[Hospital, Repository, str], tmp_path: Path
) -> None:
    there, _, case = bed
    target = tmp_path / "bundle.tar.gz"
    words = ("--by", "Dr Li", "--reason", "CANARY was read twice")
    assert there.box.command("update", "reset-floor", *words).returncode == 0
    done = there.box.command("support-bundle", "--output", str(target))
    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as tar:
        files = {
            member.name.removeprefix("osteon-support/"): tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
        }
    assert json.loads(files["studies.json"])[0]["case"] == case
    assert json.loads(files["audit.json"])["started"] >= 1
    assert json.loads(files["figures.json"])["free_bytes"] > 0
    history = files["update/history.jsonl"]
    assert b"floor-reset" in history
    everything = b"".join(files.values())
    assert b"CANARY" not in everything
    assert b"Dr Li" not in everything
    assert not re.search(rb"[a-z]@hospital", files["site.yaml"])
    assert there.box.command("support-bundle", "--output", str(target)).returncode == 2
