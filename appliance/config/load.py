"""The site YAML, read strictly: a `Site`, or all of its faults at once with their places.

Nothing is done here but reading: no network, no other file, no folder made.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from pydantic import ValidationError

from appliance.config.cross_checks import cross_check
from appliance.config.document import MOST_BYTES, Document, read_document
from appliance.config.explain import explain
from appliance.config.faults import ConfigFaults
from appliance.config.schema import Site
from appliance.errors import ConfigError


def load_site(path: Path) -> Site:
    """Read a site YAML.

    Raises:
        ConfigFaults: `config-invalid`, with every fault.
        ConfigError: `config-unreadable`, the file cannot be opened.
    """
    return parse_site(read_site_file(path), str(path))


def read_site_file(path: Path) -> bytes:
    """The bytes of a site YAML, at most one more than it may have. A symbolic link is followed.

    Raises:
        ConfigError: `config-unreadable`.
    """
    try:
        # Opening a pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError("config-unreadable", f"{path}: Not a file")
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError("config-unreadable", f"{path}: {error.strerror}") from error


def parse_site(raw: bytes, file: str) -> Site:
    """The site that the bytes of a YAML file describe; `file` is its name in faults.

    Raises:
        ConfigFaults: `config-invalid`, with every fault.
    """
    return parse_document(raw, file)[0]


def parse_document(raw: bytes, file: str) -> tuple[Site, Document]:
    """The same, with the place of every key, for checks of what the YAML names.

    Raises:
        ConfigFaults: `config-invalid`, with every fault.
    """
    document = read_document(raw, file)
    site: Site | None = None
    if isinstance(document.content, dict):
        site = _validated(document)
        cross_check(document)
    elif not document.faults:
        fix = "write `key: value` lines, as in `osteon config example`"
        document.add((), "the file is not a mapping", fix)
    if document.faults or site is None:
        raise ConfigFaults(document.faults)
    return site, document


def _validated(document: Document) -> Site | None:
    # By way of JSON: pydantic's strict mode then takes lists for tuples and texts for enumerations.
    try:
        return Site.model_validate_json(json.dumps(document.content))
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            explain(error, document)
        return None
