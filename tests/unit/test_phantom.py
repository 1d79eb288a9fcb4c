"""The box's own phantom: never taken for a patient, and no patient ever taken for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

import pytest
from pydicom.dataset import Dataset

from appliance.config.load import parse_site
from appliance.daemon.receive_role import settings
from appliance.domain import Admitted, InstanceHeader, PackScope, Reason
from appliance.imaging import Volume
from appliance.inference.steps.ct_bone_mask import find_thorax
from appliance.phantom import CALLING_AE_TITLE, here, is_phantom
from appliance.phantom.study import phantom_study
from appliance.pipeline import gate
from appliance.pipeline.receive import Peer
from appliance.pipeline.receive.peers import Rejection, Titles, judge
from tests.simulators.decoding import Spool, by_id
from tests.simulators.objects import film
from tests.unit.test_config import SMALLEST

FILM = PackScope("dr", "film", ("CR", "DX"), ("HAND", "LEG"), 18.0, None, None, 700)
CT = PackScope("ct", "volume", ("CT",), ("CHEST",), 18.0, (0.4, 2.5), 60.0, None)
OWN = (CALLING_AE_TITLE,)
Headers = Callable[[Iterable[Dataset]], list[InstanceHeader | Reason]]


@pytest.fixture(scope="module")
def spool() -> Iterator[Spool]:
    made = Spool()
    yield made
    made.decoder.close()


@pytest.fixture
def headers(spool: Spool) -> Headers:
    """Of images, as the decoding child reads them."""
    return lambda images: [spool.header(image) for image in images]


@pytest.mark.parametrize("scopes", [(), (FILM,), (CT,), (FILM, CT)])
def test_the_phantom_is_recognised(headers: Headers, scopes: tuple[PackScope, ...]) -> None:
    assert is_phantom(OWN, headers(phantom_study(scopes, 1e9)))


def test_a_patient_is_none_whoever_sends_it(headers: Headers) -> None:
    patients = [
        film(),
        film(Manufacturer="OSTEON PHANTOM"),
        film(PatientID="TEST-PHANTOM"),
        film(PatientID="TEST-PHANTOM", Manufacturer="OSTEON PHANTOM GMBH"),
        film(PatientName="TEST^PHANTOM"),
    ]
    assert not [one for one in headers(patients) if is_phantom(OWN, [one])]


@pytest.mark.parametrize("calling", [(), ("DR1",), ("DR1", CALLING_AE_TITLE)])
def test_what_a_modality_brought_is_a_patient_whatever_it_says(
    headers: Headers, calling: tuple[str, ...]
) -> None:
    assert not is_phantom(calling, headers(phantom_study((FILM,), 1e9)))


def test_one_image_that_is_not_marked_makes_a_patient(headers: Headers) -> None:
    own = headers(phantom_study((FILM,), 1e9))
    assert not is_phantom(OWN, [*own, *headers([film()])])
    assert not is_phantom(OWN, [*own, Reason("pixels-corrupt")])


def test_no_image_at_all_is_not_the_phantom() -> None:
    assert not is_phantom(OWN, [])


def test_each_study_is_a_new_one() -> None:
    one, other = (phantom_study((), 1e9)[0] for _ in range(2))
    assert one.StudyInstanceUID != other.StudyInstanceUID


def test_everything_on_it_says_that_it_is_no_patient() -> None:
    (image,) = phantom_study((), 1e9)
    assert str(image.PatientName) == "TEST^PHANTOM"
    assert "NO PATIENT" in image.StudyDescription


@pytest.mark.parametrize(
    ("listens_on", "calls", "is_seen_as", "stranger"),
    [
        ("0.0.0.0", "127.0.0.1", "127.0.0.1", "10.0.0.5"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", "10.0.0.6"),
        ("::", "::1", "::1", "fd00::5"),
        ("fd00::5", "fd00::5", "fd00::5", "fd00::6"),
    ],
)
def test_only_this_machine_may_use_the_title(
    listens_on: str, calls: str, is_seen_as: str, stranger: str
) -> None:
    place = here(listens_on)
    assert place.host == calls
    assert ip_address(is_seen_as) in place.network
    assert ip_address(stranger) not in place.network


def test_the_receiver_takes_the_title_from_this_machine_alone() -> None:
    known = settings(parse_site(SMALLEST, "site.yaml"))
    titles = Titles(known.ae_title, CALLING_AE_TITLE)
    taken = judge(titles, ip_address("127.0.0.1"), known)
    assert isinstance(taken, Peer)
    assert taken.ae_title == CALLING_AE_TITLE
    # That address is one of a modality, under the modality's own title.
    assert judge(titles, ip_address("10.0.0.9"), known) is Rejection.CALLER_UNKNOWN


@pytest.mark.parametrize("scope", [FILM, CT])
def test_the_gate_lets_it_be_read(spool: Spool, scope: PackScope) -> None:
    study = spool.study(phantom_study((scope,), 1e9))
    assert isinstance(gate.decide(study, (scope,)), Admitted)
    assert not study.left_out


def test_the_ct_is_a_chest_to_the_reader(spool: Spool) -> None:
    study = spool.study(phantom_study((CT,), 1e9))
    decision = gate.decide(study, (CT,))
    assert isinstance(decision, Admitted)
    volume = spool.decoder.volume(decision.jobs[0], by_id(study))
    assert isinstance(volume, Volume)
    assert len(find_thorax(volume).bone_lps_mm)
