"""`osteon-publish` with three people, real key files and real packs, up to what a box accepts."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from onnx import numpy_helper
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from appliance.errors import PackError
from appliance.inference.manifest import verify_manifest
from appliance.inference.package import open_pack
from appliance.update.layout import MODELS_ROLE, ROLLOUT_TARGET, manifest_target
from models.training.sign import sign as sign_for_development
from tests.simulators import spot_pack
from tests.simulators.maker import OFFLINE, PASSPHRASE, RELEASE, Maker
from updates import repository
from updates.accepting import accept
from updates.bundle import Bundle
from updates.cli.desk import Desk
from updates.errors import PublishError
from updates.founding import first_metadata
from updates.keys import open_signer, passphrase_file, public_keys
from updates.online import Online, online_signers
from updates.repository import Draft, served_as

NAME = spot_pack.NAME
FIRST, NEXT = "0.1.0.1", "0.1.0.2"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spot_pack.write(tmp_path_factory.mktemp("packs")) / NAME


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, pack: Path) -> Maker:
    """A maker after the ceremony, with one pack rolled out to everybody; not to be changed."""
    maker = Maker(tmp_path_factory.mktemp("maker"))
    maker.hold_ceremony()
    maker.release(pack)
    maker.run("rollout", "start", NAME, FIRST)
    return maker


@pytest.fixture(scope="module")
def proposed(released: Maker, pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a pack that comes after the released one; nobody has signed it."""
    folder = tmp_path_factory.mktemp("proposed")
    better = changed(pack, folder, version=NEXT, summary="Said better.")
    released.run("build", better, "--out", folder / "pack.zip")
    return folder / "pack.zip"


@pytest.fixture
def bundle(proposed: Path, tmp_path: Path) -> Path:
    """The same, to be signed."""
    return Path(shutil.copy(proposed, tmp_path / "proposed.zip"))


@pytest.fixture
def maker(released: Maker, tmp_path: Path) -> Maker:
    """The same, to be changed."""
    return Maker(Path(shutil.copytree(released.folder, tmp_path / "maker")))


def refusal(maker: Maker, *words: str | Path) -> str:
    before = maker.tree()
    with pytest.raises(PublishError) as caught:
        maker.run(*words)
    assert maker.tree() == before
    return str(caught.value)


