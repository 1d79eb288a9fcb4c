"""What the machine does to the receiver: jumping clocks, no descriptors, little memory, kills."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

from appliance.clock import SystemClock
from tests.simulators import hostile
from tests.simulators.hostile import P_DATA, Wire, pdu, value, wire
from tests.simulators.modality import dcmtk, send
from tests.simulators.objects import ct_series
from tests.simulators.receiving import running_receiver

_RECEIVER = """
import resource, sys
from pathlib import Path
from tests.simulators.receiving import running_receiver, with_limits

if limit := int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
with running_receiver(Path(sys.argv[1]), with_limits(request_s=60)) as running:
    print(running.port, flush=True)
    sys.stdin.read()
"""
_CHECKOUT = Path(__file__).parents[2]


@contextmanager
def _receiver_process(
    folder: Path, descriptors: int = 0
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", _RECEIVER, str(folder), str(descriptors)]
    with subprocess.Popen(
        command, cwd=_CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.terminate()


def test_60_without_descriptors_a_modality_is_still_served(tmp_path: Path) -> None:
    with _receiver_process(tmp_path, descriptors=28) as (_, port), ExitStack() as peers:
        flood = [peers.enter_context(wire(port)) for _ in range(50)]
        assert dcmtk("echoscu", port).returncode == 0
        assert flood[0].receive() is None


class _JumpingClock(SystemClock):
    """Its wall time is another one at each look."""

    def __init__(self) -> None:
        self._jumps = cycle([0.0, 3600.0, -3600.0, 3.2e8, -3.2e8])

    def now(self) -> float:
        return super().now() + next(self._jumps)


def test_62_jumps_of_the_wall_clock_end_no_association(tmp_path: Path) -> None:
    series = ct_series(6)
    with running_receiver(tmp_path, clock=_JumpingClock()) as running:
        assert send(running.port, series) == [0x0000] * 6
        with running.ledger() as ledger:
            [record] = ledger.associations(running.master.study_key(series[0].StudyInstanceUID))
    assert record.ending == "released"


def test_a_large_object_passes_through_without_being_held(tmp_path: Path) -> None:
    [one] = ct_series(1)
    del one.PixelData
    size = 64 << 20
    head = b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little")
    piece = bytes(1 << 16)
    with running_receiver(tmp_path) as running, wire(running.port) as peer:
        assert send(running.port, ct_series(1)) == [0x0000]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peer.associate()
        command = hostile.store_command(one.SOPClassUID, one.SOPInstanceUID)
        peer.send(pdu(P_DATA, value(1, command, command=True)))
        start = hostile.data_set(one) + head
        peer.send(pdu(P_DATA, value(1, start, command=False, last=False)))
        count = size // len(piece)
        for number in range(1, count + 1):
            peer.send(pdu(P_DATA, value(1, piece, command=False, last=number == count)))
        assert peer.status() == 0x0000
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert running.instances()[1].size == len(start) + size
    assert grown_kib < 16 << 10


def test_63_a_killed_receiver_has_kept_all_that_it_acknowledged(tmp_path: Path) -> None:
    first, cut = ct_series(2, side=256)
    with _receiver_process(tmp_path) as (process, port):
        peer = Wire(port)
        peer.associate()
        body = hostile.data_set(first)
        command = hostile.store_command(first.SOPClassUID, first.SOPInstanceUID)
        assert peer.store(body, command) == 0x0000
        command = hostile.store_command(cut.SOPClassUID, cut.SOPInstanceUID)
        peer.send(pdu(P_DATA, value(1, command, command=True)))
        half = hostile.data_set(cut)[:100_000]
        peer.send(pdu(P_DATA, value(1, half, command=False, last=False)))
        process.send_signal(signal.SIGKILL)
        assert peer.receive() is None
        peer.socket.close()
        process.wait()
    with running_receiver(tmp_path) as running:
        [kept] = running.instances()
        assert running.file_of(kept).endswith(body)
        assert [file.name for file in running.blobs()] == [kept.blob]
        with running.ledger() as ledger:
            assert [each.ending for each in ledger.associations(kept.study)] == ["lost"]
        assert send(running.port, [cut]) == [0x0000]
