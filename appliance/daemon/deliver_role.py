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
from appliance.config.schema import Pacs as PacsOfSite
from appliance.config.schema import Printer, Site
from appliance.config.secrets import read_secret, secret_place
from appliance.daemon.audit_watch import AuditWatch
from appliance.daemon.fact_finding import FactFinder
from appliance.daemon.forgetting import DeliveryForgetting, Seldom
from appliance.daemon.health_watch import HealthWatch
from appliance.daemon.metrics import served
from appliance.daemon.notify import Notifier
from appliance.daemon.site_file import SiteFile
from appliance.daemon.starts import note_start
from appliance.daemon.state import master_key, reserve_in, state_folder, when_there
from appliance.domain import OutboxItem
from appliance.errors import StorageError
from appliance.ledger.delivery import DeliveryLedger, Destination
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.loops import Loops
from appliance.pipeline.deliver.deliverer import Deliverer
from appliance.pipeline.deliver.pacs import Pacs, PacsPeer
from appliance.pipeline.deliver.schedule import Policy, Step
from appliance.pipeline.deliver.senders import ArchiveSender, ChannelSender, ReadBlob, Sender
from appliance.sealing import MasterKey
from appliance.storage import BlobStore, make_folder

_MAIL: Final = "mail"


def deliver(site_file: SiteFile, stop: threading.Event, clock: Clock) -> None:
    """Deliver until asked to stop; another site YAML is put into use between two turns."""
    site = site_file.site
    state = state_folder(site)
    master = master_key(site)
    loops = Loops(clock)
    notifier = Notifier(loops, clock)
    with ExitStack() as stack:
        stack.callback(notifier.close)
        make_folder(state.deliver)
        reserve = reserve_in(state.deliver)
        reserve.look()
        note_start(state.deliver, clock)
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
            loops=loops,
        )

        audit = AuditWatch(state, site.audit.syslog, site.site.name, loops.add("audit"), clock)
        finder = FactFinder(state, master, _ask_printer, clock, audit)
        stack.callback(finder.close)
        health = HealthWatch(
            finder=finder,
            teller=deliverer,
            site=site,
            last_report=ledger.last_report(),
            loop=loops.add("health"),
            clock=clock,
        )
        if site.health.metrics_port is not None:
            stack.enter_context(served(state, site.health.metrics_port, clock))

        def adopt(renewed: Site) -> None:
            senders = dict(_senders(renewed, read_blob, clock))
            deliverer.adopt(senders, policy(renewed), renewed.site.name)
            health.adopt(renewed)

        forget = Seldom(DeliveryForgetting(state.delivery, ledger, work).look, clock)

        def between_turns() -> None:
            reserve.look()
            forget()
            site_file.reload_if_asked(adopt)

        site_file.is_up()
        journal.event("delivering")
        notifier.ready("Delivering")
        with health.beside(stop), audit.beside(stop):
            deliverer.run(stop, between_turns)


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
    mail = EmailChannel(mail_settings(site), load(site.site.language), clock)
    yield _MAIL, ChannelSender(mail, read_blob, own_name)
    for printer in site.printers:
        paper = PrinterChannel(printer_settings(printer))
        yield _printer(printer.name), ChannelSender(paper, read_blob, own_name)
    for each in site.pacs:
        yield _pacs(each.name), ArchiveSender(Pacs(pacs_peer(each), own_name), read_blob)


def _ask_printer(printer: Printer) -> tuple[str, ...]:
    return PrinterChannel(printer_settings(printer)).ask()


def mail_settings(site: Site) -> EmailSettings:
    """The mail server, with its password. Raises ConfigError as `read_secret`."""
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


def printer_settings(printer: Printer) -> PrinterSettings:
    """A printer of the site YAML."""
    return PrinterSettings(printer.uri, _path(printer.ca_file), counts_pages=printer.counts_pages)


def pacs_peer(pacs: PacsOfSite) -> PacsPeer:
    """A PACS of the site YAML."""
    return PacsPeer(pacs.ae_title, pacs.host, pacs.port, pacs.tls, _path(pacs.ca_file))


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
