"""Whether every host name of the site YAML can be found."""

from __future__ import annotations

import socket
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from appliance.checks.probe import Probe, Surroundings, none_here
from appliance.checks.result import CheckResult, ok
from appliance.config.schema import Site
from appliance.errors import CheckError


def names(around: Surroundings) -> tuple[Probe, ...]:
    """One for each name; addresses in digits need no look-up."""
    return tuple(
        Probe(f"name {host}", partial(_look_up, host))
        for host in hosts(around.site)
        if not _is_address(host)
    ) or none_here("names")


def hosts(site: Site) -> tuple[str, ...]:
    """Every host that the box calls, each once."""
    printers = (urlsplit(printer.uri).hostname or "" for printer in site.printers)
    return tuple(dict.fromkeys([site.mail.host, *(each.host for each in site.pacs), *printers]))


def _look_up(host: str) -> CheckResult:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise CheckError("host-unknown", f"{host}: {error.strerror}") from error
    found = dict.fromkeys(str(answer[4][0]) for answer in answers)
    return ok(f"name {host}", ", ".join(found))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
