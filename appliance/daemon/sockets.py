"""The listener's sockets: systemd's, when it hands some over, else bound here."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from systemd import daemon

from appliance import journal
from appliance.config.receiving import Dicom
from appliance.config.socket_units import BACKLOG, wanted_ports
from appliance.errors import ConfigError


def listening_sockets(dicom: Dicom, stack: ExitStack) -> dict[str, socket.socket]:
    """The listening sockets that the YAML asks for, by `PLAIN` and `TLS`; the stack closes them.

    Raises:
        ConfigError: `port-unusable`; `sockets-differ`, systemd made its sockets by another YAML.
    """
    wanted = wanted_ports(dicom)
    handed = daemon.listen_fds_with_names()
    if not handed:
        return {name: _bound(stack, dicom.address, port) for name, port in wanted.items()}
    found = {name: stack.enter_context(socket.socket(fileno=fd)) for fd, name in handed.items()}
    if found.keys() != wanted.keys():
        raise ConfigError("sockets-differ", ", ".join(sorted(found)))
    for name, port in wanted.items():
        if found[name].getsockname()[1] != port:
            # Better received on the port before than not at all; `osteon config diff` says it too.
            journal.warn("port-awaits-restart", port=port)
    return found


def _bound(stack: ExitStack, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        made = stack.enter_context(socket.create_server((address, port), family=family))
    except OSError as error:
        raise ConfigError("port-unusable", f"{port}: {error.strerror}") from error
    made.listen(BACKLOG)
    return made
