"""A number in the TPM that only rises, whatever becomes of the disk (TPM 2.0 part 1, NV counters).

One that is taken away and made again goes on above every number that any counter there ever had.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from appliance.provision.programs import answer_of

_INDEX: Final = "0x01500a11"
"""Among those that TCG's registry leaves to the owner of a machine."""
_BYTES: Final = "8"
_AS_OWNER: Final = ("-C", "o")
_DEVICE: Final = Path("/dev/tpmrm0")
_INTERFACE: Final = "TPM2TOOLS_TCTI"
"""Environment variable by which tpm2-tools are told of a TPM elsewhere."""


class TpmCounter:
    """The counter of this machine, by tpm2-tools; for root only."""

    def read(self) -> int | None:
        """The number; None where there is no TPM, or no counter in it yet."""
        if not self._is_there():
            return None
        said = answer_of(["tpm2_nvread", *_AS_OWNER, "-s", _BYTES, _INDEX])
        return int.from_bytes(said) if said is not None and len(said) == int(_BYTES) else None

    def advance(self) -> int | None:
        """Raise it, made where it is missing; the new number, None where that does not work."""
        if not self._is_there():
            return None
        if self.read() is None:
            attributes = "ownerread|ownerwrite|nt=counter"
            answer_of(["tpm2_nvdefine", *_AS_OWNER, "-s", _BYTES, "-a", attributes, _INDEX])
        answer_of(["tpm2_nvincrement", *_AS_OWNER, _INDEX])
        return self.read()

    @staticmethod
    def _is_there() -> bool:
        return _INTERFACE in os.environ or _DEVICE.exists()
