"""Mail: one `AlertSummary` to one address over SMTP (RFC 5321), always inside TLS.

A message counts as delivered at the server's 250 after the data, whatever happens to the connection
then. If the process dies between that 250 and its own record, the message is sent again with the
same Message-ID, by which mail systems and people recognise it.
"""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, cast

from appliance.alerts.channel import Channel, Content, Envelope, Receipt
from appliance.alerts.mail_text import render
from appliance.domain import TO_TECHNICIAN, AlertSummary, MessageKind
from appliance.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.alerts.catalogue import Catalogue
    from appliance.clock import Clock

_PERMANENT: Final = 500
_OK: Final = 250
_RCPT_OK: Final = (250, 251)


class MailSecurity(StrEnum):
    """How the connection is encrypted; there is no third way."""

    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """One mail server of the site YAML."""

    host: str
    port: int
    sender: str
    security: MailSecurity = MailSecurity.STARTTLS
    ca_file: Path | None = None
    """Who vouches for the server's certificate, where the system's list does not."""
    user: str = ""
    """Empty: the server wants no login."""
    password: str = field(default="", repr=False)
    answer_s: float = 15.0
    """Deadline of each answer."""
    whole_s: float = 60.0
    """Deadline of a whole message."""


class EmailChannel(Channel):
    """Mails alerts through one server."""

    kind: ClassVar[str] = "email"
    carries: ClassVar[type[AlertSummary]] = AlertSummary

    def __init__(self, settings: EmailSettings, texts: Catalogue, clock: Clock) -> None:
        self._settings = settings
        self._texts = texts
        self._clock = clock

    def _send(self, envelope: Envelope, content: Content) -> Receipt:
        summary = cast("AlertSummary", content)  # `Channel.send` let nothing else pass
        message = self._compose(envelope, summary)
        with _plain_errors(), self._connected() as client:
            return _hand_over(client, self._settings.sender, envelope.recipient, message)

    def greet(self) -> float:
        """Connect, encrypt and log in as for an alert, and send nothing.

        Returns when the server's certificate ends, in seconds since 1970. Raises DeliveryError.
        """
        with _plain_errors(), self._connected() as client:
            encrypted = cast("ssl.SSLSocket", client.sock)
            shown = cast("dict[str, str]", encrypted.getpeercert())
            return float(ssl.cert_time_to_seconds(shown["notAfter"]))

    def _compose(self, envelope: Envelope, summary: AlertSummary) -> bytes:
        text = render(summary, envelope.stage, self._texts)
        message = EmailMessage(policy=SMTP_POLICY)
        try:
            sender = Address(addr_spec=self._settings.sender)
            message["From"] = Address("Osteon", sender.username, sender.domain)
            message["To"] = Address(addr_spec=envelope.recipient)
            message["Subject"] = text.subject
            message["Message-ID"] = message_id(envelope, sender.domain)
            if summary.case:
                # Lets mail programs show all messages of a case as one conversation.
                message["References"] = f"<osteon.case.{summary.case}@{sender.domain}>"
            for name, value in _headers(summary).items():
                message[name] = value
        except (ValueError, IndexError, MessageError) as error:
            raise DeliveryError("mail-address-invalid", permanent=True) from error
        message["Date"] = _date(self._clock.now())
        message.set_content(text.body)
        return message.as_bytes()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A connection inside TLS, logged in where the site says so; never a clear-text one."""
        settings = self._settings
        trust = _trust(settings.ca_file)
        here = socket.gethostname()  # the library's own default asks the DNS, which may be down
        client: smtplib.SMTP
        if settings.security is MailSecurity.TLS:
            client = smtplib.SMTP_SSL(
                settings.host, settings.port, here, timeout=settings.answer_s, context=trust
            )
        else:
            client = smtplib.SMTP(settings.host, settings.port, here, timeout=settings.answer_s)
        # Each answer has its own deadline; this one ends a server that answers drop by drop.
        guard = threading.Timer(settings.whole_s, _hang_up, (client,))
        guard.daemon = True
        guard.start()
        try:
            client.ehlo_or_helo_if_needed()
            if settings.security is MailSecurity.STARTTLS:
                if not client.has_extn("starttls"):
                    raise DeliveryError("mail-starttls-missing", permanent=True)
                client.starttls(context=trust)
                client.ehlo()
            if settings.user:
                client.login(settings.user, settings.password)
            yield client
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
        finally:
            guard.cancel()
            client.close()


def message_id(envelope: Envelope, domain: str) -> str:
    """The same for the same delivery, before and after a crash."""
    name = f"{envelope.outbox}\n{envelope.stage}\n{envelope.recipient}"
    return f"<osteon.{hashlib.sha256(name.encode()).hexdigest()[:32]}@{domain}>"


def _headers(summary: AlertSummary) -> dict[str, str]:
    always = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if summary.kind in TO_TECHNICIAN | {MessageKind.TEST}:
        return always
    return {**always, "Importance": "high", "Priority": "urgent", "X-Priority": "1"}


def _date(now: float) -> datetime:
    try:
        return datetime.fromtimestamp(now, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)  # a clock beyond all years must not stop an alert


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file and str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise DeliveryError("ca-file-unusable", permanent=True) from error


def _hang_up(client: smtplib.SMTP) -> None:
    with suppress(OSError, AttributeError):
        if client.sock is not None:
            client.sock.shutdown(socket.SHUT_RDWR)


def _hand_over(client: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> Receipt:
    """MAIL, RCPT, DATA. The last 250 is the delivery."""
    code, answer = client.mail(sender)
    if code == _OK:
        code, answer = client.rcpt(recipient)
        if code in _RCPT_OK:
            code, answer = client.data(message)
            if code == _OK:
                return Receipt(f"{code} {answer.decode('ascii', 'replace')}")
    raise smtplib.SMTPResponseException(code, answer)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """The library's errors as ours. The server's words stay out: they may quote the message."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        permanent = error.smtp_code >= _PERMANENT
        raise DeliveryError(
            "mail-login-refused", str(error.smtp_code), permanent=permanent
        ) from error
    except smtplib.SMTPResponseException as error:
        permanent = error.smtp_code >= _PERMANENT
        code = "mail-refused" if permanent else "mail-deferred"
        raise DeliveryError(code, str(error.smtp_code), permanent=permanent) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryError("mail-login-unsupported", permanent=True) from error
    except smtplib.SMTPServerDisconnected as error:
        # The library tells a passed deadline and a closed connection in the same words.
        silent = isinstance(error.__context__, TimeoutError)
        raise DeliveryError("mail-timeout" if silent else "mail-disconnected") from error
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError("mail-certificate", str(error.verify_code), permanent=True) from error
    except ssl.SSLError as error:
        raise DeliveryError("mail-tls-failed") from error
    except TimeoutError as error:
        raise DeliveryError("mail-timeout") from error
    except socket.gaierror as error:
        raise DeliveryError("mail-host-unknown") from error
    except OSError as error:
        raise DeliveryError("mail-unreachable") from error
