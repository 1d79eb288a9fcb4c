"""What `osteon config diff` says: every key that differs, no secret, and what restarts."""

import pytest
import yaml

from appliance.config.changes import Change, Effect, awaiting_restart, changes
from appliance.config.example import example_yaml
from appliance.config.load import parse_site
from appliance.config.schema import Site


def _site(**sections: object) -> Site:
    content = yaml.safe_load(example_yaml())
    for name, value in sections.items():
        merge = isinstance(value, dict) and name in content
        content[name] = {**content[name], **value} if merge else value  # type: ignore[dict-item]
    return parse_site(yaml.safe_dump(content).encode(), "site.yaml")


PRINTERS = [
    {"name": "night-desk", "uri": "ipp://10.0.0.9/ipp/print"},
    {"name": "ward", "uri": "ipp://10.0.0.8/ipp/print"},
]


def test_the_same_site_differs_in_nothing() -> None:
    assert changes(_site(), _site()) == ()


def test_a_change_names_key_values_and_what_restarts() -> None:
    assert changes(_site(), _site(dicom={"port": 104})) == (
        Change("dicom.port", "11112", "104", Effect.SOCKETS),
    )


@pytest.mark.parametrize(
    ("sections", "effect"),
    [
        ({"dicom": {"address": "10.0.0.1"}}, Effect.SOCKETS),
        ({"state_folder": "/srv/osteon"}, Effect.BOX),
        ({"health": {"metrics_port": 9465}}, Effect.DELIVER),
        ({"audit": {"syslog": {"host": "audit.example"}}}, Effect.DELIVER),
        ({"dicom": {"ae_title": "OTHER"}}, Effect.RELOAD),
        ({"completeness": {"quiet_seconds": 9.0}}, Effect.RELOAD),
    ],
)
def test_what_a_change_restarts(sections: dict[str, object], effect: Effect) -> None:
    found = changes(_site(), _site(**sections))
    assert {each.effect for each in found} == {effect}
    waiting = awaiting_restart(_site(), _site(**sections))
    assert bool(waiting) == (effect is not Effect.RELOAD)


def test_a_tls_listener_that_is_added_needs_its_socket() -> None:
    tls = {"port": 2762, "certificate_file": "/c", "key_file": "/k"}
    found = {each.key: each for each in changes(_site(), _site(dicom={"tls": tls}))}
    assert found["dicom.tls.port"] == Change("dicom.tls.port", None, "2762", Effect.SOCKETS)
    assert found["dicom.tls.certificate_file"].effect is Effect.RELOAD


def test_items_are_told_apart_by_their_names_and_an_order_is_a_change() -> None:
    added = changes(_site(printers=PRINTERS[:1]), _site(printers=PRINTERS))
    assert "printers[ward].uri" in {each.key for each in added}
    assert {each.key.partition("]")[0] for each in added} == {"printers[ward"}
    turned = changes(_site(printers=PRINTERS), _site(printers=PRINTERS[::-1]))
    assert [each.key for each in turned] == ["printers (order)"]


def test_a_single_host_is_shown_as_one_writes_it() -> None:
    modalities = [{"ae_title": "CT_1", "address": "10.0.0.4"}]
    found = changes(_site(), _site(dicom={"modalities": modalities}))
    shown = {each.key: (each.before, each.after) for each in found}
    assert shown["dicom.modalities[CT_1].address"] == ("192.168.10.21", "10.0.0.4")
    assert shown["dicom.modalities[DR_1].address"] == ("192.168.20.0/24", None)


def test_a_login_is_never_shown_but_its_change_is() -> None:
    (found,) = changes(_site(), _site(mail={"login": "other-user"}))
    assert found.key == "mail.login"
    assert "other-user" not in str(found)
    assert found.before == found.after


def test_the_file_of_a_secret_is_shown() -> None:
    (found,) = changes(_site(), _site(mail={"password_file": "/etc/osteon/other"}))
    assert found.after == "/etc/osteon/other"
