"""Result objects reach a real PACS, and count as sent only on its status."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trustme
from pynetdicom import AE, evt

from appliance.errors import DeliveryError
from appliance.pipeline.deliver.pacs import Pacs, PacsPeer, Patience, receipt
from appliance.pipeline.results.make import make_results
from tests.simulators.pacs import MISSING, ORTHANC, free_port, orthanc
from tests.simulators.readings import CASE, ct_request, film_fracture, film_request, rib
from tests.simulators.scp import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(ORTHANC is None, reason=MISSING)

PICTURE = np.zeros((60, 80, 3), dtype=np.uint8)
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.34"


@pytest.fixture(scope="module")
def report() -> bytes:
    return make_results(film_request(((film_fracture(), True),)), [])[0].part10


@contextmanager
def answering(
    answer: Callable[[evt.Event], int],
    sop_class: str = SR_STORAGE,
    *,
    refuse_title: bool = False,
) -> Iterator[Pacs]:
    """A small SCP that answers each C-STORE as told."""
    scp = AE(ae_title="SCP")
    scp.require_called_aet = refuse_title
    scp.add_supported_context(sop_class)
    with serving(scp, [(evt.EVT_C_STORE, answer)]) as port:
        title = "ELSE" if refuse_title else "SCP"
        yield Pacs(PacsPeer(title, "127.0.0.1", port), "OSTEON", Patience(5.0, 5.0, 1.0))


def test_every_object_arrives_as_it_was_sent_and_sending_again_adds_nothing(
    tmp_path: Path,
) -> None:
    objects = make_results(ct_request(((rib(), True),)), [PICTURE])
    with orthanc(tmp_path) as pacs:
        sender = Pacs(PacsPeer(pacs.ae_title, "127.0.0.1", pacs.dicom_port), "OSTEON")
        for made in (*objects, *objects):
            assert sender.send(made.part10).startswith("stored")
        stored = pacs.instances()
    assert {item["SOPInstanceUID"] for item in stored} == {
        made.sop_instance_uid for made in objects
    }
    assert len(stored) == len(objects)
    assert all(CASE in item["SeriesDescription"] for item in stored)
    assert {item["PatientName"] for item in stored} == {"Wang^XiaoDong=王^小东"}


def test_over_tls_with_a_known_authority(tmp_path: Path, report: bytes) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key, ca = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    with orthanc(tmp_path, tls=(certificate, key)) as pacs:

        def peer(ca_file: Path) -> PacsPeer:
            return PacsPeer(pacs.ae_title, "127.0.0.1", pacs.dicom_port, tls=True, ca_file=ca_file)

        assert Pacs(peer(ca), "OSTEON").send(report) == "stored, 0x0000"
        with pytest.raises(DeliveryError, match="pacs-certificate: 20") as caught:
            Pacs(peer(stranger), "OSTEON").send(report)
    assert not caught.value.permanent


def test_a_missing_authority_file_is_permanent(tmp_path: Path, report: bytes) -> None:
    peer = PacsPeer("X", "127.0.0.1", 1, tls=True, ca_file=tmp_path / "none.pem")
    with pytest.raises(DeliveryError, match="ca-file-unusable") as caught:
        Pacs(peer, "OSTEON").send(report)
    assert caught.value.permanent


def test_nobody_listens(report: bytes) -> None:
    with pytest.raises(DeliveryError, match="pacs-unreachable") as caught:
        Pacs(PacsPeer("X", "127.0.0.1", free_port()), "OSTEON").send(report)
    assert not caught.value.permanent


def test_a_pacs_that_never_answers_is_given_up_in_time(report: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = PacsPeer("X", "127.0.0.1", silent.getsockname()[1])
        with pytest.raises(DeliveryError, match="pacs-aborted"):
            Pacs(peer, "OSTEON", Patience(2.0, 1.0, 1.0)).send(report)


def test_an_unknown_title_is_refused_aloud(report: bytes) -> None:
    with (
        answering(lambda _: 0, refuse_title=True) as pacs,
        pytest.raises(DeliveryError, match="pacs-refuses-association: 1/1/7") as caught,
    ):
        pacs.send(report)
    assert not caught.value.permanent


def test_a_refused_class_is_permanent(report: bytes) -> None:
    with (
        answering(lambda _: 0, CT_STORAGE) as pacs,
        pytest.raises(DeliveryError, match="pacs-refuses-class") as caught,
    ):
        pacs.send(report)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (0xA700, "pacs-out-of-resources", False),
        (0xA900, "pacs-refuses-object", True),
        (0xC000, "pacs-cannot-process", False),
        (0x0122, "pacs-refuses-class", True),
    ],
)
def test_a_failure_status_is_never_a_receipt(status: int, code: str, *, permanent: bool) -> None:
    with pytest.raises(DeliveryError, match=f"{code}: 0x{status:04X}") as caught:
        receipt(status)
    assert caught.value.permanent is permanent


def test_a_failure_status_from_the_pacs_is_not_sent(report: bytes) -> None:
    with (
        answering(lambda _: 0xA700) as pacs,
        pytest.raises(DeliveryError, match="pacs-out-of-resources: 0xA700"),
    ):
        pacs.send(report)


def test_an_abort_instead_of_a_status_is_not_sent(report: bytes) -> None:
    def abort(event: evt.Event) -> int:
        event.assoc.abort()
        return 0

    with answering(abort) as pacs, pytest.raises(DeliveryError, match="pacs-no-answer"):
        pacs.send(report)


def test_silence_instead_of_a_status_is_not_sent(report: bytes) -> None:
    done = threading.Event()

    def wait(_: evt.Event) -> int:
        done.wait(10)
        return 0

    with answering(wait) as pacs:
        try:
            with pytest.raises(DeliveryError, match="pacs-no-answer"):
                pacs.send(report)
        finally:
            done.set()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0x0000, "stored, 0x0000"),
        (0xB000, "stored with a warning, 0xB000"),
        (0xB007, "stored with a warning, 0xB007"),
        (0x0111, "stored before, 0x0111"),
    ],
)
def test_what_counts_as_stored(status: int, text: str) -> None:
    assert receipt(status) == text


def test_a_pacs_without_tls_where_the_site_wants_it(report: bytes) -> None:
    with answering(lambda _: 0) as plain:
        peer = PacsPeer("SCP", "127.0.0.1", plain._peer.port, tls=True)
        with pytest.raises(DeliveryError, match=r"pacs-(tls-failed|unreachable)"):
            Pacs(peer, "OSTEON", Patience(2.0, 2.0, 1.0)).send(report)
