"""`osteon`: the one place that prints, and that turns an error into an exit status.

Exit status: 0 done; 1 it did not work; 2 the command or the site YAML is wrong.
"""

from __future__ import annotations

import sys

import click

from appliance.cli.acknowledge import acknowledge
from appliance.cli.configuration import configuration
from appliance.cli.presentation import complain
from appliance.cli.running import role, run
from appliance.cli.studies import show, studies
from appliance.cli.version import version
from appliance.errors import ConfigError, OsteonError, UsageError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def osteon() -> None:
    """Finds urgent fractures in CT and DR studies. Investigational, not for diagnosis."""


for command in (acknowledge, configuration, role, run, show, studies, version):
    osteon.add_command(command)


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
