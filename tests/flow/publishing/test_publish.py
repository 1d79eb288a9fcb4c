"""`osteon-publish` with real packs: what may be built, and what a server then serves."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper
from tuf.api.metadata import Metadata

from appliance.inference.manifest import verify_manifest
from appliance.update.layout import MODELS_ROLE, ROLLOUT_TARGET, manifest_target
from tests.simulators import spot_pack
from tests.simulators.maker import OFFLINE, Maker, changed_pack
from tests.simulators.tuf_client import Client
from updates import repository
from updates.cli.desk import Desk

NAME = spot_pack.NAME
FIRST, NEXT = "0.1.0.1", "0.1.0.2"
TARGETS = (ROLLOUT_TARGET, manifest_target(NAME, FIRST))


# --- what may be built ------------------------------------------------------------------------


def test_a_mere_build_must_behave_as_before(maker: Maker, pack: Path, tmp_path: Path) -> None:
    out = maker.folder / "new.zip"
    bolder = {"operating_point": {"report": 0.4, "alert": 0.5}}
    mere = changed_pack(pack, tmp_path / "mere", version="0.1.0.2", **bolder)
    said = maker.refusal("build", mere, "--out", out)
    assert said == "Z must rise, not B alone: changed are the thresholds"
    maker.run(
        "build", changed_pack(pack, tmp_path / "z", version="0.1.1.0", **bolder), "--out", out
    )


def test_other_outputs_are_seen_by_running_both_packs(
    maker: Maker, pack: Path, tmp_path: Path
) -> None:
    """The description says nothing of it, and the golden cases were made to fit."""
    duller = changed_pack(pack, tmp_path, version="0.1.0.2")
    model = onnx.load(duller / "network.onnx")
    for constant in model.graph.initializer:
        if constant.name == "kernel":
            weakened = numpy_helper.to_array(constant) * 0.93
            constant.CopyFrom(numpy_helper.from_array(weakened.astype("float32"), "kernel"))
    onnx.save(model, duller / "network.onnx")
    said = maker.refusal("build", duller, "--out", maker.folder / "new.zip")
    assert said == "Z must rise, not B alone: changed are the outputs on golden cases"


def test_a_pack_that_a_box_would_refuse_is_not_built(
    maker: Maker, pack: Path, tmp_path: Path
) -> None:
    out = maker.folder / "new.zip"
    broken = changed_pack(pack, tmp_path / "a", surprise=1)
    assert "a box would refuse the pack" in maker.refusal("build", broken, "--out", out)
    nameless = changed_pack(pack, tmp_path / "b", name="dots")
    (nameless / "card.md").unlink()
    said = maker.refusal("build", nameless, "--out", out)
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
    dots = changed_pack(pack, tmp_path, name="dots").rename(tmp_path / "dots")
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
    old = Client(tmp_path / "first", maker.first_root).digests(served, *TARGETS)
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
        states.append(Client(tmp_path / f"box{allowed}", maker.first_root).digests(copy, *TARGETS))
        if not interrupted:
            break
    assert len(states) > 5
    new = states.pop()
    assert new != old
    assert all(state == old for state in states)


def test_without_a_ceremony_there_is_nothing_to_publish(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    assert "has the ceremony been accepted" in maker.refusal("publish", tmp_path / "www")


def test_a_copied_workspace_does_not_turn_the_server_back(maker: Maker, tmp_path: Path) -> None:
    copy = Maker(Path(shutil.copytree(maker.folder, tmp_path / "copy")))
    maker.run("refresh")
    maker.run("publish", tmp_path / "www")
    assert "another workspace" in copy.refusal("publish", tmp_path / "www")


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
    assert client.digests(stick, *TARGETS) == client.digests(served, *TARGETS)


def test_the_rollout_names_only_packs_that_are_signed(maker: Maker) -> None:
    said = maker.refusal("rollout", "start", NAME, "9.9.9.9")
    assert said == f"{NAME} 9.9.9.9 is not published; known: {FIRST}"
    assert "no rollout of" in maker.refusal("rollout", "halt", "dots")
    maker.run("rollout", "recall", NAME, FIRST)
    assert "recalled; that is for good" in maker.refusal("rollout", "start", NAME, FIRST)
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
