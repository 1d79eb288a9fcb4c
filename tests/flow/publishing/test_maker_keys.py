"""Three people and a release machine: who signs what, in which order, and how a key goes."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.errors import PackError
from appliance.inference.package import open_pack
from appliance.update.layout import ROLLOUT_TARGET, manifest_target
from models.training.sign import sign as sign_for_development
from tests.simulators import spot_pack
from tests.simulators.maker import OFFLINE, PASSPHRASE, RELEASE, Maker, changed_pack
from tests.simulators.tuf_client import Client
from updates.accepting import accept
from updates.bundle import Bundle
from updates.errors import PublishError
from updates.founding import first_metadata
from updates.keys import open_signer, passphrase_file, public_keys
from updates.online import Online, online_signers
from updates.repository import Draft

NAME = spot_pack.NAME
FIRST, NEXT = "0.1.0.1", "0.1.0.2"
TARGETS = (ROLLOUT_TARGET, manifest_target(NAME, FIRST))


# --- the ceremony and who signs ---------------------------------------------------------------


def test_after_the_ceremony_two_of_three_rule_and_the_release_machine_stamps(
    released: Maker,
) -> None:
    root, targets = released.trust.root, released.trust.targets
    for delegator, role in (
        (root, "root"),
        (root, "targets"),
        (targets, "models"),
        (targets, "os"),
    ):
        named = delegator.get_delegated_role(role)
        assert (named.threshold, len(named.keyids)) == (2, 3), role
    for delegator, role in ((root, "snapshot"), (root, "timestamp"), (targets, "rollout")):
        assert delegator.get_delegated_role(role).threshold == 1
    assert root.consistent_snapshot
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    assert all(role.terminating for role in targets.delegations.roles.values())


def test_no_key_lies_readable_on_a_disk(released: Maker) -> None:
    for file in released.folder.rglob("*.pem"):
        assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert file.stat().st_mode & 0o077 == 0


def test_a_key_is_never_overwritten_and_opens_with_its_passphrase_only(maker: Maker) -> None:
    key = maker.key("root", "alice")
    assert "no key is ever" in maker.refusal("new-key", "root", "alice", "--out", key.parent)
    with pytest.raises(PublishError, match="wrong passphrase"):
        open_signer(str(key), None, lambda _: b"another passphrase")
    maker.passphrase_file.chmod(0o644)
    with pytest.raises(PublishError, match="chmod 600"):
        passphrase_file(maker.passphrase_file)("")


def test_a_short_passphrase_is_refused(maker: Maker, tmp_path: Path) -> None:
    maker.passphrase_file.write_text("short\n")
    assert "12 characters" in maker.refusal("new-key", "root", "dave", "--out", tmp_path)


def test_a_token_that_cannot_be_used_is_said_so(
    maker: Maker, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    public = maker.key("models", "alice").with_suffix(".pub.json")
    words = ("sign", bundle, "--yes", "--key", "hsm:2?label=maker")
    assert "needs --public" in maker.refusal(*words)
    assert "the token cannot be used" in maker.refusal(*words, "--public", public)
    out = maker.folder / "public"
    assert "the token cannot be used" in maker.refusal("token-key", "models", "carol", "--out", out)


def test_three_people_are_three_keys(maker: Maker) -> None:
    keys = public_keys(maker.folder / "public")
    for folder in (maker.folder / "public").iterdir():
        keys |= public_keys(folder)
    keys["root"] = [keys["root"][0], keys["root"][0], keys["root"][1]]
    with pytest.raises(ValueError, match="root needs 3 different keys"):
        first_metadata(keys, datetime.now(UTC))


def test_one_signature_of_two_is_not_accepted(maker: Maker, bundle: Path) -> None:
    assert "0 of 2" in maker.refusal("accept", bundle)
    maker.sign(bundle, "alice", "models")
    assert "1 of 2 signatures" in maker.refusal("accept", bundle)


def test_the_same_person_twice_is_one_person(maker: Maker, bundle: Path) -> None:
    maker.sign(bundle, "alice", "models")
    with pytest.raises(PublishError, match="others must"):
        maker.sign(bundle, "alice", "models")
    assert Bundle.read(bundle).standing(f"manifests/{NAME}/{NEXT}").signed == ("alice",)


def test_the_list_is_signed_after_the_packs_that_it_names(maker: Maker, bundle: Path) -> None:
    """In whatever order people come, nobody signs a hash that is not final."""
    document = f"manifests/{NAME}/{NEXT}"
    maker.sign(bundle, "carol", "models")
    assert Bundle.read(bundle).standing("models").signed == ()
    maker.sign(bundle, "alice", "models")
    assert Bundle.read(bundle).standing("models").signed == ("alice",)
    maker.sign(bundle, "bob", "models")  # the pack has enough: bob signs the list alone
    found = Bundle.read(bundle)
    assert found.standing(document).signed == ("alice", "carol")
    assert found.is_complete
    maker.run("accept", bundle)


def test_a_key_of_another_role_has_no_part_in_it(maker: Maker, bundle: Path) -> None:
    with pytest.raises(PublishError, match="no part"):
        maker.sign(bundle, "alice", "root")
    with pytest.raises(PublishError, match="no part"):
        maker.sign(bundle, "mallory", "models")


def test_a_bundle_that_somebody_changed_on_its_way_is_refused(maker: Maker, bundle: Path) -> None:
    other = Bundle.read(bundle)
    name = next(iter(other.files))
    other.files[name] = other.files[name][::-1]
    other.write(bundle)
    assert "is not what is to be signed" in maker.refusal("show", bundle)


def test_a_signed_document_that_somebody_changed_counts_for_nothing(
    maker: Maker, bundle: Path
) -> None:
    for holder in ("alice", "bob", "alice"):
        maker.sign(bundle, holder, "models")
    forged = Bundle.read(bundle)
    forged.documents["models"].signed.expires += timedelta(days=3650)
    forged.write(bundle)
    assert "models has 0 of 2 signatures" in maker.refusal("accept", bundle)


def test_a_bundle_is_accepted_once(maker: Maker) -> None:
    assert "has changed since" in maker.refusal("accept", maker.folder / "pack.zip")


# --- keys that are stolen, lost or old --------------------------------------------------------


def revoke(maker: Maker, holder: str, *roles: str) -> Path:
    """Revoke somebody's keys, a new person's in their place; the others sign."""
    bundle = maker.folder / "revoke.zip"
    added = maker.public(*((role, "dave") for role in roles))
    maker.run("revoke", holder, "--add", added, "--out", bundle)
    return bundle


def test_a_revoked_key_is_trusted_nowhere_and_the_packs_stay_good(
    maker: Maker, tmp_path: Path, pack: Path
) -> None:
    stolen = maker.key("models", "alice")
    before = maker.trust
    bundle = revoke(maker, "alice", *OFFLINE)
    maker.sign(bundle, "bob", *OFFLINE)
    maker.sign(bundle, "carol", *OFFLINE)
    maker.run("accept", bundle)
    for delegator, role in ((maker.trust.root, "root"), (maker.trust.targets, "models")):
        holders = {delegator.get_key(each) for each in delegator.get_delegated_role(role).keyids}
        names = {key.unrecognized_fields["x-osteon-holder"] for key in holders}
        assert names == {"bob", "carol", "dave"}, role
    # A box that was there from the start follows, and the pack that it has is signed by enough.
    maker.run("publish", tmp_path / "www")
    found = Client(tmp_path / "box", maker.first_root).digests(tmp_path / "www", *TARGETS)
    assert manifest_target(NAME, FIRST) in found
    # What the thief signs with one other old key counted once, and does so no more.
    thief = [open_signer(str(stolen), None, lambda _: PASSPHRASE.encode())]
    thief.append(open_signer(str(maker.key("models", "dave")), None, lambda _: PASSPHRASE.encode()))
    sign_for_development(pack_copy := changed_pack(pack, tmp_path), *thief)
    with pytest.raises(PackError, match="1 of 2 signatures"):
        open_pack(pack_copy, maker.trust)
    with pytest.raises(PackError, match="1 of 2 signatures"):
        open_pack(pack_copy, before)


def test_a_revocation_that_would_stop_a_pack_says_so(maker: Maker, bundle: Path) -> None:
    """Two people signed it: without one of them, boxes would stop using it."""
    for holder in ("alice", "bob", "alice"):
        maker.sign(bundle, holder, "models")
    maker.run("accept", bundle)
    maker.run("rollout", "start", NAME, NEXT)
    added = maker.public(*((role, "dave") for role in OFFLINE))
    words = ("revoke", "alice", "--add", added, "--out", maker.folder / "revoke.zip")
    assert f"manifests/{NAME}/{NEXT}: too few signatures" in maker.refusal(*words)
    maker.run(*words, "--stop-packs")
    for holder in ("bob", "carol"):
        maker.sign(maker.folder / "revoke.zip", holder, *OFFLINE)
    maker.sign(maker.folder / "revoke.zip", "bob", "models")  # after carol's second one
    maker.run("accept", maker.folder / "revoke.zip")


def test_one_stolen_key_changes_nothing_alone(maker: Maker) -> None:
    thief = open_signer(str(maker.key("targets", "bob")), None, lambda _: PASSPHRASE.encode())
    forged = Bundle({"targets": Draft(maker.workspace.repository).need("targets")})
    forged.authority["root"] = Draft(maker.workspace.repository).need("root")
    forged.documents["targets"].signed.version += 1
    forged.documents["targets"].signatures.clear()
    forged.documents["targets"].sign(thief)
    bundle = maker.folder / "forged.zip"
    forged.write(bundle)
    assert "targets has 1 of 2 signatures" in maker.refusal("accept", bundle)


def test_too_few_keys_never_remain(maker: Maker) -> None:
    words = ("revoke", "alice", "bob", "--out", maker.folder / "revoke.zip")
    assert "fewer keys than it needs" in maker.refusal(*words)
    assert "no role has such a key" in maker.refusal("revoke", "eve", *words[-2:])


def test_a_new_timestamp_key_is_used_at_once(maker: Maker, tmp_path: Path) -> None:
    """The way out of a stolen online key that signed a number from the far future."""
    served, bundle = tmp_path / "www", maker.folder / "rotate.zip"
    maker.run("publish", served)
    client = Client(tmp_path / "box", maker.first_root)
    client.digests(served, *TARGETS)
    old = maker.workspace.online / f"timestamp.{RELEASE}.pem"
    added = maker.public(("timestamp", "second"))
    for half in (maker.folder / "sticks/second").iterdir():
        shutil.copy(half, maker.workspace.online)
    maker.run("rotate", "timestamp", "--remove", RELEASE, "--add", added, "--out", bundle)
    for holder in ("bob", "carol"):
        maker.sign(bundle, holder, "root")
    old.unlink()
    maker.run("accept", bundle)
    maker.run("publish", served)
    assert client.digests(served, *TARGETS)
    assert maker.trust.root.version == 2


def test_renewing_needs_the_same_people_again(maker: Maker) -> None:
    bundle = maker.folder / "renew.zip"
    before = maker.trust.targets.version
    maker.run("renew", "targets", "os", "--out", bundle)
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "targets", "os")
    maker.run("accept", bundle)
    assert maker.trust.targets.version == before + 1
    assert "signed online" in maker.refusal("renew", "timestamp", "--out", bundle)


def test_what_has_expired_is_not_published(maker: Maker) -> None:
    """The release machine slept for a month: a fleet that stops updating is seen here first."""
    long_ago = datetime.now(UTC) - timedelta(days=30)
    signers = online_signers(maker.workspace.online, passphrase_file(maker.passphrase_file))
    bundle = maker.folder / "renew.zip"
    maker.run("renew", "os", "--out", bundle)
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "os")
    with pytest.raises(PublishError, match="expired"):
        accept(
            maker.workspace.repository,
            Bundle.read(bundle),
            Online(signers, long_ago),
            maker.workspace.pieces,
        )