def changed(pack: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a pack with another description."""
    copy = Path(shutil.copytree(pack, folder / NAME))
    said = yaml.safe_load((copy / "pack.yaml").read_text())
    (copy / "pack.yaml").write_text(yaml.safe_dump(said | changes))
    return copy


class Client:
    """A box that looks at what a web server serves: python-tuf, from the first root on."""

    def __init__(self, home: Path, root: bytes) -> None:
        self._home, self._root = home, root
        home.mkdir(exist_ok=True)

    def digests(self, served: Path) -> dict[str, str]:
        """Refresh; the pack and the rollout that are offered there, whole."""
        client = Updater(
            str(self._home),
            "metadata/",
            fetcher=_FolderFetcher(served),
            target_base_url="targets/",
            bootstrap=self._root,
        )
        client.refresh()
        found = {}
        for path in (ROLLOUT_TARGET, manifest_target(NAME, FIRST)):
            target = client.get_targetinfo(path)
            if target is not None:
                content = (served / served_as(target)).read_bytes()
                target.verify_length_and_hashes(content)
                found[path] = hashlib.sha256(content).hexdigest()
        return found


class _FolderFetcher(FetcherInterface):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter(((self._folder / url).read_bytes(),))
        except FileNotFoundError:
            raise DownloadHTTPError("not there", 404) from None


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
    assert "no key is ever" in refusal(maker, "new-key", "root", "alice", "--out", key.parent)
    with pytest.raises(PublishError, match="wrong passphrase"):
        open_signer(str(key), None, lambda _: b"another passphrase")
    maker.passphrase_file.chmod(0o644)
    with pytest.raises(PublishError, match="chmod 600"):
        passphrase_file(maker.passphrase_file)("")


def test_a_short_passphrase_is_refused(maker: Maker, tmp_path: Path) -> None:
    maker.passphrase_file.write_text("short\n")
    assert "12 characters" in refusal(maker, "new-key", "root", "dave", "--out", tmp_path)


def test_a_token_that_cannot_be_used_is_said_so(
    maker: Maker, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    public = maker.key("models", "alice").with_suffix(".pub.json")
    words = ("sign", bundle, "--yes", "--key", "hsm:2?label=maker")
    assert "needs --public" in refusal(maker, *words)
    assert "the token cannot be used" in refusal(maker, *words, "--public", public)
    out = maker.folder / "public"
    assert "the token cannot be used" in refusal(
        maker, "token-key", "models", "carol", "--out", out
    )


def test_three_people_are_three_keys(maker: Maker) -> None:
    keys = public_keys(maker.folder / "public")
    for folder in (maker.folder / "public").iterdir():
        keys |= public_keys(folder)
    keys["root"] = [keys["root"][0], keys["root"][0], keys["root"][1]]
    with pytest.raises(ValueError, match="root needs 3 different keys"):
        first_metadata(keys, datetime.now(UTC))


def test_one_signature_of_two_is_not_accepted(maker: Maker, bundle: Path) -> None:
    assert "0 of 2" in refusal(maker, "accept", bundle)
    maker.sign(bundle, "alice", "models")
    assert "1 of 2 signatures" in refusal(maker, "accept", bundle)


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
    assert "is not what is to be signed" in refusal(maker, "show", bundle)


def test_a_signed_document_that_somebody_changed_counts_for_nothing(
    maker: Maker, bundle: Path
) -> None:
    for holder in ("alice", "bob", "alice"):
        maker.sign(bundle, holder, "models")
    forged = Bundle.read(bundle)
    forged.documents["models"].signed.expires += timedelta(days=3650)
    forged.write(bundle)
    assert "models has 0 of 2 signatures" in refusal(maker, "accept", bundle)


def test_a_bundle_is_accepted_once(maker: Maker) -> None:
    assert "has changed since" in refusal(maker, "accept", maker.folder / "pack.zip")


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
    found = Client(tmp_path / "box", maker.first_root).digests(tmp_path / "www")
    assert manifest_target(NAME, FIRST) in found
    # What the thief signs with one other old key counted once, and does so no more.
    thief = [open_signer(str(stolen), None, lambda _: PASSPHRASE.encode())]
    thief.append(open_signer(str(maker.key("models", "dave")), None, lambda _: PASSPHRASE.encode()))
    sign_for_development(pack_copy := changed(pack, tmp_path), *thief)
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
    assert f"manifests/{NAME}/{NEXT}: too few signatures" in refusal(maker, *words)
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
    assert "targets has 1 of 2 signatures" in refusal(maker, "accept", bundle)


def test_too_few_keys_never_remain(maker: Maker) -> None:
    words = ("revoke", "alice", "bob", "--out", maker.folder / "revoke.zip")
    assert "fewer keys than it needs" in refusal(maker, *words)
    assert "no role has such a key" in refusal(maker, "revoke", "eve", *words[-2:])


def test_a_new_timestamp_key_is_used_at_once(maker: Maker, tmp_path: Path) -> None:
    """The way out of a stolen online key that signed a number from the far future."""
    served, bundle = tmp_path / "www", maker.folder / "rotate.zip"
    maker.run("publish", served)
    client = Client(tmp_path / "box", maker.first_root)
    client.digests(served)
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
    assert client.digests(served)
    assert maker.trust.root.version == 2


def test_renewing_needs_the_same_people_again(maker: Maker) -> None:
    bundle = maker.folder / "renew.zip"
    before = maker.trust.targets.version
    maker.run("renew", "targets", "os", "--out", bundle)
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "targets", "os")
    maker.run("accept", bundle)
    assert maker.trust.targets.version == before + 1
    assert "signed online" in refusal(maker, "renew", "timestamp", "--out", bundle)


def test_what_has_expired_is_not_published(maker: Maker) -> None:
    """The release machine slept for a month: a fleet that stops updating is seen here first."""
    long_ago = datetime.now(UTC) - timedelta(days=30)
    signers = online_signers(maker.workspace.online, passphrase_file(maker.passphrase_file))
    bundle = maker.folder / "renew.zip"
    maker.run("renew", "os", "--out", bundle)
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "os")
    with pytest.raises(PublishError, match="expired"):
        accept(maker.workspace.repository, Bundle.read(bundle), Online(signers, long_ago))


# --- what may be built ------------------------------------------------------------------------


def test_a_mere_build_must_behave_as_before(maker: Maker, pack: Path, tmp_path: Path) -> None:
    out = maker.folder / "new.zip"
    bolder = {"operating_point": {"report": 0.4, "alert": 0.5}}
    mere = changed(pack, tmp_path / "mere", version="0.1.0.2", **bolder)
    said = refusal(maker, "build", mere, "--out", out)
    assert said == "Z must rise, not B alone: changed are the thresholds"
    maker.run("build", changed(pack, tmp_path / "z", version="0.1.1.0", **bolder), "--out", out)


def test_other_outputs_are_seen_by_running_both_packs(
    maker: Maker, pack: Path, tmp_path: Path
) -> None:
    """The description says nothing of it, and the golden cases were made to fit."""
    duller = changed(pack, tmp_path, version="0.1.0.2")
    model = onnx.load(duller / "network.onnx")
    for constant in model.graph.initializer:
        if constant.name == "kernel":
            weakened = numpy_helper.to_array(constant) * 0.93
            constant.CopyFrom(numpy_helper.from_array(weakened.astype("float32"), "kernel"))
    onnx.save(model, duller / "network.onnx")
    said = refusal(maker, "build", duller, "--out", maker.folder / "new.zip")
    assert said == "Z must rise, not B alone: changed are the outputs on golden cases"


def test_a_pack_that_a_box_would_refuse_is_not_built(
    maker: Maker, pack: Path, tmp_path: Path
) -> None:
    out = maker.folder / "new.zip"
    broken = changed(pack, tmp_path / "a", surprise=1)
    assert "a box would refuse the pack" in refusal(maker, "build", broken, "--out", out)
    nameless = changed(pack, tmp_path / "b", name="dots")
    (nameless / "card.md").unlink()
    said = refusal(maker, "build", nameless, "--out", out)
    assert said.startswith(f"the pack calls itself dots, its folder {NAME}; card.md is missing")


@pytest.mark.slow
def test_lint_passes_the_golden_cases_on_both_runtimes(maker: Maker, pack: Path) -> None:
    said = maker.run("lint", pack)
    assert said.count("passed") == 2


def test_an_update_carries_only_what_changed(maker: Maker, bundle: Path) -> None:
    before = {path for path in maker.tree() if "/targets/models/files/" in path}
    for holder in ("alice", "bob", "alice"):
        maker.sign(bundle, holder, "models")
    maker.run("accept", bundle)
    after = {path for path in maker.tree() if "/targets/models/files/" in path}
    assert len(after - before) == 1  # pack.yaml


# --- publishing -------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing(maker: Maker, bundle: Path, pack: Path, tmp_path: Path) -> None:
    dots = changed(pack, tmp_path, name="dots").rename(tmp_path / "dots")
    other = maker.folder / "other.zip"
    before, unsigned = maker.tree(), bundle.read_bytes()
    said = [
        maker.run("build", dots, "--out", other, "--dry-run"),
        maker.run("sign", bundle, "--key", maker.key("models", "bob"), "--dry-run"),
        maker.run("rollout", "halt", NAME, "--dry-run"),
        maker.run("rollout", "recall", NAME, FIRST, "--dry-run"),
        maker.run("refresh", "--dry-run"),
        maker.run("publish", maker.folder / "www", "--dry-run"),
        maker.run("export-usb", maker.folder / "usb", "--dry-run"),
        maker.run("renew", "os", "--out", other, "--dry-run"),
        maker.run("revoke", "alice", "--out", other, "--dry-run"),
    ]
    assert all("nothing was changed" in each for each in said)
    assert maker.tree() == before
    assert bundle.read_bytes() == unsigned


def test_an_interrupted_publish_leaves_the_old_state_or_the_new_one(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off before each file in turn: a box always finds a whole repository."""
    served = tmp_path / "www"
    maker.run("publish", served)
    old = Client(tmp_path / "first", maker.first_root).digests(served)
    maker.run("rollout", "halt", NAME)
    maker.run("renew", "targets", "--out", bundle := maker.folder / "renew.zip")
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "targets")
    maker.run("accept", bundle)
    whole = repository.write_durably  # type: ignore[attr-defined]
    states = []
    for allowed in range(20):
        copy = Path(shutil.copytree(served, tmp_path / f"www{allowed}"))
        left = iter([True] * allowed)

        def write(path: Path, content: bytes, *, mode: int) -> None:
            if not next(left, False):  # noqa: B023 - used within this turn
                raise KeyboardInterrupt
            whole(path, content, mode=mode)

        monkeypatch.setattr(repository, "write_durably", write)
        interrupted = False
        try:
            maker.run("publish", copy)
        except BaseException:  # noqa: BLE001 - click turns the interrupt into an exit
            interrupted = True
        monkeypatch.setattr(repository, "write_durably", whole)
        states.append(Client(tmp_path / f"box{allowed}", maker.first_root).digests(copy))
        if not interrupted:
            break
    assert len(states) > 5
    new = states.pop()
    assert new != old
    assert all(state == old for state in states)


