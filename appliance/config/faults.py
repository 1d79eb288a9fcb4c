"""What is wrong with a site YAML, said so that a technician can mend it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appliance.errors import ConfigError

_SECRETS: Final = ("passw", "pwd", "secret", "token", "login", "key", "pin")

KeyPath = tuple[str | int, ...]
"""From the top of the file to a value: names of keys and, in lists, positions from 0."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing to mend. Lines and columns count from 1, as editors show them."""

    file: str
    line: int
    column: int
    key: str
    """Path of the key, such as `dicom.modalities[2].address`; items count from 1."""
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.key}: {self.problem}; {self.fix}"


class ConfigFaults(ConfigError):  # noqa: N818 - it holds faults, and one name is enough
    """The site YAML cannot be used. `faults`: all of them, in the order of the file, at least one.

    Nothing that stood as a value under an unknown key is ever quoted: it might be a password.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("config-invalid", "\n".join(str(fault) for fault in self.faults))


def key_text(path: KeyPath) -> str:
    """How a path is shown; the whole file is called `the file`."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"


def names_secret(name: str) -> bool:
    """Whether a key's name says that its value might be a secret, which is never quoted."""
    return any(word in name.lower() for word in _SECRETS)
