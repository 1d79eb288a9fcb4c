"""The keys of the site YAML under `update`: where updates come from, what they must show."""

from __future__ import annotations

from appliance.config.option import Section, option
from appliance.config.values import AbsolutePath, TimeOfDay, WebAddress


class Update(Section):
    """Updates of models and of the system, and what a new one has to show before it is kept."""

    url: WebAddress | None = option(
        "Address of the maker's repository, on any web server; without it and `usb`: no updates",
        default=None,
        example="https://updates.osteon.example/repository",
    )
    usb: AbsolutePath | None = option(
        "Folder where a stick with the maker's repository is mounted; one that lies there comes "
        "before `url`",
        default=None,
        example="/media/osteon-updates",
    )
    ca_file: AbsolutePath | None = option(
        "PEM file with the authority of that server's certificate; left out: those of the system",
        default=None,
        example="/etc/osteon/updates-ca.crt",
    )
    proxy: WebAddress | None = option(
        "Address of the web proxy by which it is reached",
        default=None,
        example="http://proxy.qinghe.example:3128",
    )
    check_hours: float = option(
        "How often the repository is looked at; an update that is under way goes on sooner",
        default=6.0,
        example=6.0,
        unit="hours",
        at_least=0.25,
        at_most=720,
    )
    status_url: WebAddress | None = option(
        "Address to which this box posts its signed status; it holds no patient data. Left out: "
        "the status is only written, as `update/status.json` in the state folder",
        default=None,
        example="https://updates.osteon.example/status",
    )
    shadow_studies: int = option(
        "Studies that a new model reads beside the one in use, unseen, before it may alert",
        default=30,
        example=30,
        at_least=1,
        at_most=10_000,
    )
    shadow_hours: float = option(
        "Time after which ten such studies are enough; a site with fewer waits longer",
        default=72.0,
        example=72.0,
        unit="hours",
        at_least=0,
        at_most=8760,
    )
    probation_studies: int = option(
        "Studies that it then reads and alerts on, before it is kept for good",
        default=20,
        example=20,
        at_least=1,
        at_most=10_000,
    )
    restart_from: TimeOfDay | None = option(
        "Local time from which this box may restart by itself into a new system image, while no "
        "study is under way; left out: only `osteon update os restart` does",
        default=None,
        example="02:00",
        quoted=True,
    )
    restart_until: TimeOfDay | None = option(
        "Local time until which it may; goes with `restart_from`",
        default=None,
        example="05:00",
        quoted=True,
    )
