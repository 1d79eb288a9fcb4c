"""The receiver's composition: sockets, limits and peers from the site YAML."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.config.receiving import ListenerTls
from appliance.config.schema import Site
from appliance.config.socket_units import PLAIN, TLS
from appliance.daemon.keeping import Keeper
from appliance.daemon.notify import Notifier
from appliance.daemon.site_file import SiteFile
from appliance.daemon.sockets import listening_sockets
from appliance.daemon.starts import note_start
from appliance.daemon.state import master_key, reserve_in, state_folder
from appliance.errors import ConfigError
from appliance.ledger.intake import IntakeLedger
from appliance.loops import Loops
from appliance.phantom import CALLING_AE_TITLE, here
from appliance.pipeline.receive import Endpoint, Limits, Peer, Receiver, ReceiverSettings
from appliance.storage import BlobStore, free_bytes, make_folder

_LOOK_SECONDS: Final = 1.0


def receive(site_file: SiteFile, stop: threading.Event, clock: Clock) -> None:
    """Listen and receive until asked to stop; another site YAML holds for new associations."""
    site = site_file.site
    state = state_folder(site)
    master = master_key(site)
    loops = Loops(clock)
    loop = loops.add("receiver")
    notifier = Notifier(loops, clock)
    with ExitStack() as stack:
        stack.callback(notifier.close)
        sockets = listening_sockets(site.dicom, stack)
        endpoints = [Endpoint(sockets[PLAIN])]
        if site.dicom.tls is not None:
            endpoints.append(Endpoint(sockets[TLS], tls_context(site.dicom.tls)))
        # Before the ledger, whose readers take the store as being there.
        make_folder(state.receive)
        reserve_in(state.receive).look()
        note_start(state.receive, clock)
        store = BlobStore(state.spool)
        ledger = IntakeLedger(state.intake)
        stack.callback(ledger.close)
        receiver = Receiver(
            endpoints,
            settings(site),
            ledger=ledger,
            store=store,
            master=master,
            clock=clock,
            free_bytes=partial(free_bytes, state.root),
            loops=loops,
        )
        receiver.start()
        stack.callback(receiver.stop)

        keeper = Keeper(
            state,
            site,
            upkeep=receiver.upkeep,
            loop=loops.add("keeper"),
            clock=clock,
        )
        stack.enter_context(keeper.beside())

        def adopt(renewed: Site) -> None:
            receiver.adopt(_with_tls_of(renewed, endpoints), settings(renewed))
            keeper.adopt(renewed)

        site_file.is_up()
        for endpoint in endpoints:
            journal.event("listening", port=endpoint.socket.getsockname()[1])
        ports = ", ".join(str(each.socket.getsockname()[1]) for each in endpoints)
        notifier.ready(f"Receiving on port {ports}")
        while not clock.wait(stop, _LOOK_SECONDS):
            loop.turned()
            site_file.reload_if_asked(adopt)
            if receiver.failure is not None:
                # Nothing can be acknowledged any more: a new process may find the disk mended.
                raise receiver.failure


def settings(site: Site) -> ReceiverSettings:
    """What the YAML says about receiving, in the receiver's own terms."""
    limits = site.dicom.limits
    return ReceiverSettings(
        ae_title=site.dicom.ae_title,
        peers=(
            *(
                Peer(modality.ae_title, ip_network(str(modality.address)))
                for modality in site.dicom.modalities
            ),
            Peer(CALLING_AE_TITLE, here(site.dicom.address).network),
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


def _with_tls_of(site: Site, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """The same sockets with the site's certificates; a restart opens and closes sockets."""
    tls = None if site.dicom.tls is None else tls_context(site.dicom.tls)
    return [replace(each, tls=tls or each.tls) if each.tls else each for each in endpoints]
