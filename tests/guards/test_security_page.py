"""The security page: each capability of the guideline, and each test that it leans on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from appliance.config.example import example_yaml
from appliance.config.load import parse_site
from appliance.daemon.state import StateFolder
from tests.simulators.box import ROOT

PAGE = (ROOT / "provisioning/manual/10-security.md").read_text(encoding="utf-8")
CAPABILITIES = (
    *("ALOF", "AUDT", "AUTH", "CNFS", "CSUP", "DIDT", "DTBK", "EMRG", "IGAU", "STCF", "MLDP"),
    *("NAUT", "PAUT", "PLOK", "RDMP", "SAHD", "SGUD", "TXCF", "TXIG", "CONN", "SBOM", "RMOT"),
)
ROWS = {
    cells[0]: cells
    for line in PAGE.partition("## Capabilities")[2].splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
    and re.fullmatch(r"[A-Z]{4}", cells[0])
}


def test_every_capability_has_its_row() -> None:
    assert tuple(ROWS) == CAPABILITIES


@pytest.mark.parametrize("code", CAPABILITIES)
def test_a_capability_names_tests_that_ci_runs_or_why_it_does_not_apply(code: str) -> None:
    _, title, feature, shown = ROWS[code]
    assert title
    if feature.startswith("not applicable: "):
        assert not shown
        return
    named = [each.strip("`").partition("::") for each in shown.split("<br>")]
    assert named
    for file, _, function in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        tests = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        assert function in tests, function
        marks = [ast.unparse(each) for each in tests[function].decorator_list]
        assert not any("exhaustive" in mark or "skip" in mark for mark in marks), function


def test_every_folder_of_the_state_is_on_the_page() -> None:
    site = parse_site(example_yaml().encode(), "site.yaml")
    state = StateFolder(Path(site.state_folder))
    own = [name for name, kind in vars(StateFolder).items() if isinstance(kind, property)]
    for name in own:
        place = str(getattr(state, name).relative_to(state.root))
        assert re.search(rf"`{re.escape(place)}[`/]", PAGE), place
