"""A mail server with the real protocol: aiosmtpd inside TLS, which can be told to misbehave."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from appliance.alerts.email import EmailSettings, MailSecurity

FROM_A_GUEST = "10.0.2.2"
"""How this host is called in an emulated machine."""
USER = "osteon"
PASSWORD = "correct horse"  # a simulator's


class Mood(StrEnum):
    """How the server takes a message."""

    KIND = "kind"
    DEFERS = "defers"
    REFUSES = "refuses"
    RESETS = "resets"
    """250, and then the connection is torn down."""


@dataclass
class MailServer:
    """A running server: what it got, and how it is to behave."""

    port: int
    ca_file: Path
    security: MailSecurity
    login: bool
    mood: Mood = Mood.KIND
    arrivals: queue.SimpleQueue[EmailMessage] = field(default_factory=queue.SimpleQueue)
    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def settings(self, **changes: Any) -> EmailSettings:
        """What the site YAML would say about this server."""
        known: dict[str, Any] = {
            "host": "localhost",
            "port": self.port,
            "sender": "osteon@hospital.example",
            "security": self.security,
            "ca_file": self.ca_file,
            "user": USER if self.login else "",
            "password": PASSWORD if self.login else "",
            "answer_s": 5.0,
        }
        return EmailSettings(**{**known, **changes})

    def next(self, seconds: float = 20.0) -> EmailMessage:
        """The next message, in the order of arrival."""
        return self.arrivals.get(timeout=seconds)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self._server.login and not session.authenticated:
            return "530 5.7.0 authentication required"
        match self._server.mood:
            case Mood.DEFERS:
                return "451 4.3.0 try again later"
            case Mood.REFUSES:
                return "550 5.7.1 never"
            case _:
                pass
        content = cast("bytes", envelope.content)
        message = cast("EmailMessage", message_from_bytes(content, policy=policy.default))
        self._server.raw.append(content)
        self._server.messages.append(message)
        self._server.arrivals.put(message)
        if self._server.mood is Mood.RESETS:
            await server.push("250 OK taken")
            server.transport.abort()
        return "250 OK taken as 1234"


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> Any:
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == known, handled=False)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def mail_server(
    folder: Path,
    security: MailSecurity = MailSecurity.STARTTLS,
    *,
    login: bool = False,
    port: int = 0,
) -> Iterator[MailServer]:
    """A server on loopback with a certificate of its own authority, which lies in `folder`."""
    authority = trustme.CA()
    ca_file = folder / "mail-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", FROM_A_GUEST).configure_cert(context)
    server = MailServer(port or free_port(), ca_file, security, login)
    options: dict[str, Any] = {"ready_timeout": 20}
    if login:
        options |= {"authenticator": _login}
    if security is MailSecurity.TLS:
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True}
    controller = Controller(_Handler(server), hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def swallow() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])

        thread = threading.Thread(target=swallow, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in kept:
            one.close()
