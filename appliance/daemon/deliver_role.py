"""The deliverer's composition: channels, PACS and the alert ladder from the site YAML."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.alerts.catalogue import load
from appliance.alerts.email import EmailChannel, EmailSettings, MailSecurity
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.config.secrets import read_secret, secret_place
from appliance.daemon.state import master_key, state_folder, when_there
from appliance.domain import OutboxItem
from appliance.errors import StorageError
from appliance.ledger.delivery import DeliveryLedger, Destination
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.pipeline.deliver.deliverer import Deliverer
from appliance.pipeline.deliver.pacs import Pacs, PacsPeer
from appliance.pipeline.deliver.schedule import Policy, Step
from appliance.pipeline.deliver.senders import ArchiveSender, ChannelSender, ReadBlob, Sender
from appliance.sealing import MasterKey
from appliance.storage import BlobStore

_MAIL: Final = "mail"


def deliver(site: Site, stop: threading.Event, clock: Clock) -> None:
    """Deliver until asked to stop."""
    state = state_folder(site)
    master = master_key(site)
    with ExitStack() as stack:
        ledger = DeliveryLedger(state.delivery)
        stack.callback(ledger.close)
        intake = when_there(partial(IntakeLedger, state.intake, read_only=True), stop, clock)
        stack.callback(intake.close)
        work = when_there(partial(WorkLedger, state.work, read_only=True), stop, clock)
        stack.callback(work.close)
        read_blob = _reader(intake, master, BlobStore(state.results))
        deliverer = Deliverer(
            outbox=work,
            ledger=ledger,
            senders=dict(_senders(site, read_blob, clock)),
            policy=policy(site),
            clock=clock,
            site=site.site.name,
        )
        journal.event("delivering")
        deliverer.run(stop)


def policy(site: Site) -> Policy:
    """The alert ladder, and where everything else goes."""
    wait_s = 60.0 * site.alerts.unacknowledged_after_minutes
    return Policy(
        steps=tuple(
            Step(
                (
                    *(Destination(_MAIL, address) for address in step.email),
                    *(Destination(_printer(name)) for name in step.printers),
                ),
                wait_s,
            )
            for step in site.alerts.steps
        ),
        results=tuple(Destination(_pacs(each.name)) for each in site.pacs),
        technical=tuple(Destination(_MAIL, address) for address in site.alerts.technician.email),
        page_channels=frozenset(_printer(each.name) for each in site.printers),
    )


def _senders(site: Site, read_blob: ReadBlob, clock: Clock) -> Iterator[tuple[str, Sender]]:
    own_name = site.dicom.ae_title
    mail = EmailChannel(_mail(site), load(site.site.language), clock)
    yield _MAIL, ChannelSender(mail, read_blob, own_name)
    for printer in site.printers:
        settings = PrinterSettings(
            printer.uri, _path(printer.ca_file), counts_pages=printer.counts_pages
        )
        paper = PrinterChannel(settings)
        yield _printer(printer.name), ChannelSender(paper, read_blob, own_name)
    for each in site.pacs:
        peer = PacsPeer(each.ae_title, each.host, each.port, each.tls, _path(each.ca_file))
        yield _pacs(each.name), ArchiveSender(Pacs(peer, own_name), read_blob)


def _mail(site: Site) -> EmailSettings:
    mail = site.mail
    place = secret_place(mail.password_file, "mail-password", os.environ) if mail.login else None
    return EmailSettings(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        security=MailSecurity(mail.security),
        ca_file=_path(mail.ca_file),
        user=mail.login or "",
        password=read_secret(place) if place else "",
    )


def _reader(intake: IntakeLedger, master: MasterKey, results: BlobStore) -> ReadBlob:
    guard = threading.Lock()

    def read(item: OutboxItem, name: str) -> bytes:
        with guard:  # the ledger is for one thread at a time; each channel has a worker
            wrapped = intake.wrapped_keyset(item.study)
        if wrapped is None:
            raise StorageError("ledger-broken", "intake.db")
        with master.open_keyset(item.study, wrapped).reader(results.open(name)) as stream:
            return stream.read()

    return read


def _printer(name: str) -> str:
    return f"printer:{name}"


def _pacs(name: str) -> str:
    return f"pacs:{name}"


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
