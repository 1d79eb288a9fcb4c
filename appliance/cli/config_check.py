"""`osteon config check`: everything that is wrong with a site YAML, before anything starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.presentation import as_json, screen
from appliance.clock import SystemClock
from appliance.config.faults import ConfigFaults
from appliance.config.files import check_site
from appliance.config.load import load_site
from appliance.errors import ConfigError


@click.command("check")
@config_option
@click.option(
    "--text-only",
    is_flag=True,
    help="Leave out the files that it names, where it is written on another machine.",
)
@json_option
def check(config: Path, *, text_only: bool, is_json: bool) -> None:
    """Say everything that is wrong with the site YAML and with the files that it names.

    Contacts nobody and changes nothing. Exit status: 0 it can be used; 2 it cannot, or cannot be
    read.
    """
    try:
        site = load_site(config) if text_only else check_site(config, SystemClock().now())
    except ConfigError as error:
        if is_json:
            faults = error.faults if isinstance(error, ConfigFaults) else ()
            as_json(
                {
                    "file": str(config),
                    "usable": False,
                    "code": error.code,
                    "detail": "" if faults else error.detail,
                    "faults": [asdict(fault) for fault in faults],
                }
            )
            raise SystemExit(2) from error
        raise
    if is_json:
        as_json({"file": str(config), "usable": True, "faults": []})
        return
    screen().print(
        f"{config}: right. AE title {site.dicom.ae_title}, port {site.dicom.port}.", soft_wrap=True
    )
