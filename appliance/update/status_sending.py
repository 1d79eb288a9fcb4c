"""The signed status on its way: always written for pick-up, posted where the site names an address.

What cannot be sent stops nothing: the next status says all that this one did.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError

from appliance.errors import UpdateError
from appliance.signing import DeviceSigner
from appliance.storage import write_durably
from appliance.update.status import PAYLOAD_TYPE, Status

STATUS: Final = "status.json"
"""Its name in the update unit's folder."""
_FOR_THE_GROUP: Final = 0o640
_PATIENCE: Final = urllib3.Timeout(total=30.0)
_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class StatusAddress:
    """Where statuses are posted; https. ca_file: the server's authority, None: the system's."""

    url: str
    ca_file: Path | None = None
    proxy: str | None = None


def put_out(status: Status, signer: DeviceSigner, folder: Path) -> bytes:
    """Sign a status and leave it for pick-up; returns the envelope.

    Raises:
        StorageError: `disk-full`, `storage-failed`.
    """
    envelope = signer.envelope(status.to_json(), PAYLOAD_TYPE)
    write_durably(folder / STATUS, envelope, mode=_FOR_THE_GROUP)
    return envelope


def post(envelope: bytes, to: StatusAddress) -> None:
    """Post a signed status.

    Raises:
        UpdateError: `update-status-unsent`.
    """
    try:
        context = ssl.create_default_context(cafile=to.ca_file)
        manager = (
            urllib3.PoolManager(ssl_context=context)
            if to.proxy is None
            else urllib3.ProxyManager(to.proxy, ssl_context=context)
        )
        answer = manager.request(
            "POST",
            to.url,
            body=envelope,
            headers={"Content-Type": "application/json", "User-Agent": "osteon"},
            timeout=_PATIENCE,
            retries=False,
            redirect=False,
        )
    except (HTTPError, OSError, ValueError) as error:
        raise UpdateError("update-status-unsent", type(error).__name__) from None
    if answer.status not in _SUCCESS:
        raise UpdateError("update-status-unsent", f"HTTP status {answer.status}")
