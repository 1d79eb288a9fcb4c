"""A site YAML that changes under a running box: SIGHUP, good and bad, with an association open."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from pydicom import uid
from pydicom.dataset import Dataset

from appliance.daemon.supervise import ROLES
from tests.simulators import spot_pack
from tests.simulators.box import Box, Surroundings, prepared, running_box, wait_until
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.modality import associate

pytestmark = pytest.mark.timeout(180)

FILM = (uid.DigitalXRayImageStorageForPresentation, (uid.ExplicitVRLittleEndian,))


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture(scope="module")
def any_box(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("box")
    packs = spot_pack.write(folder / "packs")
    with running_box(folder, Surroundings(mail), packs={"folder": str(packs)}) as running:
        yield running


@pytest.fixture
def running(any_box: Box, mail: MailServer) -> Iterator[Box]:
    """A box at work, whose site YAML is put back in the end."""
    good = any_box.config.read_text(encoding="utf-8")
    mail.messages.clear()
    yield any_box
    any_box.config.write_text(good, encoding="utf-8")
    hang_up(any_box, "config-reloaded")


def change(running: Box, edit: Callable[[dict[str, dict[str, object]]], None]) -> None:
    content = yaml.safe_load(running.config.read_text(encoding="utf-8"))
    edit(content)
    running.config.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def hang_up(running: Box, event: str) -> None:
    """SIGHUP, and wait until each role has said so."""
    before = running.log.count(f'"{event}"')
    assert running.process is not None
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: running.log.count(f'"{event}"') >= before + len(ROLES), 40)


def is_accepted(running: Box, calling: str) -> bool:
    association = associate(running.port, [FILM], calling=calling)
    accepted = association.is_established
    if accepted:
        association.release()
    return bool(accepted)


def add_modality(content: dict[str, dict[str, object]]) -> None:
    modalities = content["dicom"]["modalities"]
    assert isinstance(modalities, list)
    modalities.append({"ae_title": "DR2", "address": "127.0.0.1"})


def rename(content: dict[str, dict[str, object]]) -> None:
    content["site"]["name"] = "Renamed Hospital"


def alerts(mail: MailServer) -> list[str]:
    return [each.get_content() for each in mail.messages if "URGENT" in str(each["Subject"])]


def technical(mail: MailServer, code: str) -> list[str]:
    return [
        mail_text.get_content()
        for mail_text in mail.messages
        if code in str(mail_text["Subject"]) and "it@" in str(mail_text["To"])
    ]


def film() -> Dataset:
    return spot_pack.film()


def test_an_open_association_goes_on_while_the_yaml_changes_for_better_and_for_worse(
    running: Box, mail: MailServer
) -> None:
    assert not is_accepted(running, "DR2")
    pids = [running.role_pid(role) for role in ROLES]
    association = associate(running.port, [FILM], calling="DR1")
    assert association.send_c_store(film()).Status == 0
    change(running, add_modality)
    change(running, rename)
    assert "dicom.modalities[DR2].ae_title" in running.command("config", "diff").stdout
    hang_up(running, "config-reloaded")
    assert association.send_c_store(film()).Status == 0
    assert is_accepted(running, "DR2")
    assert association.send_c_store(spot_pack.film((120, 90))).Status == 0
    wait_until(lambda: any("Renamed Hospital" in each for each in alerts(mail)), 40)
    assert "uses exactly this" in running.command("config", "diff").stdout

    good = running.config.read_text(encoding="utf-8")
    running.config.write_text(good.replace("ae_title: OSTEON", "ae_title: 0104"))
    hang_up(running, "config-refused")
    assert association.send_c_store(film()).Status == 0
    association.release()
    assert is_accepted(running, "DR2")
    line = next(
        number
        for number, text in enumerate(running.config.read_text().splitlines(), start=1)
        if "0104" in text
    )
    wait_until(lambda: technical(mail, "config-refused") != [], 40)
    (told,) = technical(mail, "config-refused")
    assert f"line {line}, dicom.ae_title" in told
    assert "osteon config check" in told
    assert "0104" not in told

    running.config.write_text(good)
    hang_up(running, "config-reloaded")
    assert pids == [running.role_pid(role) for role in ROLES]
    assert len(running.ended(4)) == 4


def test_a_port_is_said_to_need_a_restart(running: Box, mail: MailServer) -> None:
    before = running.port

    def other_port(content: dict[str, dict[str, object]]) -> None:
        content["dicom"]["port"] = before + 1
        add_modality(content)

    change(running, other_port)
    hang_up(running, "config-reloaded")
    assert is_accepted(running, "DR2")
    shown = running.command("config", "diff").stdout
    assert "dicom.port" in shown
    assert "DR2" not in shown
    wait_until(lambda: technical(mail, "config-needs-restart") != [], 40)
    (told,) = technical(mail, "config-needs-restart")
    assert "dicom.port" in told


def test_a_box_with_a_broken_yaml_starts_with_the_last_good_one_and_says_so(
    running: Box, mail: MailServer
) -> None:
    running.stop()
    with running.config.open("a", encoding="utf-8") as file:
        file.write("colour: red\n")
    running.start()
    assert is_accepted(running, "DR1")
    assert "last good one" in running.log
    assert "did you mean" in running.log or "take it out" in running.log
    wait_until(lambda: technical(mail, "config-refused") != [], 40)
    assert "colour" in technical(mail, "config-refused")[0]


def test_a_box_that_never_worked_does_not_start_with_a_broken_yaml(
    tmp_path: Path, mail: MailServer
) -> None:
    never = prepared(tmp_path, Surroundings(mail))
    with never.config.open("a", encoding="utf-8") as file:
        file.write("colour: red\n")
    done = never.command("run")
    assert done.returncode == 2
    assert "colour" in done.stderr
