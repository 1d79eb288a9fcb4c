"""Peers that break the protocol, stall or flood: each alone bears it, the others are served.

The numbers are those of the list of faults that the box must survive.
"""

from __future__ import annotations

import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from tests.simulators import hostile
from tests.simulators.hostile import ABORT, AC, P_DATA, RJ, RQ, Wire, pdu, value, wire
from tests.simulators.modality import dcmtk, send
from tests.simulators.objects import ct_series
from tests.simulators.receiving import RunningReceiver, running_receiver, with_limits

UNRECOGNIZED, UNEXPECTED, UNEXPECTED_PARAMETER, INVALID = 1, 2, 5, 6
BRISK = with_limits(request_s=0.4, idle_s=0.4, pdu_s=0.4, closing_s=0.1)
ECHO = {0x0002: hostile.VERIFICATION, 0x0100: 0x30, 0x0110: 1, 0x0800: hostile.NO_DATA_SET}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[RunningReceiver]:
    with running_receiver(tmp_path) as running:
        yield running
        _is_unharmed(running)


@pytest.fixture
def brisk(tmp_path: Path) -> Iterator[RunningReceiver]:
    with running_receiver(tmp_path, BRISK) as running:
        yield running
        _is_unharmed(running)


def _is_unharmed(running: RunningReceiver) -> None:
    """A modality is still served, and whatever lies in the spool is in the ledger."""
    assert send(running.port, ct_series(1)) == [0x0000]
    assert sorted(file.name for file in running.blobs()) == sorted(
        each.blob for each in running.instances()
    )


def _aborted(peer: Wire, reason: int, source: int = 2) -> None:
    assert peer.receive() == (ABORT, bytes([0, 0, source, reason]))
    assert peer.receive() is None


def _rejected(peer: Wire, result: int, source: int, reason: int) -> None:
    assert peer.receive() == (RJ, bytes([0, result, source, reason]))


def _endings(running: RunningReceiver, study_uid: str) -> list[str | None]:
    with running.ledger() as ledger:
        study = running.master.study_key(study_uid)
        return [each.ending for each in ledger.associations(study)]


@pytest.mark.parametrize("start", [b"", hostile.request()[:40]], ids=["silent", "half-sent"])
def test_1_3_a_request_that_does_not_come_whole_is_not_waited_for(
    brisk: RunningReceiver, start: bytes
) -> None:
    with wire(brisk.port) as peer:
        peer.send(start)
        assert peer.receive() is None


def test_2_dripping_does_not_prolong_the_deadline(brisk: RunningReceiver) -> None:
    with wire(brisk.port) as peer:
        dripped = 0
        for byte in hostile.request():
            try:
                peer.send(bytes([byte]))
            except ConnectionError:
                break
            dripped += 1
            time.sleep(0.02)
        assert dripped < len(hostile.request())


def test_4_a_silent_tls_peer_blocks_nobody(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    options = ["--anonymous-tls", "--add-cert-file", tmp_path / "ca.pem"]
    with running_receiver(tmp_path, tls=tls) as running, wire(running.tls_port) as silent:
        assert dcmtk("echoscu", running.tls_port, options=options).returncode == 0
        silent.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.socket.recv(1)


def test_1_3_24_ten_half_sent_and_ten_silent_peers_keep_no_modality_out(
    receiver: RunningReceiver,
) -> None:
    with ExitStack() as peers:
        for number in range(20):
            peer = peers.enter_context(wire(receiver.port))
            if number % 2:
                peer.send(hostile.request()[:40])
        assert dcmtk("echoscu", receiver.port).returncode == 0


def test_3_a_flood_of_silent_peers_pushes_out_its_own_oldest(tmp_path: Path) -> None:
    with running_receiver(tmp_path, with_limits(request_s=60)) as running, ExitStack() as peers:
        flood = [peers.enter_context(wire(running.port)) for _ in range(60)]
        assert dcmtk("echoscu", running.port).returncode == 0
        assert flood[0].receive() is None
        flood[-1].socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            flood[-1].socket.recv(1)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", UNRECOGNIZED, id="5-http"),
        pytest.param(bytes.fromhex("160301020001"), UNRECOGNIZED, id="6-tls-on-plain"),
        pytest.param(pdu(RQ, b"", length=0xFFFFFFFF), INVALID, id="7-length-4g"),
        pytest.param(pdu(RQ, b"", length=0), INVALID, id="8-length-0"),
        pytest.param(pdu(0x4F, b"what"), UNRECOGNIZED, id="10-unknown-type"),
        pytest.param(pdu(RQ, bytes(40)), INVALID, id="request-too-short"),
        pytest.param(hostile.request(hostile.context(1), hostile.context(1)), INVALID, id="twice"),
        pytest.param(hostile.request(hostile.context(2)), INVALID, id="even-context"),
        pytest.param(hostile.request(b"\x20\0\xff\xff"), INVALID, id="item-longer-than-pdu"),
        pytest.param(hostile.request(b"\x77\0\0\0"), INVALID, id="unknown-item"),
    ],
)
def test_5_to_10_what_is_no_association_request_is_aborted(
    receiver: RunningReceiver, start: bytes, reason: int
) -> None:
    with wire(receiver.port) as peer:
        peer.send(start)
        _aborted(peer, reason)


