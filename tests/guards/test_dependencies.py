"""Every package that is declared is imported where it is declared for, and the other way round."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_IMPORT = {
    "pyjpegls": "pydicom's decoder of JPEG-LS",
    "pylibjpeg": "pydicom's way to the next two",
    "pylibjpeg-libjpeg": "pydicom's decoder of JPEG",
    "pylibjpeg-openjpeg": "pydicom's decoder of JPEG 2000 and HTJ2K",
    "securesystemslib": "its extra brings what `tuf` verifies signatures with",
    "import-linter": "a command",
    "mypy": "a command",
    "pytest-randomly": "a plug-in",
    "pytest-timeout": "a plug-in",
    "pytest-xdist": "a plug-in",
    "ruff": "a command",
    "setuptools": "builds the package itself, offline",
    "simpleitk": "what the demo reads its CT with, through `models.training`",
    "types-pyyaml": "types for mypy",
}

NAMED_OTHERWISE = {"skimage": "scikit-image"}
"""By its module: a package that need not be installed here, so that nobody says whose it is."""


def _project() -> dict[str, list[str]]:
    """What is declared: `runtime`, `test`, `training`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {"runtime": project["dependencies"], **project["optional-dependencies"]}
    return {
        area: [_normalised(re.split(r"[\[<>=~! ]", name)[0]) for name in names]
        for area, names in declared.items()
    }


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(folder: str) -> set[str]:
    """Distributions that the modules of a folder import."""
    names: set[str] = set()
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    names -= set(sys.stdlib_module_names) | {"_typeshed", "appliance", "models", "tests", "updates"}
    providers = packages_distributions()
    return {
        _normalised(provider)
        for name in names
        for provider in providers.get(name, [NAMED_OTHERWISE.get(name, name)])
    }


def test_what_the_appliance_imports_is_declared() -> None:
    assert not _imported("appliance") - set(_project()["runtime"])


@pytest.mark.parametrize("folder", ["tests", "updates"])
def test_what_is_imported_in_a_checkout_alone_is_declared(folder: str) -> None:
    declared = _project()
    assert not _imported(folder) - {*declared["runtime"], *declared["test"]}


def test_what_training_imports_is_declared() -> None:
    declared = _project()
    assert not _imported("models") - {*declared["runtime"], *declared["training"]}


def test_what_is_declared_is_imported() -> None:
    declared = _project()
    used = {
        "runtime": _imported("appliance"),
        "test": _imported("tests") | _imported("updates"),
        "training": _imported("models"),
    }
    for area, names in declared.items():
        assert not set(names) - used[area] - WITHOUT_IMPORT.keys(), area


def test_no_exception_outlives_its_package() -> None:
    declared = {name for names in _project().values() for name in names}
    assert not WITHOUT_IMPORT.keys() - declared