def test_a_copied_workspace_does_not_turn_the_server_back(maker: Maker, tmp_path: Path) -> None:
    copy = Maker(Path(shutil.copytree(maker.folder, tmp_path / "copy")))
    maker.run("refresh")
    maker.run("publish", tmp_path / "www")
    assert "another workspace" in refusal(copy, "publish", tmp_path / "www")


def test_a_stick_and_the_server_share_one_sequence_of_timestamps(
    maker: Maker, tmp_path: Path
) -> None:
    served, stick = tmp_path / "www", tmp_path / "stick"
    maker.run("publish", served)
    first = _timestamp(served)
    maker.run("export-usb", stick)
    assert _timestamp(stick).signed.version == first.signed.version + 1
    days = _timestamp(stick).signed.expires - datetime.now(UTC)
    assert timedelta(days=80) < days < timedelta(days=100)
    maker.run("publish", served)
    assert _timestamp(served).signed.version == first.signed.version + 2
    client = Client(tmp_path / "box", maker.first_root)
    assert client.digests(stick) == client.digests(served)


def test_the_rollout_names_only_packs_that_are_signed(maker: Maker) -> None:
    said = refusal(maker, "rollout", "start", NAME, "9.9.9.9")
    assert said == f"{NAME} 9.9.9.9 is not published; known: {FIRST}"
    assert "no rollout of" in refusal(maker, "rollout", "halt", "dots")
    maker.run("rollout", "recall", NAME, FIRST)
    assert "recalled; that is for good" in refusal(maker, "rollout", "start", NAME, FIRST)
    shown = json.loads(maker.run("rollout", "show", "--json"))
    assert shown["packs"] == {}
    assert len(shown["recalled"]) == 1


def test_every_act_is_in_the_history(maker: Maker, tmp_path: Path) -> None:
    maker.run("refresh")
    maker.run("publish", tmp_path / "www")
    maker.run("export-usb", tmp_path / "usb")
    verbs = maker.verbs()
    assert verbs[0] == "ceremony"
    assert verbs[-3:] == ["refresh", "publish", "export-usb"]
    assert verbs.count("sign") == 2 * len(OFFLINE) + 4
    lines = json.loads(maker.run("history", "--json"))
    assert all(line.keys() == {"at", "by", "verb", "what"} for line in lines)
    assert any("alice signed root" in line["what"] for line in lines)


def test_what_is_published_opens_as_a_pack(released: Maker) -> None:
    draft = Desk(released.workspace).draft
    listed = draft.targets_of(MODELS_ROLE)[manifest_target(NAME, FIRST)]
    manifest = verify_manifest(draft.target(listed), released.trust)
    assert manifest.digest == listed.custom["digest"]


def _timestamp(folder: Path) -> Metadata[Any]:
    return Metadata.from_file(str(folder / "metadata/timestamp.json"))
