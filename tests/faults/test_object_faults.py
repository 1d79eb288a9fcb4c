"""Objects that are wrong: the peer gets the standard's status, and nothing is left behind.

The numbers are those of the list of faults that the box must survive. Pixels and geometry are the
analyser's business; the receiver must only carry them.
"""

from __future__ import annotations

import errno
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from appliance import storage
from tests.simulators import hostile
from tests.simulators.hostile import CT, wire
from tests.simulators.modality import send
from tests.simulators.objects import ct_series
from tests.simulators.receiving import SETTINGS, RunningReceiver, running_receiver

SUCCESS, OUT_OF_RESOURCES, MISMATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
DEFLATED = str(uid.DeflatedExplicitVRLittleEndian)
IMPLICIT = str(uid.ImplicitVRLittleEndian)
BIG = str(uid.ExplicitVRBigEndian)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[RunningReceiver]:
    with running_receiver(tmp_path) as running:
        yield running


def _store(
    running: RunningReceiver, body: bytes, command: bytes, syntax: str = hostile.EXPLICIT
) -> int:
    """Send one object, then a good one in the same association, which must be taken."""
    [good] = ct_series(1)
    with wire(running.port) as peer:
        peer.associate(hostile.context(1, CT, syntax), hostile.context(3))
        status = peer.store(body, command)
        follow_up = hostile.store_command(good.SOPClassUID, good.SOPInstanceUID)
        assert peer.store(hostile.data_set(good), follow_up, number=3) == SUCCESS
    return status


def _is_left_out(running: RunningReceiver) -> None:
    """Only the good object of `_store` has arrived."""
    [only] = running.instances()
    assert [file.name for file in running.blobs()] == [only.blob]


def _element(tag: int, vr: str, content: bytes) -> bytes:
    """An explicit little-endian element of short length."""
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    return head + vr.encode() + len(content).to_bytes(2, "little") + content


def _identity(instance: bytes = b"1.2.3\0", study: bytes = b"1.2.4\0") -> bytes:
    """The shortest data set that can be filed."""
    return (
        _element(0x00080016, "UI", CT.encode() + b"\0")
        + _element(0x00080018, "UI", instance)
        + _element(0x0020000D, "UI", study)
        + _element(0x0020000E, "UI", b"1.2.5\0")
    )


def test_the_shortest_object_is_filed(receiver: RunningReceiver) -> None:
    assert _store(receiver, _identity(), hostile.store_command()) == SUCCESS
    assert len(receiver.instances()) == 2


@pytest.mark.parametrize(
    "bad",
    [b"../../x\0", b"1.2\x003\0", b"", b"1..2", b".1.2", b"1.2.3.", b"1" * 66, b"1.2.\xff\xff"],
    ids=["28-path", "29-nul", "29-empty", "double-dot", "dot-first", "dot-last", "long", "binary"],
)
@pytest.mark.parametrize("where", ["instance", "study", "command"])
def test_28_29_what_is_no_uid_is_not_understood(
    receiver: RunningReceiver, bad: bytes, where: str
) -> None:
    body = _identity(**{} if where == "command" else {where: bad})
    command = hostile.store_command(instance=b"1.2.3\0" if where == "study" else bad)
    assert _store(receiver, body, command) == NOT_UNDERSTOOD
    _is_left_out(receiver)


@pytest.mark.parametrize(
    "command",
    [hostile.store_command(instance="1.2.99"), hostile.store_command(instance="1.2.3.0")],
)
def test_30_a_command_for_another_object_is_a_mismatch(
    receiver: RunningReceiver, command: bytes
) -> None:
    assert _store(receiver, _identity(), command) == MISMATCH
    _is_left_out(receiver)


def test_30_an_object_of_another_class_is_a_mismatch(receiver: RunningReceiver) -> None:
    body = _identity().replace(CT.encode() + b"\0", str(uid.MRImageStorage).encode() + b"\0")
    assert _store(receiver, body, hostile.store_command()) == MISMATCH
    _is_left_out(receiver)


def test_a_class_that_is_not_the_contexts_is_not_supported(receiver: RunningReceiver) -> None:
    command = hostile.store_command(sop_class=str(uid.MRImageStorage))
    assert _store(receiver, _identity(), command) == 0x0122
    _is_left_out(receiver)


def test_a_store_without_a_data_set_is_not_understood(receiver: RunningReceiver) -> None:
    elements = {0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0800: hostile.NO_DATA_SET, 0x1000: "1.2.3"}
    with wire(receiver.port) as peer:
        peer.associate()
        body = hostile.value(1, hostile.command_set(elements), command=True)
        peer.send(hostile.pdu(hostile.P_DATA, body))
        assert peer.status() == NOT_UNDERSTOOD


def _nested(depth: int) -> bytes:
    """A sequence of undefined length in an item of undefined length in a sequence ..."""
    opening = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return opening * depth + closing * depth


@pytest.mark.parametrize(("depth", "status"), [(8, SUCCESS), (300, NOT_UNDERSTOOD)])
def test_33_sequences_are_followed_to_a_depth_and_no_further(
    receiver: RunningReceiver, depth: int, status: int
) -> None:
    head, tail = _identity()[:48], _identity()[48:]
    body = head + _nested(depth) + tail
    assert body.replace(_nested(depth), b"") == _identity()
    assert _store(receiver, body, hostile.store_command()) == status


