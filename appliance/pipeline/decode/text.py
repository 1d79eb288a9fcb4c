"""Text of an object as people can read it: character sets decoded, broken bytes replaced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ESCAPE: Final = b"\x1b"
_SWITCH: Final = re.compile(r"\x1b[$()\-]{1,2}[@-Z]")
_DELIMITERS: Final = {0x0D, 0x0A, 0x09, 0x0C, ord("^"), ord("=")}
_GUESSES: Final = ("utf-8", "gb18030")
"""What bytes above ASCII are when the object declares no character set."""
_BACKSLASH_IN_CHARACTER: Final = frozenset({"gb18030", "gbk", "GBK", "GB18030"})


def character_sets(dataset: Dataset) -> tuple[str, ...]:
    """Specific Character Set of the top level, as it is written."""
    value = dataset.get("SpecificCharacterSet", None)
    if not value:
        return ()
    parts = [value] if isinstance(value, str) else list(value)
    return tuple(str(part).strip() for part in parts)


def text(dataset: Dataset, keyword: str, declared: Sequence[str]) -> str:
    """A text value of the top level, decoded, on one line, stripped; empty when it is not there.

    Works on the bytes as they came: read an element so before anything else converts it.
    A backslash separates values in DICOM, but is also the second byte of some GB18030 characters;
    the value is therefore decoded as a whole.
    """
    element: object = dataset.get_item(keyword)
    if not isinstance(element, RawDataElement) or not element.value:
        return ""
    return clean(decode(element.value, declared))


def decode(content: bytes, declared: Sequence[str]) -> str:
    """Bytes as text; what cannot be decoded becomes U+FFFD, so that the rest stays legible."""
    if content.isascii() and _ESCAPE not in content:
        return content.decode("ascii")
    if not any(declared) or tuple(declared) == ("ISO_IR 6",):
        return _guess(content)
    encodings = convert_encodings(list(declared))
    if len(encodings) == 1 and encodings[0] in _BACKSLASH_IN_CHARACTER:
        return content.decode(encodings[0], errors="replace")
    # pydicom leaves the escape sequences of some code extensions (such as ISO_IR 58) in the text.
    return _SWITCH.sub("", decode_bytes(content, encodings, _DELIMITERS))


def _guess(content: bytes) -> str:
    for encoding in _GUESSES:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def clean(value: str) -> str:
    """One line without control characters (CR/LF in a name must reach no header and no log)."""
    return _CONTROL.sub(" ", value).strip()


def person_name(value: str) -> str:
    """`Wang^Xiaodong=王^小东` → `Wang Xiaodong (王 小东)`."""
    groups = [" ".join(group.replace("^", " ").split()) for group in value.split("=")[:2]]
    alphabetic, ideographic = [*groups, ""][:2]
    if alphabetic and ideographic:
        return f"{alphabetic} ({ideographic})"
    return alphabetic or ideographic
