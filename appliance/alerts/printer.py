"""Paper: a PDF page to a network printer or a CUPS queue, over IPP (RFC 8010 and 8011).

A printer that says "successful-ok" has only taken the job. The job is followed to its end, and a
job that "completed" without an impression, or while the printer lacks paper, is a failure. A job
that did not come out is cancelled: the page names a patient and must not wait in a queue, and the
next attempt must not print it twice.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import aiohttp
from pyipp import IPP
from pyipp.enums import IppJobState, IppOperation, IppStatus
from pyipp.exceptions import IPPConnectionError, IPPError, IPPResponseError

from appliance.alerts.channel import Channel, Content, Envelope, Page, Receipt, printable
from appliance.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NO_PAPER: Final = ("media-empty", "media-needed", "media-jam", "input-tray-missing")
_OUT_OF_ORDER: Final = (
    "stopped",
    "paused",
    "shutdown",
    "cover-open",
    "door-open",
    "interlock-open",
    "toner-empty",
    "marker-supply-empty",
    "developer-empty",
    "offline",
    "cups-missing-filter",
)
_MOST_REASONS: Final = 200
_TO_WAIT_FOR: Final = frozenset({IppJobState.PENDING, IppJobState.PROCESSING})
_BUSY: Final = frozenset({IppStatus.ERROR_BUSY, IppStatus.ERROR_TOO_MANY_JOBS})
_PASSING: Final = _BUSY | frozenset(
    {
        IppStatus.ERROR_TEMPORARY,
        IppStatus.ERROR_SERVICE_UNAVAILABLE,
        IppStatus.ERROR_INTERNAL,
        IppStatus.ERROR_DEVICE,
        IppStatus.ERROR_NOT_ACCEPTING_JOBS,
        IppStatus.ERROR_TIMEOUT,
        IppStatus.ERROR_PRINTER_IS_DEACTIVATED,
    }
)


@dataclass(frozen=True, slots=True)
class PrinterSettings:
    """One printer of the site YAML."""

    uri: str
    """Such as `ipp://printer.example/ipp/print` or `ipps://cups.example:631/printers/er`."""
    ca_file: Path | None = None
    """For `ipps`: who vouches for the printer's certificate, where the system's list does not."""
    counts_pages: bool = True
    """False for a printer that reports 0 impressions although paper came out."""
    request_s: float = 10.0
    """Deadline of one request."""
    printing_s: float = 90.0
    """How long a job may take from being accepted to lying in the tray."""
    poll_s: float = 0.5


@dataclass(frozen=True, slots=True)
class _Job:
    """What the printer says about a job and about itself."""

    state: int
    impressions: int | None
    reasons: frozenset[str]

    def lacks(self, keywords: tuple[str, ...]) -> bool:
        """Whether a reason is one of the keywords, with or without a severity suffix."""
        return any(reason.startswith(keywords) for reason in self.reasons)


class PrinterChannel(Channel):
    """Prints pages on one printer."""

    kind: ClassVar[str] = "printer"
    carries: ClassVar[type[Page]] = Page

    def __init__(self, settings: PrinterSettings) -> None:
        self._settings = settings

    def _send(self, envelope: Envelope, content: Content) -> Receipt:
        del envelope  # a printer has no recipient, and paper no message identifier
        page = cast("Page", content)  # `Channel.send` let nothing else pass
        with _plain_errors():
            return asyncio.run(self._print(page))

    def ask(self) -> tuple[str, ...]:
        """Ask the printer for its state, and print nothing.

        Returns what it wants although it prints, in IPP's keywords; empty when it is ready.
        Raises DeliveryError for one that would not print.
        """
        with _plain_errors():
            return asyncio.run(self._ask())

    async def _ask(self) -> tuple[str, ...]:
        async with self._connection() as printer:
            answer = await printer.execute(
                IppOperation.GET_PRINTER_ATTRIBUTES,
                {"operation-attributes-tag": {**_USER, "requested-attributes": _STATE}},
            )
        states: list[dict[str, Any]] = answer["printers"]
        return _wants(states[0] if states else {})

    def _connection(self) -> IPP:
        return IPP(
            self._settings.uri,
            request_timeout=cast("int", self._settings.request_s),
            verify_ssl=cast("bool", self._trust()),
            user_agent="osteon",
        )

    async def _print(self, page: Page) -> Receipt:
        async with self._connection() as printer:
            number = await _hand_over(printer, page)
            try:
                async with asyncio.timeout(self._settings.printing_s):
                    return await self._follow(printer, number)
            except TimeoutError:
                reasons = await _printer_reasons(printer)
                await _cancel(printer, number)
                raise _not_printed(reasons) from None
            except (DeliveryError, IPPError):
                await _cancel(printer, number)
                raise

    async def _follow(self, printer: IPP, number: int) -> Receipt:
        """Poll until the job has ended; raises DeliveryError unless paper came out."""
        while True:
            job = await _ask(printer, number)
            match job.state:
                case IppJobState.COMPLETED:
                    self._check_paper(job)
                    return Receipt(f"job {number} completed, {job.impressions or '?'} page")
                case IppJobState.HELD:
                    raise DeliveryError("printer-held")
                case IppJobState.ABORTED | IppJobState.CANCELED:
                    raise DeliveryError("printer-gave-up")
                case _ if job.lacks(_NO_PAPER):
                    raise DeliveryError("printer-out-of-paper")
                case state if state not in _TO_WAIT_FOR or job.lacks(_OUT_OF_ORDER):
                    raise DeliveryError("printer-stopped")
                case _:
                    await asyncio.sleep(self._settings.poll_s)

    def _check_paper(self, job: _Job) -> None:
        if self._settings.counts_pages and job.impressions == 0:
            if job.lacks(_NO_PAPER):
                raise DeliveryError("printer-out-of-paper")
            # Trying again soon could print page after page on a printer that just cannot count.
            raise DeliveryError("printer-printed-nothing", permanent=True)
        if job.impressions is None and job.lacks(_NO_PAPER):
            raise DeliveryError("printer-out-of-paper")

    def _trust(self) -> ssl.SSLContext | bool:
        if self._settings.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self._settings.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise DeliveryError("ca-file-unusable", permanent=True) from error


@contextmanager
def _plain_errors() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except IPPConnectionError as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectorCertificateError):
            raise DeliveryError("printer-certificate", permanent=True) from error
        raise DeliveryError("printer-unreachable") from error
    except IPPResponseError as error:
        raise DeliveryError("printer-refused", "HTTP", permanent=True) from error
    except IPPError as error:
        raise _refusal(error) from error


_STATE: Final = ["printer-state", "printer-state-reasons", "printer-is-accepting-jobs"]
_STOPPED: Final = 5
"""printer-state (RFC 8011 5.4.11)."""


def _wants(state: Mapping[str, Any]) -> tuple[str, ...]:
    reasons = _keywords(state.get("printer-state-reasons")) - {"none"}
    shown = printable(", ".join(sorted(reasons)), _MOST_REASONS)
    if _is_empty(reasons):
        raise DeliveryError("printer-out-of-paper", shown)
    is_stopped = state.get("printer-state") == _STOPPED
    if is_stopped or any(reason.startswith(_OUT_OF_ORDER) for reason in reasons):
        raise DeliveryError("printer-stopped", shown)
    if state.get("printer-is-accepting-jobs") is False:
        raise DeliveryError("printer-refused", "it takes no jobs")
    return tuple(printable(reason, _MOST_REASONS) for reason in sorted(reasons))


_USER: Final = {"requesting-user-name": "osteon"}


def _print_job(page: Page) -> dict[str, Any]:
    """The job's name reaches banners and logs of the print server: the case code alone."""
    return {
        "operation-attributes-tag": {
            **_USER,
            "job-name": page.case,
            "document-format": "application/pdf",
        },
        "data": page.pdf,
    }


