"""Who may associate: decided from titles and address alone, before anything else is decoded.

Rejections are those of PS3.8 table 9-21 (result, source, reason).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.pipeline.receive.settings import Peer, ReceiverSettings

Address = IPv4Address | IPv6Address


class Rejection(Enum):
    """Why an association is not opened: (result, source, reason) as it goes to the peer."""

    APPLICATION_CONTEXT_UNKNOWN = (1, 1, 2)
    CALLER_UNKNOWN = (1, 1, 3)
    CALLED_UNKNOWN = (1, 1, 7)
    PROTOCOL_VERSION_UNKNOWN = (1, 2, 2)
    LIMIT_REACHED = (2, 3, 2)

    @property
    def code(self) -> str:
        """How the journal names it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Titles:
    """The two AE titles of an association request, stripped; blank where they are not text."""

    called: str
    calling: str


def parse_address(host: str) -> Address:
    """A socket's peer address; an IPv4 peer of a dual-stack socket is the IPv4 peer it is."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def sends_from(address: Address, settings: ReceiverSettings) -> bool:
    """Whether some known peer sends from this address."""
    return any(address in peer.network for peer in settings.peers)


def judge(titles: Titles, address: Address, settings: ReceiverSettings) -> Peer | Rejection:
    """The known peer that calls, or why it is turned away."""
    if titles.called != settings.ae_title:
        return Rejection.CALLED_UNKNOWN
    for peer in settings.peers:
        if titles.calling == peer.ae_title and address in peer.network:
            return peer
    return Rejection.CALLER_UNKNOWN
