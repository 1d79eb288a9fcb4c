"""Power cuts at the instant of acknowledgement (faults 63): nothing acknowledged is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.ledger.intake import IntakeLedger
from appliance.sealing import MasterKey
from appliance.storage import BlobStore
from appliance.update import slots
from appliance.update.slots import PackRef, Source
from appliance.update.slots_file import read_slots, write_slots
from tests.simulators.modality import associate
from tests.simulators.objects import ct_series
from tests.simulators.power import disk, mounted
from tests.simulators.receiving import running_receiver

CUTS = 20


@pytest.mark.timeout(300)
def test_what_was_acknowledged_is_there_and_indexed_after_each_of_20_power_cuts(
    tmp_path: Path,
) -> None:
    slices = ct_series(CUTS, side=128)
    cuts: list[tuple[Path, set[str]]] = []
    with disk(tmp_path) as power, running_receiver(make(power.root / "state")) as box:
        shutil.copy(box.folder / "master.key", tmp_path / "master.key")
        sent: set[str] = set()
        kind = (slices[0].SOPClassUID, (slices[0].file_meta.TransferSyntaxUID,))
        association = associate(box.port, [kind])
        for number, one in enumerate(slices):
            assert association.send_c_store(one).Status == 0
            sent.add(one.SOPInstanceUID)
            cuts.append((power.cut(tmp_path / f"cut{number}"), set(sent)))
        association.release()
    master = MasterKey.load(tmp_path / "master.key")
    for medium, acknowledged in cuts:
        with mounted(medium, tmp_path / "after") as root:
            assert acknowledged_and_readable(root / "state", master, acknowledged)
        medium.unlink()


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def acknowledged_and_readable(state: Path, master: MasterKey, acknowledged: set[str]) -> bool:
    """Whether every acknowledged instance is in the ledger and its whole blob can be opened."""
    ledger = IntakeLedger(state / "intake.db", read_only=True)
    store = BlobStore(state / "spool")
    try:
        filed = [
            instance
            for study in ledger.studies_changed_since(0)
            for instance in ledger.instances(study)
        ]
        for instance in filed:
            wrapped = ledger.wrapped_keyset(instance.study)
            assert wrapped is not None
            seal = master.open_keyset(instance.study, wrapped)
            with seal.reader(store.open(instance.blob)) as stream:
                assert len(stream.read()) > 128 * 128 * 2
    finally:
        ledger.close()
    return {master.instance_key(uid) for uid in acknowledged} <= {each.instance for each in filed}


def test_a_power_cut_leaves_the_old_slots_or_the_new_ones_and_never_neither(
    tmp_path: Path,
) -> None:
    pack = PackRef("0.1.0.1", "a" * 64, 1, Source.FACTORY)
    other = PackRef("0.2.0.1", "b" * 64, 1, Source.STORE)
    life = [slots.installed(pack, 0.0)]
    life.append(slots.proved(life[-1], 1.0))
    life.append(slots.offered(life[-1], other, 2.0))
    life.append(slots.begun(slots.admitted(life[-1], 3.0), 4.0))
    life.append(slots.counted(life[-1]))
    life.append(slots.proved(life[-1], 5.0))
    life.append(slots.retreated(life[-1], "inference-crashed", "", 6.0))
    cuts = []
    with disk(tmp_path) as power:
        path = power.root / "slots.json"
        for number, slot in enumerate(life):
            write_slots(path, {"ct": slot})
            cuts.append((power.cut(tmp_path / f"cut{number}"), slot))
            # Amid the next change: all that it does, but for its end, is on the way.
            path.with_name(".slots.json.0").write_bytes(b'{"format": 1, "packs"')
    for medium, slot in cuts:
        with mounted(medium, tmp_path / "after") as root:
            assert read_slots(root / "slots.json") == {"ct": slot}
        medium.unlink()
