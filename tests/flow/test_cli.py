"""The commands as a technician types them, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.config.example import example_yaml
from tests.simulators.box import OSTEON, ROOT

pytestmark = pytest.mark.timeout(120)


def osteon(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OSTEON, *words], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


def test_the_example_is_a_file_that_works(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    shown = osteon("config", "example")
    assert shown.stdout == example_yaml()
    site.write_text(shown.stdout)
    assert osteon("config", "check", "--text-only", "--config", site).returncode == 0


def test_every_fault_of_a_wrong_yaml_is_told_with_line_and_fix(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    wrong = example_yaml().replace("  port: 11112", "  prot: 11112", 1)
    wrong = wrong.replace('ae_title: "OSTEON"', "ae_title: 0104", 1)
    site.write_text(wrong)
    done = osteon("run", "--config", site)
    assert done.returncode == 2
    for number, line in enumerate(wrong.splitlines(), start=1):
        if line.strip().startswith(("prot:", "ae_title: 0104")):
            assert f"site.yaml:{number}:" in done.stderr
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_faults_and_missing_files_are_told_to_programs_too(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    lines = example_yaml().replace("/etc/osteon/master.key", f"{tmp_path}/none.key")
    site.write_text(lines)
    done = osteon("config", "check", "--json", "--config", site)
    told = json.loads(done.stdout)
    assert (done.returncode, told["usable"], told["code"]) == (2, False, "config-invalid")
    fault = next(each for each in told["faults"] if each["key"] == "master_key_file")
    assert lines.splitlines()[fault["line"] - 1].startswith("master_key_file")
    assert "No such file" in fault["problem"]
    done = osteon("config", "check", "--json", "--config", tmp_path / "absent.yaml")
    assert json.loads(done.stdout)["code"] == "config-unreadable"
    assert done.returncode == 2


def test_a_box_that_never_ran_has_nothing_to_compare(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(example_yaml().replace("/var/lib/osteon", str(tmp_path / "state")))
    done = osteon("config", "diff", "--config", site)
    assert (done.returncode, "nothing to compare" in done.stdout) == (0, True)
    assert json.loads(osteon("config", "diff", "--json", "--config", site).stdout) == {"roles": {}}


@pytest.mark.parametrize("verb", [["studies"], ["show", "ABC-DEFG"], ["run"]])
def test_a_missing_yaml_is_told_in_words(tmp_path: Path, verb: list[str]) -> None:
    done = osteon(*verb, "--config", tmp_path / "absent.yaml")
    assert done.returncode == 2
    assert "config-unreadable" in done.stderr
    assert "to do:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_is_made_once_and_a_box_without_one_does_not_start(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    example = example_yaml().replace("/var/lib/osteon", str(tmp_path / "state"))
    lines = [
        f"master_key_file: {tmp_path}/key" if "master_key_file:" in line else line
        for line in example.splitlines()
    ]
    site.write_text("\n".join(lines))
    refused = osteon("role", "receive", "--config", site)
    assert refused.returncode == 1
    assert "master-key-missing" in refused.stderr
    assert osteon("config", "new-key", "--config", site).returncode == 0
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o400
    assert osteon("config", "new-key", "--config", site).returncode == 1


def test_no_study_yet_is_an_empty_list(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(example_yaml().replace("/var/lib/osteon", str(tmp_path / "state")))
    assert json.loads(osteon("studies", "--json", "--config", site).stdout) == []
    assert "No study" in osteon("studies", "--config", site).stdout


def test_the_version_names_product_models_and_libraries() -> None:
    told = json.loads(osteon("version", "--json", "--packs", ROOT / "models").stdout)
    assert told["osteon"].count(".") == 3
    assert {model["name"] for model in told["models"]} >= {"ct-thorax-fracture", "dr-fracture"}
    assert told["libraries"]["openvino"]


def test_it_runs_as_a_module_and_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "not for diagnosis" in " ".join(done.stdout.split())
