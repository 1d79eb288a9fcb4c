"""Every model pack in the tree opens as the box would open it, and keeps to the format's limits."""

import subprocess
from pathlib import Path

from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack

MODELS = Path(__file__).parents[2] / "models"
LARGEST_PACK = 10_000_000
LARGEST_GOLDEN_CASE = 700_000


def _tracked_packs() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", "*/pack.yaml"],
        cwd=MODELS,
        check=True,
        capture_output=True,
        text=True,
    )
    return [MODELS / Path(name).parent for name in listed.stdout.splitlines()]


def test_every_pack_opens_under_its_own_name() -> None:
    for folder in _tracked_packs():
        pack = open_pack(folder, Trust.shipped())
        assert pack.identity.name == folder.name
        assert (folder / "card.md").is_file()


def test_every_pack_is_small() -> None:
    for folder in _tracked_packs():
        sizes = {file: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
        assert sum(sizes.values()) <= LARGEST_PACK, folder.name
        for file, size in sizes.items():
            assert file.parent.name != "golden" or size <= LARGEST_GOLDEN_CASE, file.name


def test_no_pack_has_fewer_than_two_golden_cases() -> None:
    for folder in _tracked_packs():
        assert len(open_pack(folder, Trust.shipped()).golden) >= 2, folder.name


def test_every_pack_states_its_licence_and_where_its_scores_were_measured() -> None:
    for folder in _tracked_packs():
        spec = open_pack(folder, Trust.shipped()).spec
        assert spec.licence, folder.name
        assert spec.measured_scores is not None, folder.name
        # a range that leaves out where alerts begin would put every alert outside of it
        assert spec.measured_scores.at_least <= spec.operating_point.report, folder.name
        assert spec.operating_point.alert < spec.measured_scores.at_most, folder.name
