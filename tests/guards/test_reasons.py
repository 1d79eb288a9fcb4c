"""Whatever can stand in a `Reason` has its sentence: nobody is told a bare code at night."""

import ast
from pathlib import Path

import appliance
from appliance.reasons import REASONS

ROOT = Path(appliance.__file__).parent
BECOME_REASONS = {"Reason", "DecodeError", "AnalysisError"}
FOR_TECHNICIANS = {"technical.py"}
"""Modules whose reasons go to the technician, in the words of the catalogue of errors."""


def _codes() -> dict[str, str]:
    """Code → where it stands, of all that is made from a literal."""
    found: dict[str, str] = {}
    for file in sorted(ROOT.rglob("*.py")):
        if file.name in FOR_TECHNICIANS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(code)), *_]) if (
                    name in BECOME_REASONS
                ):
                    found[code] = f"{file.name}:{node.lineno}"
    return found


def test_the_reading_finds_codes() -> None:
    assert {"thick-slices", "pixels-corrupt", "body-part-undetermined"} <= _codes().keys()


def test_every_reason_has_a_sentence() -> None:
    missing = {code: where for code, where in _codes().items() if code not in REASONS}
    assert not missing