def test_12_data_before_the_request(receiver: RunningReceiver) -> None:
    with wire(receiver.port) as peer:
        peer.send(pdu(P_DATA, value(1, b"", command=True)))
        _aborted(peer, 0, source=0)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        pytest.param(pdu(P_DATA, b"", length=0xFFFFFFFF), INVALID, id="7-length-4g"),
        pytest.param(pdu(P_DATA, b"", length=131_073), INVALID, id="7-over-the-negotiated-maximum"),
        pytest.param(pdu(P_DATA, b""), INVALID, id="8-length-0"),
        pytest.param(
            pdu(P_DATA, struct.pack(">IBB", 999, 1, 3) + hostile.command_set(ECHO)),
            INVALID,
            id="9-too-long-value",
        ),
        pytest.param(pdu(P_DATA, struct.pack(">IBB", 1, 1, 3)), INVALID, id="9-too-short-value"),
        pytest.param(pdu(P_DATA, b"\0\0\0\4\1"), INVALID, id="9-cut-value-header"),
        pytest.param(pdu(0x08, bytes(4)), UNRECOGNIZED, id="10-unknown-type"),
        pytest.param(hostile.request(), UNEXPECTED, id="11-second-request"),
        pytest.param(pdu(P_DATA, value(3, b"", command=True)), INVALID, id="13-context"),
        pytest.param(
            pdu(P_DATA, value(1, b"", command=False)), UNEXPECTED_PARAMETER, id="data-first"
        ),
        pytest.param(
            pdu(P_DATA, value(1, hostile.command_set({0x0100: 1, 0x0110: 1}), command=True)),
            INVALID,
            id="15-no-data-set-type",
        ),
        pytest.param(
            pdu(P_DATA, value(1, b"\xde\xad\xbe\xef" * 9, command=True)), INVALID, id="16-garbage"
        ),
        pytest.param(
            pdu(P_DATA, value(1, bytes(9000), command=True, last=False)), INVALID, id="16-endless"
        ),
        pytest.param(
            pdu(
                P_DATA,
                value(1, hostile.command_set({0x0100: 0x8001, 0x0110: 1, 0x0800: 1}), command=True),
            ),
            INVALID,
            id="response-to-nothing",
        ),
        pytest.param(pdu(hostile.RELEASE_RP, bytes(4)), UNEXPECTED, id="26-release-collision"),
    ],
)
def test_7_to_26_violations_within_an_association_are_aborted(
    receiver: RunningReceiver, start: bytes, reason: int
) -> None:
    with wire(receiver.port) as peer:
        peer.associate()
        peer.send(start)
        _aborted(peer, reason)


@pytest.mark.parametrize(
    "intruder",
    [
        pytest.param(value(3, b"", command=False), id="other-context"),
        pytest.param(value(1, hostile.command_set(ECHO), command=True), id="other-command"),
    ],
)
def test_nothing_may_come_between_a_command_and_its_data_set(
    receiver: RunningReceiver, intruder: bytes
) -> None:
    with wire(receiver.port) as peer:
        peer.associate(hostile.context(1), hostile.context(3))
        peer.send(pdu(P_DATA, value(1, hostile.store_command(), command=True) + intruder))
        _aborted(peer, UNEXPECTED_PARAMETER)


