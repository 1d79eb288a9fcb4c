"""The device's own key, as a role or a verb of root comes by it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from appliance.config.schema import Site
from appliance.config.secrets import secret_place
from appliance.errors import SignatureError
from appliance.provision.identity import open_signer
from appliance.provision.keyseal import SYSTEM_SEALS
from appliance.signing import DeviceSigner

_IDENTITY: Final = Path("/etc/osteon/identity")
_CREDENTIALS: Final = ("osteon-device-key", "osteon-device-key-in-clear")
"""The second one on a machine that could not seal it."""


def signer_of(site: Site) -> DeviceSigner:
    """The device's key: systemd's credential, the file of the YAML, or, for root, its identity.

    Raises:
        SignatureError: `device-key-missing`, `device-key-invalid`.
        StorageError: `identity-broken`.
    """
    given = (secret_place(None, name, os.environ) for name in _CREDENTIALS)
    place = next((each for each in given if each is not None), None)
    if place is None and site.device_key_file is not None:
        place = Path(site.device_key_file)
    if place is None and os.geteuid() == 0:
        return open_signer(_IDENTITY, SYSTEM_SEALS)
    if place is None:
        raise SignatureError("device-key-missing")
    try:
        return DeviceSigner.from_pem(place.read_bytes())
    except OSError:
        raise SignatureError("device-key-missing") from None
