"""Whether a CT reconstruction kernel shows bone edges. Pure tables of the makers' names."""

from __future__ import annotations

import re
from typing import Final

_SMOOTH_OR_LUNG: Final = re.compile(
    r"LUNG|^FC(0[1-4]|5[0-9])\b"  # GE and others; Canon
    r"|^[BI][1-2][0-9][A-Z]?\b|^B80|^B[LRV](1|2)[0-9]|^BL[0-9]{2}|^QR"  # Siemens
    r"|SOFT|SMOOTH"  # GE, United Imaging
    r"|^(A|L|UA)$",  # Philips
)


def is_smooth_or_lung(kernel: str) -> bool:
    """Whether the kernel (upper case) is very smooth or made for lung; unknown ones are not."""
    return bool(_SMOOTH_OR_LUNG.search(kernel.split("\\", maxsplit=1)[0].strip()))
