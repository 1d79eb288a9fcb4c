"""`osteon check`: what a technician asks a box before leaving it. One function makes one check.

Adding one is a function from `Surroundings` to probes, and its line in `REGISTRY`; a contract test
then holds it to what every check must do.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from appliance.checks import certificates, dicom, machine, models, names, people

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.checks.probe import Check

REGISTRY: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "key": machine.key,
        "disk": machine.disk,
        "clock": machine.clock,
        "names": names.names,
        "listener": dicom.listener,
        "modalities": dicom.modalities,
        "pacs": dicom.pacs,
        "mail": people.mail,
        "printers": people.printers,
        "certificates": certificates.certificates,
        "devices": models.devices,
        "packs": models.packs,
    }
)
"""Every live check, in the order in which a technician reads them."""
