"""The systemd socket units of the DICOM listener, made from the site YAML: its port has one truth.

`provisioning/systemd/osteon-generator` writes them at boot and at `systemctl daemon-reload`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from appliance.config.receiving import Dicom

PLAIN: Final = "dicom"
"""What the plain listener's socket is called when it is handed over (FileDescriptorName=)."""
TLS: Final = "dicom-tls"
"""The same of the encrypted listener."""
BACKLOG: Final = 128
"""Connections that wait while the receiver is being started again."""
_UNITS: Final = {PLAIN: "osteon-receive.socket", TLS: "osteon-receive-tls.socket"}


def wanted_ports(dicom: Dicom) -> Mapping[str, int]:
    """The port of each listener that the YAML asks for, by `PLAIN` and `TLS`."""
    ports = {PLAIN: dicom.port}
    if dicom.tls is not None:
        ports[TLS] = dicom.tls.port
    return ports


def socket_units(dicom: Dicom) -> Mapping[str, str]:
    """The text of each socket unit, by its file's name."""
    return {
        _UNITS[listener]: _unit(listener, dicom.address, port)
        for listener, port in wanted_ports(dicom).items()
    }


def _unit(listener: str, address: str, port: int) -> str:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"""\
# Made by osteon-generator from the site YAML; change the port there, then
# `systemctl daemon-reload` and `systemctl restart osteon.target`.
[Unit]
Description=Osteon: DICOM listener, {"TLS" if listener == TLS else "plain"}, port {port}
Documentation=file:///usr/share/doc/osteon/manual/05-running.md
SourcePath=/etc/osteon/site.yaml
PartOf=osteon.target

[Socket]
ListenStream={place}
# The address may come up later than this unit.
FreeBind=yes
Backlog={BACKLOG}
FileDescriptorName={listener}
Service=osteon-receive.service
"""
