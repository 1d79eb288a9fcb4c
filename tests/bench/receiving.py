"""The receiver by itself: throughput, memory, and a known modality among hostile peers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from pydicom import uid

from tests.bench.memory import watched
from tests.simulators.box import Surroundings, prepared
from tests.simulators.mail import mail_server
from tests.simulators.modality import associate, dcmtk, save
from tests.simulators.objects import ct_series

Figure = tuple[str, str, str]
"""(what, measured, required)."""

_ROLE = (sys.executable, "-P", "-m", "appliance.cli", "role", "receive")
_FRAMES = 1000


@contextmanager
def receiver(folder: Path) -> Iterator[tuple[int, int]]:
    """The receiver's role as a process of its own; (its process id, its port)."""
    with mail_server(folder) as mail:
        box = prepared(folder, Surroundings(mail))
        with subprocess.Popen(
            [*_ROLE, "--config", box.config], stderr=subprocess.DEVNULL
        ) as process:
            try:
                _wait_for_port(box.port)
                yield process.pid, box.port
            finally:
                process.terminate()


def measure(folder: Path) -> Iterator[Figure]:
    """All figures of the receiver."""
    slices = save(ct_series(1000, side=512), folder / "slices")
    large = _multi_frame(folder / "large.dcm")
    with receiver(folder) as (pid, port), watched(pid) as peak:
        began = time.monotonic()
        _succeed("dcmsend", port, *slices)
        seconds = time.monotonic() - began
        yield "1,000 slices of 512 KiB, one association", f"{1000 / seconds:.0f} a second", ""
        yield "receiver's memory over them", f"{peak.alone_mib:.0f} MiB", "≤ 200 MB"
        _succeed("storescu", port, large)
    size = large.stat().st_size / 1e6
    yield f"and over one object of {size:.0f} MB", f"{peak.alone_mib:.0f} MiB", "≤ 200 MB"
    (folder / "hostile").mkdir()
    with receiver(folder / "hostile") as (_, port), ExitStack() as stack:
        for half_sent in (True, False):
            for _ in range(10):
                stack.enter_context(_silent(port, half_sent=half_sent))
        began = time.monotonic()
        association = associate(port, [("1.2.840.10008.1.1", ["1.2.840.10008.1.2"])])
        assert association.send_c_echo().Status == 0
        seconds = time.monotonic() - began
        association.release()
    yield "C-ECHO beside 10 half-sent requests and 10 silent peers", f"{seconds:.3f} s", "≤ 1 s"


@contextmanager
def _silent(port: int, *, half_sent: bool) -> Iterator[None]:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        if half_sent:
            peer.sendall(b"\x01\x00\x00\x00\x01\x00\x00\x01")
        yield


def _multi_frame(path: Path) -> Path:
    """One Enhanced CT object of about 500 MB."""
    one = ct_series(1, side=512)[0]
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = uid.EnhancedCTImageStorage
    one.NumberOfFrames = _FRAMES
    one.PixelData = np.tile(np.frombuffer(one.PixelData, np.uint8), _FRAMES).tobytes()
    one.save_as(path, enforce_file_format=True)
    return path


def _succeed(program: str, port: int, *files: Path) -> None:
    done = dcmtk(program, port, *files, seconds=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the receiver did not start")