def _bomb(tag: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """Deflated: a value of 64 MiB between two parts."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    large = 64 << 20
    parts = [deflate.compress(before + tag + b"OB\0\0" + large.to_bytes(4, "little"))]
    parts += [deflate.compress(bytes(1 << 20)) for _ in range(64)]
    return b"".join([*parts, deflate.compress(after), deflate.flush()])


def test_34_a_deflate_bomb_before_the_identity_is_not_understood(receiver: RunningReceiver) -> None:
    body = _bomb(b"\x09\0\x01\x10", after=_identity())
    tracemalloc.start()
    try:
        assert _store(receiver, body, hostile.store_command(), DEFLATED) == NOT_UNDERSTOOD
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
    _is_left_out(receiver)


def test_34_a_deflate_bomb_behind_the_identity_is_carried_as_it_is(
    receiver: RunningReceiver,
) -> None:
    body = _bomb(b"\xe0\x7f\x10\0", before=_identity())
    assert _store(receiver, body, hostile.store_command(), DEFLATED) == SUCCESS
    assert receiver.file_of(receiver.instances()[0]).endswith(body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nothing", b""),
        ("text", b"this is not a data set, but it is long enough to look like one"),
        ("cut within the last uid", _identity()[:-1]),
        ("cut before the last uid", _identity()[:-14]),
        ("file meta", _element(0x00020010, "UI", IMPLICIT.encode() + b"\0") + _identity()),
        ("command element", _element(0x00000100, "US", b"\1\0") + _identity()),
        ("value beyond the end", b"\x08\0\x08\0CS\xff\xff"),
        ("sequence of no items", b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + _identity()),
        ("identity beyond a MiB", b"\x08\0\1\0OB\0\0\0\0\x20\0" + bytes(2 << 20) + _identity()),
    ],
)
def test_what_is_no_data_set_is_not_understood(
    receiver: RunningReceiver, name: str, body: bytes
) -> None:
    assert _store(receiver, body, hostile.store_command()) == NOT_UNDERSTOOD, name
    _is_left_out(receiver)


def test_garbage_under_deflate_is_not_understood(receiver: RunningReceiver) -> None:
    assert _store(receiver, b"\xff" * 400, hostile.store_command(), DEFLATED) == NOT_UNDERSTOOD
    _is_left_out(receiver)


def _declared(one: Dataset) -> None:
    one.Rows = one.Columns = 65535
    one.NumberOfFrames = 1000


def _float_and_integer(one: Dataset) -> None:
    one.FloatPixelData = bytes(8)


def _long_rows(one: Dataset) -> None:
    one["Rows"].VR = "UL"


def _no_spacing(one: Dataset) -> None:
    del one.PixelSpacing


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_declared, id="35-declared-huge"),
        pytest.param(_float_and_integer, id="38-float-and-integer"),
        pytest.param(_long_rows, id="39-rows-as-ul"),
        pytest.param(_no_spacing, id="41-no-spacing"),
    ],
)
def test_35_to_41_what_only_the_analyser_can_judge_is_carried(
    receiver: RunningReceiver, spoil: Callable[[Dataset], None]
) -> None:
    [one] = ct_series(1)
    spoil(one)
    assert send(receiver.port, [one]) == [SUCCESS]


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG])
def test_nested_sequences_before_the_identity_in_every_coding(
    receiver: RunningReceiver, syntax: str
) -> None:
    [one] = ct_series(1)
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "9.9"
    inner.is_undefined_length_sequence_item = True
    one.ReferencedImageSequence = [inner, inner]
    one["ReferencedImageSequence"].is_undefined_length = True
    del one.PixelData
    body = hostile.data_set(one, implicit=syntax == IMPLICIT, little=syntax != BIG)
    command = hostile.store_command(one.SOPClassUID, one.SOPInstanceUID)
    assert _store(receiver, body, command, syntax) == SUCCESS
    assert receiver.instances()[0].study == receiver.master.study_key(one.StudyInstanceUID)


def test_56_the_reserve_is_kept_and_the_peer_told(tmp_path: Path) -> None:
    hoarding = replace(SETTINGS, reserved_bytes=1 << 60)
    with running_receiver(tmp_path, hoarding) as running:
        assert send(running.port, ct_series(2)) == [OUT_OF_RESOURCES] * 2
        assert running.receiver.failure is None
        assert running.blobs() == []


def test_56_a_disk_that_fills_up_within_an_object_leaves_nothing(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = storage.BlobStore.create

    def small(store: storage.BlobStore) -> storage.PendingBlob:
        blob = create(store)
        blob.file.close()
        blob.file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the blob closes it
        return blob

    with monkeypatch.context() as patched:
        patched.setattr(storage.BlobStore, "create", small)
        assert send(receiver.port, ct_series(1, side=1024)) == [OUT_OF_RESOURCES]
    assert receiver.blobs() == []
    assert receiver.receiver.failure is None
    assert send(receiver.port, ct_series(1)) == [SUCCESS]


def test_57_after_a_failed_sync_nothing_is_acknowledged_any_more(
    receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(storage.os, "fsync", failing)
        assert send(receiver.port, ct_series(1)) == [OUT_OF_RESOURCES]
    assert send(receiver.port, ct_series(1)) == [OUT_OF_RESOURCES]
    assert receiver.receiver.failure is not None
    assert receiver.receiver.failure.code == "storage-failed"
    assert receiver.instances() == []
    assert receiver.blobs() == []


def test_58_a_ledger_that_cannot_be_written_leaves_no_blob(receiver: RunningReceiver) -> None:
    receiver.writer._execute("PRAGMA query_only=ON")
    assert send(receiver.port, ct_series(1)) == [OUT_OF_RESOURCES]
    assert receiver.blobs() == []
    assert receiver.receiver.failure is not None