def test_14_an_unknown_command_gets_a_status_and_the_association_goes_on(
    receiver: RunningReceiver,
) -> None:
    with wire(receiver.port) as peer:
        peer.associate(hostile.context(1, hostile.VERIFICATION))
        for field in (0x7777, 0x0020, 0x0021):
            command = hostile.command_set({**ECHO, 0x0100: field, 0x0800: hostile.DATA_SET})
            peer.send(pdu(P_DATA, value(1, command, command=True)))
            peer.send(pdu(P_DATA, value(1, b"query", command=False)))
            assert peer.status() == 0x0211
        peer.send(pdu(P_DATA, value(1, hostile.command_set(ECHO), command=True)))
        assert peer.status() == 0x0000


def test_a_cancel_is_not_answered(receiver: RunningReceiver) -> None:
    cancel = hostile.command_set({0x0100: 0x0FFF, 0x0120: 1, 0x0800: hostile.NO_DATA_SET})
    with wire(receiver.port) as peer:
        peer.associate(hostile.context(1, hostile.VERIFICATION))
        peer.send(pdu(P_DATA, value(1, cancel, command=True)))
        peer.send(pdu(P_DATA, value(1, hostile.command_set(ECHO), command=True)))
        assert peer.status() == 0x0000
        peer.send(pdu(hostile.RELEASE_RQ, bytes(4)))
        assert peer.receive() == (hostile.RELEASE_RP, bytes(4))


@pytest.mark.parametrize(
    ("start", "rejection"),
    [
        pytest.param(hostile.request(called=b"ELSEWHERE"), (1, 1, 7), id="17-called"),
        pytest.param(hostile.request(calling=b"STRANGER"), (1, 1, 3), id="18-caller"),
        pytest.param(hostile.request(calling=b""), (1, 1, 3), id="19-blank-caller"),
        pytest.param(hostile.request(called=b""), (1, 1, 7), id="19-blank-called"),
        pytest.param(hostile.request(calling=b"\xffCT1\0\n"), (1, 1, 3), id="19-no-text"),
        pytest.param(hostile.request(version=2), (1, 2, 2), id="protocol-version"),
        pytest.param(hostile.request(application=b"1.2.3"), (1, 1, 2), id="application-context"),
    ],
)
def test_17_to_19_strangers_are_rejected_with_the_reason(
    receiver: RunningReceiver, start: bytes, rejection: tuple[int, int, int]
) -> None:
    with wire(receiver.port) as peer:
        peer.send(start)
        _rejected(peer, *rejection)


def test_20_no_accepted_context_is_said_for_each(receiver: RunningReceiver) -> None:
    with wire(receiver.port) as peer:
        peer.send(hostile.request(hostile.context(1, "1.2.3"), hostile.context(3, "1.2.4")))
        answer = peer.receive()
    assert answer is not None
    assert answer[0] == AC
    assert [answer[1][at + 6] for at in _contexts(answer[1])] == [3, 3]


def test_21_128_contexts_are_all_answered(receiver: RunningReceiver) -> None:
    with wire(receiver.port) as peer:
        peer.send(hostile.request(*(hostile.context(2 * n + 1) for n in range(128))))
        answer = peer.receive()
        assert answer is not None
        assert [answer[1][at + 6] for at in _contexts(answer[1])] == [0] * 128


def _contexts(body: bytes) -> list[int]:
    """Where the presentation context items of an A-ASSOCIATE-AC begin."""
    places, at = [], 68
    while at < len(body):
        if body[at] == 0x21:
            places.append(at)
        at += 4 + int.from_bytes(body[at + 2 : at + 4])
    return places


def test_22_an_unlimited_asynchronous_window_is_not_granted(receiver: RunningReceiver) -> None:
    with wire(receiver.port) as peer:
        peer.send(hostile.request(user=hostile.item(0x53, bytes(4))))
        answer = peer.receive()
    assert answer is not None
    assert answer[0] == AC
    assert b"\x53\x00\x00\x04" not in answer[1]


