"""The tree keeps its promises: short modules, settings that match files, nothing of a machine."""

import re
import statistics
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_MODULE = 500
LONGEST_MEDIAN = 200


def _tracked(*patterns: str) -> list[Path]:
    """Files that git tracks and that are still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def _settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def test_no_module_is_long() -> None:
    lengths = {
        file: len(file.read_text(encoding="utf-8").splitlines()) for file in _tracked("*.py")
    }
    long = {str(file): length for file, length in lengths.items() if length > LONGEST_MODULE}
    assert not long
    of_the_appliance = [
        length for file, length in lengths.items() if file.is_relative_to(ROOT / "appliance")
    ]
    median = statistics.median(of_the_appliance)
    assert median <= LONGEST_MEDIAN


def test_every_path_in_the_tools_settings_matches_a_file() -> None:
    settings = _settings()
    patterns = [
        *settings["ruff"]["lint"]["per-file-ignores"],
        *settings["mypy"]["packages"],
        *settings["pytest"]["ini_options"]["testpaths"],
        *(
            f"{package}/{pattern}"
            for package, data in settings["setuptools"]["package-data"].items()
            for pattern in data
        ),
    ]
    unmatched = [pattern for pattern in patterns if not list(ROOT.glob(pattern))]
    assert not unmatched


def test_every_module_that_mypy_excuses_is_imported() -> None:
    folders = ("appliance/*.py", "appliance/**/*.py", "models/**/*.py", "updates/*.py")
    sources = "\n".join(file.read_text(encoding="utf-8") for file in _tracked(*folders))
    mypy = _settings()["mypy"]
    ours = {f"{package}.*" for package in mypy["packages"]}
    excused = {name for entry in mypy["overrides"] for name in entry["module"]} - ours
    unused = [
        name
        for name in excused
        if not re.search(
            rf"^\s*(from|import) {re.escape(name.removesuffix('.*'))}\b", sources, re.MULTILINE
        )
    ]
    assert not unused


@pytest.mark.parametrize(
    "file", ["Makefile", ".ci/run", "provisioning/install", "provisioning/setup"]
)
def test_every_path_in_a_script_exists(file: str) -> None:
    script = re.sub(r"#.*", "", (ROOT / file).read_text(encoding="utf-8"))
    paths = set(re.findall(r"\b(?:provisioning|requirements|models|tests|\.ci)/[\w./-]+", script))
    modules = set(re.findall(r"-m ((?:tests|appliance)[\w.]*)", script))
    missing = [path for path in paths if not (ROOT / path).exists()]
    missing += [name for name in modules if not _is_module(name)]
    assert not missing


def _is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def test_every_target_that_ci_makes_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = set(re.findall(r"^make ([a-z]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    assert wanted
    assert wanted <= targets


# Put together here, so that this file does not hold what it looks for.
OF_A_MACHINE = re.compile(
    "|".join(
        [
            r"\b" + re.escape("pypi" + "." + "org"),
            "python" + "hosted",
            "deb" + r"\.debian\.",
            r"registry\." + r"npm",
            r"--(extra-)?" + "index-url",
            r"--" + "find-links",
            r"--" + "trusted-host",
            r"(?<![\w.])/" + r"(root|home|work|opt)/",
        ]
    )
)


def test_no_file_names_a_registry_an_index_or_a_place_on_a_machine() -> None:
    found = []
    for file in _tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{file.relative_to(ROOT)}:{number}: {match.group()}"
            for number, line in enumerate(text.splitlines(), start=1)
            for match in OF_A_MACHINE.finditer(line)
        ]
    assert not found


@pytest.mark.parametrize("lock", ["runtime", "test", "training"])
def test_a_lock_pins_every_package_by_version_and_hash(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.lock").read_text(encoding="utf-8")
    text = re.sub(r" *#.*", "", text).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) > 20
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.+!]+ ", line), line
        assert "--hash=sha256:" in line, line
        assert "+cpu" not in line, line


def test_the_locks_agree_and_know_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    pins = {}
    for lock, wanted in (
        ("runtime", project["dependencies"]),
        ("test", [*project["dependencies"], *extras["test"]]),
        ("training", [*project["dependencies"], *extras["test"], *extras["training"]]),
    ):
        text = (ROOT / f"requirements/{lock}.lock").read_text(encoding="utf-8")
        pins[lock] = set(re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE))
        names = {pin.partition("==")[0] for pin in pins[lock]}
        needed = {_normalised(re.split(r"[\[<>=~! ]", name)[0]) for name in wanted}
        assert needed <= names, lock
    assert pins["runtime"] <= pins["test"] <= pins["training"]


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
