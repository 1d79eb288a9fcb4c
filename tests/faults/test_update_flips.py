"""Single bits flipped in packs and metadata: refused before anything uses what they say.

In memory, by the functions that the box itself verifies with; a few go all the way over the disk.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata
from tuf.ngclient import UpdaterConfig
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from appliance.errors import OsteonError, PackError
from appliance.inference.manifest import Trust, verify_manifest
from appliance.inference.package import MANIFEST, open_pack
from appliance.update.client import believe_only_as_written
from tests.simulators.update_box import UpdateBox
from tests.simulators.update_repository import BEGIN, NAME, RepositoryMaker
from tests.simulators.web_server import hostile_server, instead

FAST, ALL = 1_000, 10_000
SHIPPED = Path(__file__).parents[2] / "models" / "dr-fracture"
SIGNATURE = re.compile(rb'"sig": ?"([0-9a-f]+)"')
LETTER = re.compile(rb"[a-f]")

Verify = Callable[[bytes], object]
"""Raises for what is refused; else returns what was signed, as understood."""


def flipped(content: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1 << bit
    return bytes(changed)


def of_a_pack(folder: Path) -> Iterator[tuple[str, bytes, Verify]]:
    """Each file of a pack as it lies on the disk."""
    trust = Trust.shipped()
    content = (folder / MANIFEST).read_bytes()
    manifest = verify_manifest(content, trust)
    yield MANIFEST, content, lambda changed: verify_manifest(changed, trust).digest
    for path, file in manifest.files.items():
        yield path, (folder / path).read_bytes(), file.verify_length_and_hashes


def of_a_repository(maker: RepositoryMaker) -> Iterator[tuple[str, bytes, Verify]]:
    """Each file of a repository as it comes to the box."""
    files = {
        str(place.relative_to(maker.folder)): place.read_bytes()
        for place in maker.folder.rglob("*")
        if place.is_file()
    }
    metadata = {
        "root": files["metadata/2.root.json"],
        "timestamp": files["metadata/timestamp.json"],
        **{
            role: files[f"metadata/{maker.versions[role]}.{role}.json"]
            for role in ("snapshot", "targets", "models", "rollout")
        },
    }
    for role, content in metadata.items():
        yield (
            role,
            content,
            lambda changed, role=role: workflow(
                maker.first_root, {**metadata, role: changed}, role
            ),
        )
    for role in ("models", "rollout"):
        for target in Metadata.from_bytes(metadata[role]).signed.targets.values():
            folder, _, name = target.path.rpartition("/")
            path = f"targets/{folder}/{target.hashes['sha256']}.{name}"
            yield path, files[path], target.verify_length_and_hashes


def workflow(first_root: bytes, metadata: Mapping[str, bytes], last: str) -> object:
    """python-tuf's client workflow up to one role, without its files."""
    known = TrustedMetadataSet(first_root, UpdaterConfig().envelope_type)
    believe_only_as_written(known)
    known.reference_time = BEGIN + timedelta(minutes=1)
    steps: dict[str, Callable[[], object]] = {
        "root": lambda: known.update_root(metadata["root"]),
        "timestamp": lambda: known.update_timestamp(metadata["timestamp"]),
        "snapshot": lambda: known.update_snapshot(metadata["snapshot"]),
        "targets": lambda: known.update_targets(metadata["targets"]),
    }
    for role, step in steps.items():
        said = step()
        if role == last:
            return said
    return known.update_delegated_targets(metadata[last], last, "targets")


def flip(files: list[tuple[str, bytes, Verify]], count: int, seed: int) -> None:
    """Everywhere alike in each file, and in each file alike."""
    chance = random.Random(seed)
    for _, content, verify in files:
        verify(content)
    for number in range(count):
        name, content, verify = files[number % len(files)]
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        with suppress(OsteonError, RepositoryError):
            verify(flipped(content, place, bit))
            pytest.fail(f"{name} is taken with bit {bit} of byte {place} the other way")


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> RepositoryMaker:
    made = RepositoryMaker(tmp_path_factory.mktemp("flips") / "repository")
    made.release(made.make_pack())
    made.rotate("timestamp")  # so that there is a further root
    made.write()
    return made


def test_some_flips(maker: RepositoryMaker) -> None:
    flip([*of_a_pack(SHIPPED)], FAST // 2, seed=1)
    flip([*of_a_repository(maker)], FAST // 2, seed=2)


def test_a_digit_of_a_signature_in_its_other_case(maker: RepositoryMaker) -> None:
    """It would be the same signature, and yet nothing that anybody has signed so."""
    refused = set()
    for name, content, verify in [*of_a_pack(SHIPPED), *of_a_repository(maker)]:
        for signature in SIGNATURE.finditer(content):
            letter = LETTER.search(content, *signature.span(1))
            assert letter is not None
            with pytest.raises((OsteonError, RepositoryError)):
                verify(flipped(content, letter.start(), 5))
            refused.add(name)
    assert {MANIFEST, "root", "timestamp", "snapshot", "targets", "models", "rollout"} <= refused


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_ten_thousand_flips(maker: RepositoryMaker) -> None:
    flip([*of_a_pack(SHIPPED)], ALL // 2, seed=3)
    flip([*of_a_repository(maker)], ALL // 2, seed=4)


def test_flips_that_reach_the_disk(tmp_path: Path) -> None:
    chance = random.Random(5)
    maker = RepositoryMaker(tmp_path / "repository")
    pack = maker.release(maker.make_pack())
    folder = pack.put(tmp_path / "pack")
    trust = Trust.from_bytes(
        maker.first_root, (maker.folder / "metadata/1.targets.json").read_bytes()
    )
    assert open_pack(folder, trust).identity.digest == pack.digest
    for path, content in pack.files.items():
        place = chance.randrange(len(content))
        (folder / path).write_bytes(flipped(content, place, chance.randrange(8)))
        with pytest.raises(PackError, match="pack-file-altered"):
            open_pack(folder, trust)
        (folder / path).write_bytes(content)


def test_flips_on_the_way(tmp_path: Path) -> None:
    chance = random.Random(6)
    with hostile_server(tmp_path / "repository") as server:
        maker = RepositoryMaker(server.folder)
        maker.release(maker.make_pack())
        paths = sorted(place.name for place in server.folder.rglob("*") if place.is_file())
        for name in [*paths, ""]:
            box = UpdateBox(tmp_path / f"box-{name}", maker.first_root)
            box.floors.begin()
            place, bit = chance.random(), chance.randrange(5)
            trick = instead(lambda good: flipped(good, int(place * len(good)), bit))  # noqa: B023
            server.tricks = {re.escape(name): trick} if name else {}
            # Never fetched here: the root that came with the box, and the images of its system.
            is_good = name in {"", "1.root.json", "1.os.json"}
            with nullcontext() if is_good else suppress(OsteonError):
                assert (box.apply(box.http(server.port)) == ()) == is_good
            assert box.offered == ({NAME: "1.0.0.1"} if is_good else {})
