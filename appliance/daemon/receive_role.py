"""The receiver's composition: sockets, limits and peers from the site YAML."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_network
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.config.receiving import ListenerTls
from appliance.config.schema import Site
from appliance.daemon.state import master_key, state_folder
from appliance.errors import ConfigError
from appliance.ledger.intake import IntakeLedger
from appliance.pipeline.receive import Endpoint, Limits, Peer, Receiver, ReceiverSettings
from appliance.storage import BlobStore, free_bytes

_BACKLOG: Final = 128
_LOOK_SECONDS: Final = 1.0


def receive(site: Site, stop: threading.Event, clock: Clock) -> None:
    """Listen and receive until asked to stop."""
    state = state_folder(site)
    master = master_key(site)
    with ExitStack() as stack:
        endpoints = [Endpoint(_bound(stack, site.dicom.address, site.dicom.port))]
        if site.dicom.tls is not None:
            bound = _bound(stack, site.dicom.address, site.dicom.tls.port)
            endpoints.append(Endpoint(bound, tls_context(site.dicom.tls)))
        ledger = IntakeLedger(state.intake)
        stack.callback(ledger.close)
        receiver = Receiver(
            endpoints,
            settings(site),
            ledger=ledger,
            store=BlobStore(state.spool),
            master=master,
            clock=clock,
            free_bytes=partial(free_bytes, state.root),
        )
        receiver.start()
        stack.callback(receiver.stop)
        for endpoint in endpoints:
            journal.event("listening", port=endpoint.socket.getsockname()[1])
        while not clock.wait(stop, _LOOK_SECONDS):
            if receiver.failure is not None:
                # Nothing can be acknowledged any more: a new process may find the disk mended.
                raise receiver.failure


def settings(site: Site) -> ReceiverSettings:
    """What the YAML says about receiving, in the receiver's own terms."""
    limits = site.dicom.limits
    return ReceiverSettings(
        ae_title=site.dicom.ae_title,
        peers=tuple(
            Peer(modality.ae_title, ip_network(str(modality.address)))
            for modality in site.dicom.modalities
        ),
        limits=Limits(
            associations=limits.associations,
            associations_per_peer=limits.associations_per_peer,
            request_s=limits.request_seconds,
            idle_s=limits.idle_seconds,
            pdu_bytes=limits.maximum_pdu_bytes,
        ),
        reserved_bytes=limits.keep_free_mib << 20,
    )


def tls_context(tls: ListenerTls) -> ssl.SSLContext:
    """The listener's certificate and what it asks of a modality's (PS3.15 B.12: TLS 1.2 up)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate_file, tls.key_file)
        if tls.ca_file is not None:
            context.load_verify_locations(tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("certificate-unusable", type(error).__name__) from error
    if tls.require_client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
    elif tls.ca_file is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _bound(stack: ExitStack, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        made = stack.enter_context(socket.create_server((address, port), family=family))
    except OSError as error:
        raise ConfigError("port-unusable", f"{port}: {error.strerror}") from error
    made.listen(_BACKLOG)
    return made
