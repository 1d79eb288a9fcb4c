"""The mail that osteon-trouble@.service sends when a unit has failed for good."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.simulators.box import OSTEON, ROOT, Surroundings, prepared
from tests.simulators.mail import PASSWORD, USER, MailServer, Mood, mail_server


def tell(
    folder: Path, server: MailServer, password: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """As the unit runs it: the password is a credential, whatever file the YAML names."""
    mail = {
        "host": "localhost",
        "port": server.port,
        "security": server.security.value,
        "sender": "osteon@hospital.example",
        "ca_file": str(server.ca_file),
        "login": USER,
        "password_file": str(folder / "readable-by-root-only"),
    }
    box = prepared(folder, Surroundings(server), mail=mail)
    (folder / "mail-password").write_text(password)
    (folder / "mail-password").chmod(0o400)
    return subprocess.run(
        [*OSTEON, "tell-failure", "osteon-analyse.service", "--config", str(box.config)],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )


def test_the_technician_gets_a_mail_that_names_the_unit_and_what_to_do(tmp_path: Path) -> None:
    with mail_server(tmp_path, login=True) as server:
        done = tell(tmp_path, server, f"{PASSWORD}\n")
        assert (done.returncode, done.stderr) == (0, "")
        mail = server.next()
    assert mail["To"] == "it@hospital.example"
    text = mail.get_content()
    assert "osteon-analyse.service" in text
    assert "unit-failed" in text
    assert "journalctl" in text


def test_a_unit_that_has_no_master_key_is_told_as_that(tmp_path: Path) -> None:
    with mail_server(tmp_path, login=True) as server:
        done = tell(tmp_path, server, PASSWORD, MONITOR_EXIT_STATUS="243")
        assert (done.returncode, done.stderr) == (0, "")
        text = server.next().get_content()
    assert "unit-without-key" in text
    assert "osteon.master-key" in text


@pytest.mark.parametrize("mood", [Mood.DEFERS, Mood.REFUSES])
def test_systemd_is_told_that_no_server_took_the_mail(tmp_path: Path, mood: Mood) -> None:
    with mail_server(tmp_path, login=True) as server:
        server.mood = mood
        assert tell(tmp_path, server, PASSWORD).returncode == 1


def test_an_empty_credential_stands_for_none(tmp_path: Path) -> None:
    with mail_server(tmp_path, login=True) as server:
        done = tell(tmp_path, server, "\n")
    assert done.returncode == 2
    assert "secret-unreadable" in done.stderr
