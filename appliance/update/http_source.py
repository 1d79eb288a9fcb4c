"""A repository on any static web server, over urllib3, held to a pace from the first byte on.

urllib3's own timeouts are for each single read, so that one byte every few seconds, in the headers
too, would hold a check for ever. Here each read of the socket asks the meter how long it may wait.
"""

from __future__ import annotations

import io
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from appliance.clock import Clock
from appliance.errors import UpdateError
from appliance.update.pace import Meter, Pace
from appliance.update.source import AbsentError, Pieces, ShrunkError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK: Final = 1 << 16
_OK: Final = 200
_PARTIAL: Final = 206
_ABSENT: Final = frozenset({403, 404})
"""Object stores say 403 for what is not there; TUF's client takes both for the end of the roots."""
_BEYOND: Final = 416
_USER_AGENT: Final = "osteon"


class HttpSource:
    """Files below a base address; `https`, or `http` inside a site: trust comes from TUF.

    ca_file: PEM file with the server's authority; None: those of the system. proxy: its address.
    One such object is one attempt: the deadline of `pace` runs from its making.
    """

    def __init__(
        self, url: str, clock: Clock, pace: Pace, *, ca_file: Path | None, proxy: str | None
    ) -> None:
        self._url = url.rstrip("/")
        self._clock = clock
        self._pace = pace
        self._begun = clock.monotonic()
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._proxy = proxy

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self._url

    def read(self, path: str, begin: int = 0) -> Pieces:
        """See `Source.read`."""
        meter = Meter(self._pace, self._clock, self._begun)
        manager = self._manager(meter)
        headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if begin:
            headers["Range"] = f"bytes={begin}-"
        try:
            response = manager.request(
                "GET",
                f"{self._url}/{quote(path)}",
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(meter.patience()),
            )
        except (HTTPError, OSError, ValueError) as error:
            raise _unreachable(error) from None
        try:
            place = _place(response, begin)
            while piece := response.read1(_CHUNK):
                yield place, piece
                place += len(piece)
        except (HTTPError, OSError) as error:
            raise _unreachable(error) from None
        finally:
            response.close()

    def _manager(self, meter: Meter) -> urllib3.PoolManager:
        if self._context is None and self._url.startswith("https"):
            self._context = _context(self._ca_file)
        manager = (
            urllib3.PoolManager(ssl_context=self._context)
            if self._proxy is None
            else urllib3.ProxyManager(self._proxy, ssl_context=self._context)
        )
        manager.pool_classes_by_scheme = _paced_pools(meter)
        return manager


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UpdateError("update-source-unreachable", type(error).__name__) from None


def _place(response: BaseHTTPResponse, begin: int) -> int:
    """Where the body begins in the file."""
    status = response.status
    if status in _ABSENT:
        raise AbsentError
    if status == _BEYOND:
        raise ShrunkError
    if status == _OK:
        return 0
    expected = f"bytes {begin}-"
    if status == _PARTIAL and response.headers.get("Content-Range", "").startswith(expected):
        return begin
    raise UpdateError("update-source-unreachable", f"HTTP status {status}")


def _unreachable(error: Exception) -> UpdateError:
    was_refused = isinstance(error, NewConnectionError)  # which urllib3 counts among its timeouts
    if not was_refused and isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return UpdateError("update-source-slow", "silent for too long")
    return UpdateError("update-source-unreachable", type(error).__name__)


class _PacedReader(io.RawIOBase):
    """What is read from a socket, each read no longer than the meter allows."""

    def __init__(self, sock: socket.socket, meter: Meter) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        self._sock.settimeout(self._meter.patience())
        count = self._raw.readinto(buffer)
        self._meter.took(count or 0)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _PacedSocket:
    """A connected socket whose reading end is paced; all else is the socket's own."""

    def __init__(self, sock: socket.socket, meter: Meter) -> None:
        self._sock = sock
        self._meter = meter

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the socket has
        return getattr(self._sock, name)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(_PacedReader(self._sock, self._meter))


def _paced_pools(meter: Meter) -> dict[str, type[HTTPConnectionPool]]:
    """Urllib3's pools; their connections read through the meter once they stand."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = _PacedSocket(self.sock, meter)

    class Secured(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = _PacedSocket(self.sock, meter)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}
