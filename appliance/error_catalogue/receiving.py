"""ReceiveError: objects and peers that the receiver turns away."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

RECEIVING: Final = {
    "object-mismatch": Explanation(
        "A modality sent an object that is not the one that it announced.",
        "It was turned away. Check the modality's DICOM settings; tell its maker if it comes back.",
    ),
    "object-not-understood": Explanation(
        "A modality sent an object that is not DICOM as far as it was read.",
        "It was turned away. Check what the modality sends; tell its maker if it comes back.",
    ),
    "peer-lost": Explanation(
        "A peer broke the connection in the middle of an association.",
        "Check the network between the modality and the box; the modality sends again by itself.",
    ),
    "peer-too-slow": Explanation(
        "A peer sent too slowly or not at all, and was disconnected.",
        "Check the network; for a slow link raise `idle_seconds` under `dicom.limits`.",
    ),
    "protocol-violation": Explanation(
        "A peer sent something that the DICOM protocol does not allow there.",
        "Something else than a modality may be calling this port; if it is one, tell its maker.",
    ),
}