async def _hand_over(printer: IPP, page: Page) -> int:
    """The job's number; raises DeliveryError when it is not taken for want of paper."""
    try:
        answer = await printer.execute(IppOperation.PRINT_JOB, _print_job(page))
    except IPPError as error:
        # A job that waits for paper, or was cancelled while it did, keeps some printers busy.
        if _status(error) in _PASSING and _is_empty(await _printer_reasons(printer)):
            raise DeliveryError("printer-out-of-paper") from error
        raise
    return int(answer["jobs"][0]["job-id"])


async def _ask(printer: IPP, number: int) -> _Job:
    answer = await printer.execute(
        IppOperation.GET_JOB_ATTRIBUTES,
        {
            "operation-attributes-tag": {
                "job-id": number,
                **_USER,
                "requested-attributes": [
                    "job-state",
                    "job-state-reasons",
                    "job-impressions-completed",
                    "job-media-sheets-completed",
                    "job-printer-state-reasons",
                ],
            }
        },
    )
    job = answer["jobs"][0]
    counts = [
        job[name]
        for name in ("job-impressions-completed", "job-media-sheets-completed")
        if isinstance(job.get(name), int)
    ]
    reasons = _keywords(job.get("job-state-reasons")) | await _printer_reasons(printer)
    return _Job(int(job["job-state"]), max(counts, default=None), reasons)


async def _printer_reasons(printer: IPP) -> frozenset[str]:
    """Why the printer itself does not print; empty when it does not say."""
    with suppress(IPPError):
        answer = await printer.execute(
            IppOperation.GET_PRINTER_ATTRIBUTES,
            {
                "operation-attributes-tag": {
                    **_USER,
                    "requested-attributes": "printer-state-reasons",
                }
            },
        )
        states: list[dict[str, Any]] = answer["printers"]
        return _keywords(states[0].get("printer-state-reasons") if states else None)
    return frozenset()


def _keywords(value: object) -> frozenset[str]:
    """One keyword or several, as the parser leaves them."""
    return frozenset(map(str, value if isinstance(value, list) else [value or "none"]))


async def _cancel(printer: IPP, number: int) -> None:
    with suppress(IPPError):
        await printer.execute(
            IppOperation.CANCEL_JOB, {"operation-attributes-tag": {"job-id": number, **_USER}}
        )


def _is_empty(reasons: frozenset[str]) -> bool:
    return any(reason.startswith(_NO_PAPER) for reason in reasons)


def _not_printed(reasons: frozenset[str]) -> DeliveryError:
    return DeliveryError("printer-out-of-paper" if _is_empty(reasons) else "printer-stuck")


def _refusal(error: IPPError) -> DeliveryError:
    """An IPP status: some pass by themselves, the others need a technician."""
    status = _status(error)
    detail = type(error).__name__ if status is None else f"IPP {status:#06x}"
    if status in _BUSY:
        return DeliveryError("printer-busy", detail)
    return DeliveryError("printer-refused", detail, permanent=status not in _PASSING)


def _status(error: IPPError) -> int | None:
    particulars = error.args[1] if len(error.args) > 1 else {}
    status = particulars.get("status-code")
    return status if isinstance(status, int) else None
