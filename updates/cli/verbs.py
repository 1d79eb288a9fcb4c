"""The verbs of `osteon-publish`, as one list."""

from __future__ import annotations

import click

from updates.cli.ceremony import ceremony, new_key, token_key
from updates.cli.fleet import fleet
from updates.cli.history import history
from updates.cli.images import build_os, lint_os
from updates.cli.packs import build, lint
from updates.cli.rolling import rollout
from updates.cli.rotating import renew, revoke, rotate
from updates.cli.serving import export_usb, publish, refresh
from updates.cli.signing import accept, show, sign


@click.group(
    commands=[
        new_key,
        token_key,
        ceremony,
        show,
        sign,
        accept,
        lint,
        build,
        lint_os,
        build_os,
        rollout,
        publish,
        refresh,
        export_usb,
        renew,
        rotate,
        revoke,
        fleet,
        history,
    ]
)
def publish_group() -> None:
    """Sign models and systems, publish them, and say which box gets which: updates/README.md."""
