"""SHA-256 as people compare it: hexadecimal digits in groups of four."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_DIGITS: Final = re.compile(r"[0-9a-f]*\Z")


def fingerprint(content: bytes) -> str:
    """64 hexadecimal digits, without gaps."""
    return hashlib.sha256(content).hexdigest()


def grouped(digits: str) -> str:
    """The same digits in groups of four."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def typed(text: str) -> str:
    """The digits that a person meant: gaps, colons and capitals do not count. Else empty."""
    digits = re.sub(r"[\s:-]", "", text).lower()
    return digits if _DIGITS.match(digits) else ""