def _begin_object(peer: Wire) -> str:
    """Send the first half of an object, enough for a blob to be open."""
    [one] = ct_series(1, side=256)
    body = hostile.data_set(one)
    command = hostile.store_command(one.SOPClassUID, one.SOPInstanceUID)
    peer.send(pdu(P_DATA, value(1, command, command=True)))
    peer.send(pdu(P_DATA, value(1, body[: len(body) // 2], command=False, last=False)))
    return str(one.StudyInstanceUID)


def _until_open(running: RunningReceiver, count: int) -> None:
    while len(list((running.folder / "spool" / "incoming").iterdir())) != count:
        time.sleep(0.01)


def test_23_a_reset_in_mid_object_leaves_nothing(receiver: RunningReceiver) -> None:
    peer = Wire(receiver.port)
    peer.associate()
    study = _begin_object(peer)
    _until_open(receiver, 1)
    peer.reset()
    _until_open(receiver, 0)
    assert receiver.instances() == []
    assert _endings(receiver, study) == []


def test_23_a_reset_after_an_object_is_a_loss(receiver: RunningReceiver) -> None:
    [one] = ct_series(1)
    peer = Wire(receiver.port)
    peer.associate()
    command = hostile.store_command(one.SOPClassUID, one.SOPInstanceUID)
    assert peer.store(hostile.data_set(one), command) == 0x0000
    peer.reset()
    while _endings(receiver, one.StudyInstanceUID) == [None]:
        time.sleep(0.01)
    assert _endings(receiver, one.StudyInstanceUID) == ["lost"]


def test_26_a_release_in_mid_object_is_no_release(receiver: RunningReceiver) -> None:
    with wire(receiver.port) as peer:
        peer.associate()
        _begin_object(peer)
        peer.send(pdu(hostile.RELEASE_RQ, bytes(4)))
        _aborted(peer, UNEXPECTED)
    assert receiver.blobs() == []


def test_24_the_limit_is_a_transient_rejection_and_spares_the_others(tmp_path: Path) -> None:
    settings = with_limits(associations=4, associations_per_peer=8)
    with running_receiver(tmp_path, settings) as running, ExitStack() as greedy:
        for _ in range(3):
            greedy.enter_context(wire(running.port)).associate()
        with wire(running.port) as one_more:
            one_more.send(hostile.request())
            _rejected(one_more, 2, 3, 2)
        with wire(running.port) as other:
            other.send(hostile.request(calling=b"DR1"))
            answer = other.receive()
            assert answer is not None
            assert answer[0] == AC


def test_24_a_released_place_is_free_before_the_peer_has_closed(tmp_path: Path) -> None:
    settings = with_limits(associations_per_peer=1, closing_s=5)
    with running_receiver(tmp_path, settings) as running, wire(running.port) as first:
        first.associate()
        first.send(pdu(hostile.RELEASE_RQ, bytes(4)))
        assert first.receive() == (hostile.RELEASE_RP, bytes(4))
        with wire(running.port) as second:
            second.associate()


@pytest.mark.parametrize("start", [b"", pdu(P_DATA, b"", length=100)], ids=["idle", "within-a-pdu"])
def test_25_a_peer_that_falls_silent_is_aborted(brisk: RunningReceiver, start: bytes) -> None:
    with wire(brisk.port) as peer:
        peer.associate()
        study = _begin_object(peer)
        peer.send(start)
        _aborted(peer, 0)
    assert brisk.blobs() == []
    assert _endings(brisk, study) == []


def test_25_an_object_that_drips_in_whole_pdus_is_aborted(tmp_path: Path) -> None:
    settings = with_limits(object_grace_s=0.2, slowest_bytes_per_s=1_000_000_000)
    with running_receiver(tmp_path, settings) as running, wire(running.port) as peer:
        peer.associate()
        _begin_object(peer)
        drip = pdu(P_DATA, value(1, b"x", command=False, last=False))
        stop = threading.Event()
        dripping = threading.Thread(target=_drip, args=(peer, drip, stop))
        dripping.start()
        answer = peer.receive()
        stop.set()
        dripping.join()
    assert answer == (ABORT, bytes([0, 0, 2, 0]))


def _drip(peer: Wire, drop: bytes, stop: threading.Event) -> None:
    while not stop.wait(0.02):
        try:
            peer.send(drop)
        except ConnectionError:
            return


def test_27_an_expired_client_certificate_is_not_let_in(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    expired = authority.issue_cert("ct1", not_after=datetime(2001, 1, 1, tzinfo=UTC))
    expired.private_key_pem.write_to_path(tmp_path / "key.pem")
    expired.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    options = ["--enable-tls", tmp_path / "key.pem", tmp_path / "cert.pem"]
    options += ["--add-cert-file", tmp_path / "ca.pem"]
    with running_receiver(tmp_path, tls=tls) as running:
        assert dcmtk("echoscu", running.tls_port, options=options).returncode != 0
        assert dcmtk("echoscu", running.port).returncode == 0
