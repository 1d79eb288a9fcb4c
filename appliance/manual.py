"""The generated pages of `provisioning/`: what the technician reads is what the code does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from appliance.config.example import example_yaml
from appliance.config.json_schema import FILE_NAME, json_schema
from appliance.config.reference import reference
from appliance.error_catalogue import CATALOGUE
from appliance.reasons import REASONS, ReasonKind

_CODES_HEAD: Final = """\
<!-- Made by `make docs` from appliance/error_catalogue/ and appliance/reasons.py. -->
# Every code, what it means and what to do

The box names a code in its mails, in `osteon show`, on the page and in its journal. Look it up
here. If what stands there does not help, send the maker the code and the line of the journal; that
line holds no patient data.

## Something to mend
"""
_REASONS_HEAD: Final = """
## Why a study was not read, or read with limits

These are about one study, not about the box. They need nothing from you, unless one comes so often
that a modality should be set up in another way.
"""
_KINDS: Final = {
    ReasonKind.NOT_READ: "Not read, and a person is told",
    ReasonKind.OUT_OF_SCOPE: "Not for this box",
    ReasonKind.LIMIT: "Read, but less surely",
}


def pages() -> Mapping[str, str]:
    """Every generated file by its path below `provisioning/`."""
    return {
        FILE_NAME: json_schema(),
        "site.example.yaml": example_yaml(),
        "manual/reference.md": reference(),
        "manual/errors.md": codes(),
    }


def codes() -> str:
    """All codes, in Markdown: first what a technician can mend, then what a study may be."""
    return "\n".join((_CODES_HEAD, *_errors(), _REASONS_HEAD, *_reasons()))


def _errors() -> Iterator[str]:
    yield "| code | what happened | what to do |"
    yield "|---|---|---|"
    for code, entry in sorted(CATALOGUE.items()):
        yield f"| `{code}` | {_cell(entry.meaning)} | {_cell(entry.hint)} |"


def _reasons() -> Iterator[str]:
    for kind, title in _KINDS.items():
        yield from (f"### {title}", "", "| code | what it says |", "|---|---|")
        for code, wording in sorted(REASONS.items()):
            if wording.kind is kind:
                yield f"| `{code}` | {_cell(wording.en)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
