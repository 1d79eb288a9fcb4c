"""`osteon support-bundle`: one file for the maker, with nothing of any patient in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

import appliance
from appliance.audit.events import AuditEvent, AuditKind
from appliance.cli.audited import audited
from appliance.cli.build import content_hash, revision
from appliance.cli.options import config_option, site_in_use
from appliance.cli.presentation import screen
from appliance.cli.sbom import bill_of_materials, installed
from appliance.clock import SystemClock
from appliance.daemon.state import state_folder
from appliance.daemon.support import members, write_to
from appliance.errors import StorageError, UsageError

_WORDS: Final = """Osteon support bundle.
In it: versions, the site YAML (mail addresses shortened; it never holds a password), states and
outcomes of studies by case code, figures, models, the units' journal of a week.
Not in it: images, reports, names, patient IDs, UIDs, keys, who did what.
"""


@click.command("support-bundle")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write it; left out: osteon-support-<time>.tar.gz here.",
)
@config_option
def support_bundle(output: Path | None, config: Path) -> None:
    """Write what the maker needs to help. It holds nothing of any patient; look before you send."""
    now = SystemClock().now()
    target = output or Path(bundle_name(now))
    count = write_bundle(target, config, now)
    screen().print(f"{target}: {count} files, {target.stat().st_size >> 10} KiB.", soft_wrap=True)


def bundle_name(now: float) -> str:
    """What the file is called. now: wall seconds."""
    return f"osteon-support-{datetime.fromtimestamp(now, UTC).strftime('%Y%m%dT%H%M%SZ')}.tar.gz"


def write_bundle(target: Path, config: Path, now: float) -> int:
    """Write it, on the record: how many files it holds.

    Raises:
        UsageError: `bundle-exists`.
        StorageError: `bundle-unwritten`.
    """
    site = site_in_use(config)
    state = state_folder(site)
    audited(state.access, AuditEvent(AuditKind.EXPORTED, "", "support bundle"))

    def content() -> Iterator[tuple[str, bytes]]:
        yield "README.txt", _WORDS.encode()
        yield "version.json", _version(now)
        yield from members(site, config.read_bytes() if config.is_file() else b"", state, now)

    try:
        return write_to(target, content(), now)
    except FileExistsError:
        raise UsageError("bundle-exists", str(target)) from None
    except OSError as error:
        raise StorageError("bundle-unwritten", f"{target}: {error.strerror}") from error


def _version(now: float) -> bytes:
    content = {
        "osteon": appliance.__version__,
        "build": content_hash(),
        "revision": revision(),
        "bill_of_materials": bill_of_materials(installed(), [], content_hash(), now),
    }
    return json.dumps(content, indent=1, default=str).encode()
