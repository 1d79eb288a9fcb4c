"""What the box has been told to be: set up or not, and by which site YAML it works."""

from __future__ import annotations

from pathlib import Path

from appliance.config.schema import Site
from appliance.daemon.site_file import read_or_fall_back
from appliance.errors import ConfigError
from appliance.provision.importing import is_untouched
from appliance.screen.mounts import are_missing
from appliance.screen.status import Setting


def setting_of(
    config: Path, role: str, table: Path
) -> tuple[Setting, Site | None, ConfigError | None]:
    """(what it is told to be, by which site YAML, why not by the one in its file).

    A box that has worked and whose file was then lost is not a new one: it goes on with its copy.

    config: the site YAML's file. role: whose last good copy counts. table: of file
    systems, fstab(5).
    """
    if are_missing(config.parent, table):
        return Setting.CLOSED, None, None
    told = _told(config, role)
    _, site, _ = told
    if site is not None and are_missing(Path(site.state_folder), table):
        return Setting.CLOSED, None, None
    return told


def _told(config: Path, role: str) -> tuple[Setting, Site | None, ConfigError | None]:
    try:
        reading = read_or_fall_back(config, role)
    except ConfigError as error:
        return (Setting.NONE if is_untouched(config) else Setting.UNUSABLE), None, error
    if reading.refusal is not None:
        return Setting.FALLEN_BACK, reading.site, reading.refusal
    if is_untouched(config):
        return Setting.NONE, None, None
    return Setting.IN_USE, reading.site, None
