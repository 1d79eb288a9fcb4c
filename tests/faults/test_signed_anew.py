"""Keys that sign packs are taken away: what others have signed since, a box fetches in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import PackError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.update.history import Happening
from appliance.update.layout import MODELS_ROLE
from tests.simulators.update_site import OLD, Site
from tests.simulators.web_server import hostile_server, status

MANIFEST = r"manifest\.json$"
ANY_FILE = r"\.xz$"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with hostile_server(tmp_path / "repository") as server:
        yield Site(tmp_path, server)


def test_a_pack_in_use_gets_the_signatures_that_replace_those_of_a_lost_key(site: Site) -> None:
    """Under the old keys too, until the new ones are in force; its files are not fetched again."""
    site.maker.rotate(MODELS_ROLE)
    again = site.maker.make_pack(OLD)
    assert again.digest == site.old.digest
    site.maker.release(again)
    site.server.tricks[ANY_FILE] = status(500)
    site.server.tricks[MANIFEST] = status(500)
    assert site.refused() == "update-source-unreachable"
    open_pack(site.box.places.packs / site.old.digest, trust_in_force(site))
    del site.server.tricks[MANIFEST]
    assert site.refused() == ""
    trust = trust_in_force(site)
    assert trust.targets.version == 2
    assert open_pack(site.box.places.packs / site.old.digest, trust).identity.version == OLD
    (told,) = [each for each in site.box.history if each.what is Happening.SIGNED_ANEW]
    assert told.details["digest"] == site.old.digest
    # It was signed under the old keys as well: a power cut before the new ones counted is no harm.
    before = Trust.from_bytes(
        site.maker.first_root, (site.before / "metadata/1.targets.json").read_bytes()
    )
    open_pack(site.box.places.packs / site.old.digest, before)


def test_a_pack_that_nobody_vouches_for_any_more_keeps_its_void_signatures(site: Site) -> None:
    site.maker.rotate(MODELS_ROLE)
    site.maker.write()
    site.refused()
    with pytest.raises(PackError, match="pack-signature-invalid"):
        open_pack(site.box.places.packs / site.old.digest, trust_in_force(site))


def trust_in_force(site: Site) -> Trust:
    """As the analyser would have it."""
    targets = (site.before / "metadata/1.targets.json").read_bytes()
    shipped = Trust.from_bytes(site.maker.first_root, targets)
    return shipped.carried_forward(site.box.places.metadata)
