"""What each stable error code means and what the technician does about it.

The manual and `osteon`'s own messages are made from `CATALOGUE`. A guard test reads every code that
is raised in `appliance/` and fails when one is missing here or an entry is no longer used. One
module for each branch of the tree in `appliance/errors.py`, codes in alphabetical order.
"""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.activation import ACTIVATION
from appliance.error_catalogue.analysis import ANALYSIS
from appliance.error_catalogue.auditing import AUDITING
from appliance.error_catalogue.checking import CHECKING
from appliance.error_catalogue.configuration import CONFIGURATION
from appliance.error_catalogue.decoding import DECODING
from appliance.error_catalogue.delivery import DELIVERY
from appliance.error_catalogue.explanation import Explanation
from appliance.error_catalogue.health import HEALTH
from appliance.error_catalogue.labelled import LABELLED
from appliance.error_catalogue.packs import PACKS
from appliance.error_catalogue.provisioning import PROVISIONING
from appliance.error_catalogue.receiving import RECEIVING
from appliance.error_catalogue.screen import SCREEN
from appliance.error_catalogue.signing import SIGNING
from appliance.error_catalogue.storage import STORAGE
from appliance.error_catalogue.system_images import SYSTEM_IMAGES
from appliance.error_catalogue.updates import UPDATES
from appliance.error_catalogue.usage import USAGE
from appliance.error_catalogue.wiping import WIPING

__all__ = ["CATALOGUE", "Explanation"]

CATALOGUE: Final[dict[str, Explanation]] = {
    **CONFIGURATION,
    **STORAGE,
    **RECEIVING,
    **DECODING,
    **ANALYSIS,
    **PACKS,
    **ACTIVATION,
    **DELIVERY,
    **HEALTH,
    **LABELLED,
    **CHECKING,
    **AUDITING,
    **PROVISIONING,
    **SCREEN,
    **SIGNING,
    **SYSTEM_IMAGES,
    **UPDATES,
    **USAGE,
    **WIPING,
}
"""Every stable code of `OsteonError` and its subclasses."""
