"""The receiver's pure decisions: who may come, how many, what may follow what, which object."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset

from appliance.errors import ReceiveError
from appliance.pipeline.receive import Limits, Peer, ReceiverSettings
from appliance.pipeline.receive.admission import Waiting, may_sit, to_evict
from appliance.pipeline.receive.commands import Request, Status, decode, encode_response
from appliance.pipeline.receive.header import Identity, is_uid, read_identity
from appliance.pipeline.receive.peers import Rejection, Titles, judge, parse_address
from appliance.pipeline.receive.protocol import TABLE, PduType, ProtocolViolationError, State
from appliance.pipeline.receive.sop_classes import STORAGE, TRANSFER_SYNTAXES, supported_contexts
from tests.simulators.hostile import data_set
from tests.simulators.objects import ct_series

CT1 = Peer("CT1", ip_network("10.0.0.5/32"))
DR1 = Peer("DR1", ip_network("10.0.1.0/24"))
SETTINGS = ReceiverSettings(ae_title="OSTEON", peers=(CT1, DR1))
SYNTAXES = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian)


def test_the_table_says_what_to_do_with_every_pdu_in_every_state() -> None:
    assert TABLE.keys() == {(state, kind) for state in State for kind in PduType}


@pytest.mark.parametrize(
    ("called", "calling", "address", "decision"),
    [
        ("OSTEON", "CT1", "10.0.0.5", CT1),
        ("OSTEON", "DR1", "10.0.1.77", DR1),
        ("OSTEON", "CT1", "10.0.0.6", Rejection.CALLER_UNKNOWN),
        ("OSTEON", "DR1", "10.0.0.5", Rejection.CALLER_UNKNOWN),
        ("OSTEON", "ct1", "10.0.0.5", Rejection.CALLER_UNKNOWN),
        ("OSTEON", "", "10.0.0.5", Rejection.CALLER_UNKNOWN),
        ("OTHER", "CT1", "10.0.0.5", Rejection.CALLED_UNKNOWN),
        ("", "CT1", "10.0.0.5", Rejection.CALLED_UNKNOWN),
    ],
)
def test_a_caller_is_known_by_title_and_address(
    called: str, calling: str, address: str, decision: Peer | Rejection
) -> None:
    assert judge(Titles(called, calling), ip_address(address), SETTINGS) == decision


def test_an_ipv4_peer_of_a_dual_stack_socket_is_that_peer() -> None:
    assert parse_address("::ffff:10.0.0.5") == ip_address("10.0.0.5")
    assert parse_address("fe80::1%eth0") == ip_address("fe80::1")


def _pool(*peers: tuple[str, bool]) -> list[Waiting]:
    return [Waiting(key, ip_address(host), known) for key, (host, known) in enumerate(peers)]


def test_nobody_is_evicted_within_the_limits() -> None:
    pool = _pool(("10.0.0.1", False), ("10.0.0.2", True))
    assert to_evict(pool, Limits(waiting=2, waiting_per_address=1)) is None


def test_a_full_pool_drops_the_oldest_stranger_before_any_known_address() -> None:
    pool = _pool(("10.0.0.5", True), ("10.9.0.1", False), ("10.9.0.2", False))
    limits = Limits(waiting=2, waiting_per_address=9)
    assert to_evict(pool, limits) == pool[1]
    assert to_evict([each for each in pool if each.is_known] * 3, limits) == pool[0]


def test_an_address_with_too_many_loses_its_own_oldest() -> None:
    pool = _pool(("10.9.0.1", False), ("10.0.0.5", True), ("10.0.0.5", True), ("10.0.0.5", True))
    assert to_evict(pool, Limits(waiting=9, waiting_per_address=2)) == pool[1]


@pytest.mark.parametrize(
    ("seated", "expected"),
    [({}, True), ({CT1: 2}, True), ({CT1: 3}, False), ({CT1: 2, DR1: 1}, True), ({DR1: 4}, False)],
)
def test_each_known_peer_keeps_a_place(seated: dict[Peer, int], *, expected: bool) -> None:
    limits = Limits(associations=4, associations_per_peer=4)
    assert may_sit(CT1, Counter(seated), SETTINGS.peers, limits) is expected


def test_a_peer_has_a_limit_of_its_own() -> None:
    limits = Limits(associations=99, associations_per_peer=2)
    assert not may_sit(CT1, Counter({CT1: 2}), SETTINGS.peers, limits)


def test_there_are_always_as_many_places_as_peers() -> None:
    assert may_sit(CT1, Counter({DR1: 1}), SETTINGS.peers, Limits(associations=1))


def test_every_storage_class_takes_every_transfer_syntax_once() -> None:
    contexts = {each.abstract_syntax: each.transfer_syntax for each in supported_contexts()}
    assert len(set(STORAGE)) == len(STORAGE)
    assert len(set(TRANSFER_SYNTAXES)) == len(TRANSFER_SYNTAXES)
    assert all(contexts[uid.UID(name)] == [*TRANSFER_SYNTAXES] for name in STORAGE)
    assert all(uid.UID(name).is_transfer_syntax for name in TRANSFER_SYNTAXES)


def test_a_response_is_read_back_by_pynetdicom_rules() -> None:
    request = Request(0x0001, 7, has_data_set=True, sop_class_uid="1.2", sop_instance_uid="1.2.3")
    response = encode_response(request, Status.DATA_SET_MISMATCH)
    assert len(response) % 2 == 0
    assert int.from_bytes(response[8:12], "little") == len(response) - 12
    assert b"1.2.3\0" in response
    assert (0xA900).to_bytes(2, "little") in response


@given(st.binary(max_size=80))
def test_a_command_set_is_understood_or_violates_the_protocol(raw: bytes) -> None:
    with suppress(ProtocolViolationError):
        decode(raw)


@given(st.text(max_size=70))
def test_what_passes_as_a_uid_is_digits_and_dots(text: str) -> None:
    if is_uid(text):
        assert set(text) <= set("0123456789.")
        assert len(text) <= 64
        assert ".." not in text


def _with_sequences(draw_depth: list[int], *, undefined: bool) -> Dataset:
    [one] = ct_series(1, side=2)
    for depth in draw_depth:
        inner = Dataset()
        inner.SOPInstanceUID = "6.6.6"
        inner.StudyInstanceUID = "6.6.7"
        inner.SeriesInstanceUID = "6.6.8"
        for _ in range(depth):
            outer = Dataset()
            outer.ReferencedSeriesSequence = [inner]
            outer["ReferencedSeriesSequence"].is_undefined_length = undefined
            outer.is_undefined_length_sequence_item = undefined
            inner = outer
        one.ReferencedSeriesSequence = [*one.get("ReferencedSeriesSequence", []), inner]
        one["ReferencedSeriesSequence"].is_undefined_length = undefined
    return one


@given(
    depths=st.lists(st.integers(0, 6), max_size=3),
    undefined=st.booleans(),
    syntax=st.sampled_from(SYNTAXES),
    cut=st.integers(0, 2000),
)
def test_the_identity_is_the_outermost_one_and_never_guessed_from_a_part(
    *, depths: list[int], undefined: bool, syntax: str, cut: int
) -> None:
    one = _with_sequences(depths, undefined=undefined)
    del one.PixelData
    little = syntax != uid.ExplicitVRBigEndian
    whole = data_set(one, implicit=syntax == uid.ImplicitVRLittleEndian, little=little)
    identity = Identity(
        one.SOPClassUID, one.SOPInstanceUID, one.StudyInstanceUID, one.SeriesInstanceUID
    )
    assert read_identity(whole, syntax, complete=True) == identity
    assert read_identity(whole[:cut], syntax, complete=False) in (None, identity)


@given(raw=st.binary(max_size=400), syntax=st.sampled_from(TRANSFER_SYNTAXES))
def test_any_bytes_are_an_object_or_are_not_understood(raw: bytes, syntax: str) -> None:
    for complete in (False, True):
        with suppress(ReceiveError):
            found = read_identity(raw, syntax, complete=complete)
            assert not complete
            assert found is None


def test_a_sequence_of_unknown_vr_is_read_as_implicit() -> None:
    [one] = ct_series(1, side=2)
    whole = data_set(one)
    inner = b"\x08\0\x18\0\x06\0\0\0" + b"6.6.6\0"
    unknown = (
        b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
        + inner
        + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    )
    at = whole.index(b"\x10\0\x10\0PN")
    found = read_identity(whole[:at] + unknown + whole[at:], SYNTAXES[0], complete=True)
    assert found is not None
    assert found.sop_instance_uid == one.SOPInstanceUID
