"""A DICOM requestor whose socket is closed however its association ends.

pynetdicom closes a socket only after it could shut it down: one that could not connect, or whose
peer was gone first, stays open until it is collected as garbage.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from pynetdicom import AE
from pynetdicom.transport import AssociationSocket

if TYPE_CHECKING:
    import ssl

    from pynetdicom.association import Association
    from pynetdicom.transport import AddressInformation


class Connection(AssociationSocket):
    """The transport of one association; keeps why it could not connect."""

    failure: OSError | None = None

    def _create_socket(self, address: AddressInformation) -> socket.socket:
        """An unconnected socket that is bound to nothing.

        pynetdicom binds it to any port: a unit that may listen to nothing may not do even that.
        """
        family = socket.AF_INET if address.is_ipv4 else socket.AF_INET6
        made = socket.socket(family, socket.SOCK_STREAM)
        made.settimeout(self.assoc.network_timeout)
        self._is_connected = False
        return made

    def _shutdown_socket(self) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.failure = error
        connection = self.socket
        super()._shutdown_socket()
        if connection is not None:
            connection.close()


class Requestor(AE):
    """An application entity that remembers the connection of its one association."""

    connection: Connection | None = None

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> AssociationSocket:
        self.connection = Connection(assoc, address=address)
        self.connection.tls_args = tls_args
        return self.connection
