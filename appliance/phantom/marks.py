"""How the box recognises its own phantom: by who sent it and by what every image says. Pure.

A study is the phantom only when nothing speaks against it: every association that brought images
called with a title that is reserved for `osteon check` and that the receiver takes from this very
machine alone, and every image carries both marks. Whatever is not recognised so is a patient.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from appliance.domain import InstanceHeader, Reason

CALLING_AE_TITLE: Final = "OSTEON-CHECK"
"""Reserved: no modality may have it in the site YAML."""
MANUFACTURER: Final = "OSTEON PHANTOM"
PATIENT_ID: Final = "TEST-PHANTOM"
PATIENT_NAME: Final = "TEST^PHANTOM"


@dataclass(frozen=True, slots=True)
class Here:
    """How a program on this machine reaches the listener, and from where it is seen to call."""

    host: str
    network: IPv4Network | IPv6Network


def here(listens_on: str) -> Here:
    """For a listener on this address of the site YAML; `0.0.0.0` and `::` are all of them.

    Calling another address than loopback, a machine is seen under that same address; the kernel
    drops packets from outside that claim it.
    """
    address = ip_address(listens_on)
    if address.version == 4:  # noqa: PLR2004 - IPv4
        loopback = ip_network("127.0.0.0/8")
        is_loopback = address.is_unspecified or address in loopback
        host = "127.0.0.1" if address.is_unspecified else listens_on
        return Here(host, loopback if is_loopback else ip_network(listens_on))
    host = "::1" if address.is_unspecified else listens_on
    return Here(host, ip_network(host))


def is_phantom(calling: Collection[str], headers: Collection[InstanceHeader | Reason]) -> bool:
    """Whether a study is the phantom and nothing else.

    calling: the AE titles of all associations that brought something of it.
    headers: of all its instances; a `Reason` where one could not be read.
    """
    return (
        bool(calling)
        and bool(headers)
        and all(title == CALLING_AE_TITLE for title in calling)
        and all(_is_marked(header) for header in headers)
    )


def _is_marked(header: InstanceHeader | Reason) -> bool:
    return (
        isinstance(header, InstanceHeader)
        and header.facts.manufacturer == MANUFACTURER
        and header.patient.patient_id == PATIENT_ID
    )
