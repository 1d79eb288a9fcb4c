"""Every code that can be raised is explained, and nothing is explained that is never raised.

The codes are read from the source: the first argument of every `OsteonError` and subclass, followed
through conditional expressions, tables, local names and helper functions. A code that this reading
cannot follow fails too, so that none hides; `error.code` passes on one that was read elsewhere.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import appliance
from appliance.error_catalogue import CATALOGUE

ROOT = Path(appliance.__file__).parent
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
FORWARDED = {
    "appliance/audit/wire.py": "passes on a code that the other side of the socket raised by name",
    "appliance/childprocess/parent.py": "passes on a code that the child raised by name",
}
"""Modules that raise codes which come from elsewhere as data, with the reason."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Raised:
    where: str
    codes: frozenset[str]
    unread: str = ""


@cache
def _trees() -> dict[str, ast.Module]:
    return {
        str(file.relative_to(ROOT.parent)): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(ROOT.rglob("*.py"))
    }


@cache
def _error_classes() -> frozenset[str]:
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in _trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"OsteonError"}
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return frozenset(found)


class _Reader:
    """Follows one expression, in its function and module, to the texts that it can be."""

    def __init__(self, module: ast.Module, function: ast.AST | None) -> None:
        self._module = module
        self._function = function

    def texts(self, node: ast.expr | None) -> Iterator[str | None]:
        """The texts; `None` stands for what cannot be followed."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.IfExp(body=one, orelse=other):
                yield from self._all([one, other])
            case ast.BoolOp(values=values) | ast.Dict(values=values):
                yield from self._all(values)
            case ast.Attribute(attr="code"):
                return
            case ast.Tuple(elts=[inner, *_]) | ast.Subscript(value=inner):
                yield from self.texts(inner)
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *default]):
                yield from self._all([table, *default])
            case ast.Call(func=ast.Name(id=name)):
                yield from self._returned(name)
            case ast.Name(id=name):
                yield from self._assigned(name)
            case _:
                yield None

    def _all(self, nodes: Iterable[ast.expr]) -> Iterator[str | None]:
        for node in nodes:
            yield from self.texts(node)

    def _assigned(self, name: str) -> Iterator[str | None]:
        for scope in (self._function, self._module):
            if scope is None:
                continue
            nodes = ast.walk(scope) if scope is self._function else iter(self._module.body)
            values = [value for node in nodes for value in _assignments(node, name)]
            if values:
                yield from self._all(values)
                return
        yield None

    def _returned(self, name: str) -> Iterator[str | None]:
        for node in ast.walk(self._module):
            if isinstance(node, Function) and node.name == name:
                inside = _Reader(self._module, node)
                returns = [part for part in ast.walk(node) if isinstance(part, ast.Return)]
                for part in returns:
                    yield from inside.texts(part.value)
                return
        yield None


def _assignments(node: ast.AST, name: str) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            yield value
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=target), *_])], value=value) if (
            target == name
        ):
            yield value
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
            yield value
        case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
            yield value


def _raised_in(file: str, tree: ast.Module) -> Iterator[Raised]:
    for call, function, owner in _calls(tree, None, None):
        named = ast.unparse(call.func).rpartition(".")[2]
        is_own = ast.unparse(call.func) == "super().__init__" and owner in _error_classes()
        if not (is_own or named in _error_classes()) or file == "appliance/errors.py":
            continue
        keywords = [word.value for word in call.keywords if word.arg == "code"]
        code = next(iter([*call.args[:1], *keywords]), None)
        if _sets_own_code(named) and not is_own:
            continue
        texts = list(_Reader(tree, function).texts(code))
        where = f"{file}:{call.lineno}"
        unread = ast.unparse(call) if None in texts else ""
        yield Raised(where, frozenset(text for text in texts if text is not None), unread)


def _calls(
    node: ast.AST, function: ast.AST | None, owner: str | None
) -> Iterator[tuple[ast.Call, ast.AST | None, str | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function, owner
        inner_function = child if isinstance(child, Function) else function
        inner_owner = child.name if isinstance(child, ast.ClassDef) else owner
        yield from _calls(child, inner_function, inner_owner)


@cache
def _sets_own_code(name: str) -> bool:
    """Whether a subclass gives its code in its own `__init__`, so that callers give none."""
    return any(
        isinstance(part, Function) and part.name == "__init__"
        for tree in _trees().values()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and node.name == name
        and tree is not _trees()["appliance/errors.py"]
        for part in node.body
    )


@cache
def _all_raised() -> tuple[Raised, ...]:
    return tuple(one for file, tree in _trees().items() for one in _raised_in(file, tree))


def test_the_codes_that_are_known_are_found() -> None:
    found = {code for one in _all_raised() for code in one.codes}
    assert {"disk-full", "storage-failed", "config-invalid", "seal-broken"} <= found


def test_every_code_can_be_read() -> None:
    unread = [
        f"{one.where}: {one.unread}"
        for one in _all_raised()
        if one.unread and one.where.partition(":")[0] not in FORWARDED
    ]
    assert not unread


def test_every_code_is_explained() -> None:
    missing = {
        f"{one.where}: {code}" for one in _all_raised() for code in one.codes - CATALOGUE.keys()
    }
    assert not sorted(missing)


def test_no_entry_is_unused() -> None:
    raised = {code for one in _all_raised() for code in one.codes}
    assert not sorted(CATALOGUE.keys() - raised)


def test_entries_are_kebab_case_and_whole_sentences() -> None:
    for code, explanation in CATALOGUE.items():
        assert KEBAB.fullmatch(code), code
        assert explanation.meaning.endswith("."), code
        assert explanation.hint.endswith("."), code
