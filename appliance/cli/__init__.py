"""`osteon`: the one place that prints, and that turns an error into an exit status.

Exit status: 0 done; 1 it did not work; 2 the command or the site YAML is wrong; `osteon check`
also has 3, which is warnings only.
"""

from __future__ import annotations

import sys
from typing import Final

import click

from appliance.cli.presentation import complain
from appliance.cli.verbs import Verbs
from appliance.errors import ConfigError, OsteonError, UsageError

_VERBS: Final = {
    "accept": "accepting:accept",
    "ack": "acknowledge:acknowledge",
    "audit": "audit:audit",
    "check": "checking:check",
    "config": "configuration:configuration",
    "first-boot": "first_boot:first_boot",
    "hand-over": "hand_over:hand_over",
    "key": "keys:key",
    "manual": "manual:manual",
    "patient": "patient:patient",
    "retention": "retention:retention",
    "role": "running:role",
    "run": "running:run",
    "screen": "screen:screen_verb",
    "show": "studies:show",
    "studies": "studies:studies",
    "support-bundle": "support_bundle:support_bundle",
    "technician": "technician:technician",
    "tell-failure": "failure:tell_failure",
    "update": "update:update",
    "version": "version:version",
    "wipe": "wiping:wipe",
}


@click.group(cls=Verbs, verbs=_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
def osteon() -> None:
    """Finds urgent fractures in CT and DR studies. Investigational, not for diagnosis."""


def main() -> None:
    """Entry point of the `osteon` command."""
    try:
        osteon(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except OsteonError as error:
        complain(error)
        sys.exit(2 if isinstance(error, (ConfigError, UsageError)) else 1)
