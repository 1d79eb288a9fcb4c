"""The receiver takes the sockets that systemd hands over, and says when it is ready."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification

from tests.simulators.box import AE_TITLE, MODALITIES, OSTEON, ROOT, Surroundings, prepared
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.modality import associate

HAND_OVER = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.dup2(int(sys.argv[1]), 3)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""What systemd does between fork and exec: descriptor 3, and our own process id."""


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as server:
        yield server


@contextmanager
def receiver(
    folder: Path, mail: MailServer, names: str, **changes: Any
) -> Iterator[tuple[subprocess.Popen[str], int, socket.socket]]:
    """`osteon role receive` as the unit starts it: process, port of its socket, notify socket."""
    box = prepared(folder, Surroundings(mail), **changes)
    listening = socket.create_server(("127.0.0.1", 0))
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(folder / "notify"))
    notify.settimeout(60)
    command = [*OSTEON, "role", "receive", "--config", str(box.config)]
    process = subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, str(listening.fileno()), *command],
        env={
            **os.environ,
            "LISTEN_FDS": "1",
            "LISTEN_FDNAMES": names,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "300000",
        },
        pass_fds=[listening.fileno()],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process, listening.getsockname()[1], notify
    finally:
        process.kill()
        process.communicate()
        listening.close()
        notify.close()


def test_it_answers_on_the_socket_that_it_was_handed(tmp_path: Path, mail: MailServer) -> None:
    with receiver(tmp_path, mail, "dicom") as (process, port, notify):
        told = notify.recv(4096).decode()
        assert told == f"READY=1\nSTATUS=Receiving on port {port}"
        assert notify.recv(4096) == b"WATCHDOG=1"
        asked = [(Verification, [ImplicitVRLittleEndian])]
        association = associate(port, asked, calling=MODALITIES[0], called=AE_TITLE)
        assert association.is_established
        assert association.send_c_echo().Status == 0
        association.release()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_sockets_that_the_yaml_does_not_ask_for_are_refused(
    tmp_path: Path, mail: MailServer
) -> None:
    with receiver(tmp_path, mail, "dicom-tls") as (process, _, _):
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "sockets-differ" in errors
        assert "daemon-reload" in errors
