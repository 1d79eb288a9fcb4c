"""A font file that has Latin letters and Chinese characters, for pictures and the printed page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from appliance.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FontFile:
    """A TrueType file or collection, and which face of it to take."""

    path: Path
    face: int


_CANDIDATES: Final = (
    FontFile(Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"), 0),
    FontFile(Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"), 0),
)


@cache
def font_file(candidates: tuple[FontFile, ...] = _CANDIDATES) -> FontFile:
    """The first font there is, of Debian's fonts-wqy-microhei and fonts-droid-fallback.

    Raises ConfigError `font-missing`: a page on which a Chinese name is a row of boxes must not
    leave the printer.
    """
    for candidate in candidates:
        if candidate.path.is_file():
            return candidate
    raise ConfigError("font-missing", ", ".join(str(item.path) for item in candidates))
