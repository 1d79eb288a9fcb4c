"""A key of somebody who may sign site YAMLs: real ones of OpenSSH, and what is none."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from appliance.errors import ConfigError
from appliance.provision.enrolling import (
    check_letters,
    check_name,
    enrol,
    enrolled,
    parse_key,
    withdraw,
)
from appliance.provision.signature import signer_of
from tests.simulators.sticks import new_key, sign


def made(place: Path, *words: str) -> bytes:
    command = ["ssh-keygen", "-q", *words, "-N", "", "-C", "li@desk", "-f", place]
    subprocess.run(command, check=True)
    return place.with_suffix(".pub").read_bytes()


@pytest.mark.parametrize(
    "words", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-b", "3072")]
)
def test_a_fingerprint_is_the_one_that_openssh_shows(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    key = parse_key(made(tmp_path / "key", *words))
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert f"SHA256:{key.fingerprint} " in shown.stdout


def test_who_is_enrolled_may_sign_beside_those_before(tmp_path: Path) -> None:
    signers, site = tmp_path / "etc" / "site-signers", tmp_path / "site.yaml"
    site.write_text("a: 1")
    sign_key = new_key(tmp_path / "desk")
    other = new_key(tmp_path / "other")
    key = parse_key(sign_key.encode())
    assert enrol("it-desk", key, signers)
    assert enrol("other", parse_key(other.encode()), signers)
    assert signers.stat().st_mode & 0o777 == 0o644
    assert not enrol("again", key, signers)
    assert list(enrolled(signers)) == [("it-desk", key), ("other", parse_key(other.encode()))]
    sign(site, tmp_path / "desk")
    signature = site.with_name("site.yaml.sig").read_bytes()
    assert signer_of(site.read_bytes(), signature, [signers]) == "it-desk"
    # For site YAMLs alone.
    sign(site, tmp_path / "desk", namespace="file")
    signature = site.with_name("site.yaml.sig").read_bytes()
    with pytest.raises(ConfigError, match="site-signature-wrong"):
        signer_of(site.read_bytes(), signature, [signers])


def test_who_is_taken_away_may_not_sign_and_the_others_may(tmp_path: Path) -> None:
    signers, site = tmp_path / "site-signers", tmp_path / "site.yaml"
    site.write_text("a: 1")
    for name in ("it-desk", "other"):
        assert enrol(name, parse_key(new_key(tmp_path / name).encode()), signers)
    second = parse_key(new_key(tmp_path / "second").encode())
    assert enrol("it-desk", second, signers)
    by_hand = "# checked in May\nit-desk cert-authority ssh-ed25519 AAAA\n"
    signers.write_text(by_hand + signers.read_text())
    assert [key.blob for key in withdraw("it-desk", signers)][1:] == [second.blob]
    assert [name for name, _ in enrolled(signers)] == ["other"]
    assert signers.read_text().startswith(by_hand)
    sign(site, tmp_path / "other")
    signature = site.with_name("site.yaml.sig")
    assert signer_of(site.read_bytes(), signature.read_bytes(), [signers]) == "other"
    for key in ("it-desk", "second"):
        sign(site, tmp_path / key)
        with pytest.raises(ConfigError, match="site-signature-wrong"):
            signer_of(site.read_bytes(), signature.read_bytes(), [signers])
    assert withdraw("it-desk", signers) == ()


def test_of_the_last_signer_no_file_is_left(tmp_path: Path) -> None:
    signers = tmp_path / "site-signers"
    assert enrol("it-desk", parse_key(new_key(tmp_path / "desk").encode()), signers)
    assert len(withdraw("it-desk", signers)) == 1
    assert not signers.exists()
    assert withdraw("it-desk", signers) == ()


def test_a_file_without_its_last_line_end_loses_nobody(tmp_path: Path) -> None:
    signers = tmp_path / "site-signers"
    before = new_key(tmp_path / "before").strip()
    signers.write_text(f'hospital namespaces="osteon-site" {before}')
    enrol("desk", parse_key(new_key(tmp_path / "desk").encode()), signers)
    assert [name for name, _ in enrolled(signers)] == ["hospital", "desk"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _key: b"",
        lambda key: key + key,
        lambda key: b'command="sh" ' + key,
        lambda key: key.replace(b"ssh-ed25519", b"ssh-rsa", 1),
        lambda key: key.replace(b"ssh-ed25519", b"ssh-dss", 1),
        lambda key: key[:40] + b"\n",
        lambda _key: b"ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x02ab"),
        lambda _key: b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        lambda _key: b"ssh-ed25519 \xff\xfe",
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, spoil: object) -> None:
    key = made(tmp_path / "key", "-t", "ed25519")
    assert callable(spoil)
    with pytest.raises(ConfigError, match="signer-key-invalid"):
        parse_key(spoil(key))


def test_a_key_is_meant_only_by_the_letters_of_its_own_fingerprint(tmp_path: Path) -> None:
    key = parse_key(made(tmp_path / "key", "-t", "ed25519"))
    right = key.fingerprint
    for given in (right, right[:8], f"SHA256:{right[:9]}", f"{right[:4]} {right[4:8]}"):
        check_letters(given, key)
    for given in ("", right[:7], right[:8].swapcase() + "!", right[1:9]):
        with pytest.raises(ConfigError, match="signer-fingerprint-differs"):
            check_letters(given, key)


@pytest.mark.parametrize("name", ["", "it desk", '"x"', "a,b", "-a", "x" * 41, "清河", "*", "!a"])
def test_a_name_is_one_word_that_means_nothing_to_openssh(name: str) -> None:
    with pytest.raises(ConfigError, match="signer-name-unfit"):
        check_name(name)
