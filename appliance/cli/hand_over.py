"""`osteon hand-over`: the sheet that a technician signs and leaves with the hospital."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.alerts.channel import Envelope, Page
from appliance.alerts.printer import PrinterChannel
from appliance.cli.first_boot import identity_option
from appliance.cli.options import config_option, site_of
from appliance.cli.presentation import screen
from appliance.clock import SystemClock, set_local_zone
from appliance.config.schema import Printer, Site
from appliance.daemon.deliver_role import printer_settings
from appliance.domain import CaseCode
from appliance.errors import UsageError
from appliance.provision.handover import gather
from appliance.provision.handover_page import render_handover
from appliance.storage import write_durably


@click.command("hand-over")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to put the PDF."
)
@click.option("--print", "printer", metavar="PRINTER", help="Name of a printer of the site YAML.")
@identity_option
@config_option
def hand_over(output: Path | None, printer: str | None, identity: Path, config: Path) -> None:
    """Make the one-page hand-over sheet: versions, fingerprints, address, what was tested."""
    if output is None and printer is None:
        raise UsageError("sheet-without-place")
    site = site_of(config)
    paper = None if printer is None else printer_named(site.printers, printer)
    pdf = sheet(site, config, identity)
    out = screen()
    if output is not None:
        write_durably(output, pdf, mode=0o644)
        out.print(f"{output}: one A4 page.", soft_wrap=True)
    if paper is not None:
        out.print(f"printed: {print_sheet(paper, pdf)}", soft_wrap=True)


def sheet(site: Site, config: Path, identity: Path) -> bytes:
    """The sheet as PDF, in the site's own time. Raises ConfigError and StorageError."""
    set_local_zone(site.site.time_zone)
    return render_handover(gather(config, identity, SystemClock().now()))


def print_sheet(paper: PrinterChannel, pdf: bytes) -> str:
    """What the printer said. Raises DeliveryError."""
    # The code is the job's name; a sheet belongs to no study.
    return paper.send(Envelope("", 0, ""), Page(CaseCode("hand-over"), pdf)).text


def printer_named(printers: tuple[Printer, ...], name: str) -> PrinterChannel:
    """A printer of the site YAML. Raises UsageError: `printer-not-in-yaml`."""
    for each in printers:
        if each.name == name:
            return PrinterChannel(printer_settings(each))
    known = ", ".join(each.name for each in printers)
    raise UsageError("printer-not-in-yaml", f"the site YAML knows: {known or 'none'}")
