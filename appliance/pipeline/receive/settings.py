"""What the site's configuration decides about receiving, and the limits that hold every peer."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Peer:
    """A modality that may send: its AE title, and where it sends from (one host is a /32)."""

    ae_title: str
    network: Network


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the box a peer may hold, and for how long. Times are seconds."""

    associations: int = 24
    """At once. Each known peer keeps a place of its own, so there are at least as many as peers."""
    associations_per_peer: int = 8
    waiting: int = 64
    """Connections at once that hold no association: not yet associated, or closing."""
    waiting_per_address: int = 24
    request_s: float = 5.0
    """From connecting to the whole association request, the TLS handshake included."""
    idle_s: float = 60.0
    """Between two PDUs."""
    pdu_s: float = 15.0
    """For one PDU, either way, from its header on."""
    closing_s: float = 2.0
    """For the peer to close after the last PDU (the standard's ARTIM timer)."""
    object_grace_s: float = 60.0
    slowest_bytes_per_s: int = 4096
    """An object that is still arriving after the grace must have come at least this fast."""
    pdu_bytes: int = 131_072
    """The longest P-DATA-TF body that we announce and take."""
    request_bytes: int = 65_536
    """The longest A-ASSOCIATE-RQ body; 128 contexts with every transfer syntax need 60 kB."""


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Who we are, whom we know, and what we allow."""

    ae_title: str
    peers: tuple[Peer, ...]
    limits: Limits = field(default_factory=Limits)
    reserved_bytes: int = 0
    """Free space that objects may not take: alerts must still get out on a full disk."""
