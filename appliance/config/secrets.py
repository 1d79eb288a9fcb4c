"""Secrets beside the site YAML: files that only their owner may read, or systemd credentials."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.errors import ConfigError

_FOREIGN: Final = stat.S_IRWXG | stat.S_IRWXO
_MOST_BYTES: Final = 4096


def secret_place(named: str | None, credential: str, environment: Mapping[str, str]) -> Path | None:
    """Where a secret lies: systemd's credential, else the file that the YAML names, else `None`.

    The credential comes first: systemd reads the file as root and hands it to this unit alone,
    whose own user may not read the file. One that holds nothing stands for "no such file".

    environment: of this process; systemd names the credentials' folder there.
    """
    folder = environment.get("CREDENTIALS_DIRECTORY")
    place = Path(folder, credential) if folder else None
    if place is not None and place.exists() and place.read_bytes().strip():
        return place
    return None if named is None else Path(named)


def check_secret(path: Path) -> None:
    """Refuse a secret that anybody but its owner may read.

    Raises:
        ConfigError: `secret-unreadable`, `secret-exposed`.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError("secret-unreadable", f"{path}: {error.strerror}") from error
    # systemd's credentials are readable by the unit's group in some versions, inside a folder that
    # is closed: what counts is whether somebody else can reach the file, behind all links.
    if mode & _FOREIGN and path.resolve().parent.stat().st_mode & _FOREIGN:
        raise ConfigError("secret-exposed", f"{path} has mode {stat.S_IMODE(mode):03o}")
    if not os.access(path, os.R_OK) or not stat.S_ISREG(mode):
        raise ConfigError("secret-unreadable", f"{path} is not a file that this user may read")


def read_secret(path: Path) -> str:
    """The first line of a secret's file, such as a password.

    Raises:
        ConfigError: `secret-unreadable`, `secret-exposed`, `secret-empty`.
    """
    check_secret(path)
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.readline(_MOST_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("secret-unreadable", f"{path} cannot be read as text") from error
    if not secret:
        raise ConfigError("secret-empty", f"{path} holds nothing")
    return secret
