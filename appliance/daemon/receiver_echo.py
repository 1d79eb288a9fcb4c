"""Whether our own receiver answers, asked over loopback as a modality would."""

from __future__ import annotations

from typing import Final

from appliance.config.schema import Site
from appliance.errors import DeliveryError
from appliance.phantom import CALLING_AE_TITLE, here
from appliance.pipeline.deliver.pacs import Pacs, PacsPeer, Patience

_PATIENCE: Final = Patience(connect_s=5.0, negotiate_s=10.0, answer_s=10.0)


def answers(site: Site) -> bool:
    """Whether it answers a C-ECHO, under the name that only this machine may use."""
    own = PacsPeer(site.dicom.ae_title, here(site.dicom.address).host, site.dicom.port)
    try:
        Pacs(own, CALLING_AE_TITLE, _PATIENCE).verify(())
    except DeliveryError:
        return False
    return True
