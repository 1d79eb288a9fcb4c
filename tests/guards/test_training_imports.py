"""The training's code needs PyTorch, which tests do without: what it imports is read instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("appliance", "models", "updates", "tests")
FILES = sorted((ROOT / "models").rglob("*.py"))


@cache
def defined(module: str) -> frozenset[str]:
    """Names that a module of ours has, submodules too; none where there is no such module."""
    place = ROOT.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    below = {each.stem for each in place.iterdir()} if place.is_dir() else set()
    if not file.exists():
        return frozenset(below)
    return frozenset(
        below | {name for node in ast.parse(file.read_text()).body for name in names(node)}
    )


def names(node: ast.stmt) -> Iterator[str]:
    """What a statement at the top of a module defines."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign():
            yield from (
                each.id
                for target in node.targets
                for each in ast.walk(target)
                if isinstance(each, ast.Name)
            )
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Import() | ast.ImportFrom():
            yield from (each.asname or each.name.partition(".")[0] for each in node.names)
        case ast.If() | ast.Try():
            yield from (name for each in node.body for name in names(each))


def missing(source: str) -> list[str]:
    """What a file imports from modules of ours that do not have it."""
    return [
        f"{node.module}.{each.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module.partition(".")[0] in OURS
        for each in node.names
        if each.name not in defined(node.module)
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_a_file_imports_exists(file: Path) -> None:
    assert missing(file.read_text("utf-8")) == []


def test_a_name_that_moved_away_is_seen() -> None:
    moved = "from models.training.ct.augment import training_sample, moved_away\n"
    assert missing(moved) == ["models.training.ct.augment.moved_away"]
