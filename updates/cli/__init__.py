"""`osteon-publish`: the maker's command. Not installed on a box."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from appliance.errors import OsteonError
from updates.cli.verbs import publish_group
from updates.errors import PublishError


def main() -> None:
    """Run it; a refusal is one sentence on standard error and exit status 1."""
    try:
        publish_group(prog_name="osteon-publish")
    except (PublishError, OsteonError) as error:
        text = Text.assemble(("refused: ", "bold red"), str(error))
        Console(stderr=True, highlight=False).print(text, soft_wrap=True)
        sys.exit(1)
