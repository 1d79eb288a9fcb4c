"""ConfigError: the site YAML, a secret beside it, what the machine must have."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

CONFIGURATION: Final = {
    "certificate-unusable": Explanation(
        "The certificate or key of the encrypted DICOM listener cannot be used.",
        "Check the files under `dicom.tls`: PEM, fitting together, and readable by Osteon's user.",
    ),
    "config-invalid": Explanation(
        "The site YAML has faults; nothing was started.",
        "Mend each fault at its line and column; `osteon config example` prints a file that works.",
    ),
    "config-needs-restart": Explanation(
        "The site YAML was applied, but the keys named here need a restart to be in use.",
        "Run `systemctl restart osteon.target` when no study is being sent; until then the box "
        "works with the old values of these keys.",
    ),
    "config-refused": Explanation(
        "The site YAML cannot be used. The box goes on working with the last good one.",
        "Run `osteon config check`, mend each fault at its line, then run "
        "`systemctl reload osteon.target`.",
    ),
    "config-unfit": Explanation(
        "A part of Osteon could not start with the site YAML, for the reason given; it works with "
        "the last good one.",
        "Mend what the reason says, then run `systemctl reload osteon.target`; after a change of a "
        "port or its address `systemctl daemon-reload` and `systemctl restart osteon.target`.",
    ),
    "config-unreadable": Explanation(
        "The site YAML is not there, or this user may not read it.",
        "Check the path given with --config and the file's owner and mode.",
    ),
    "font-missing": Explanation(
        "No font with Chinese characters is installed; pages would show boxes for names.",
        "Install the Debian package fonts-wqy-microhei.",
    ),
    "port-unusable": Explanation(
        "Osteon cannot listen on a port of the site YAML.",
        "See what else uses it (`ss -ltnp`), or take another; below 1024 a port needs privilege.",
    ),
    "secret-empty": Explanation(
        "A file that should hold a password holds nothing.",
        "Write the password on the first line of the file and start again.",
    ),
    "secret-exposed": Explanation(
        "Other users of this machine may read a file that holds a secret.",
        "Give it to the user that runs Osteon and close it: chmod 600 FILE.",
    ),
    "secret-unreadable": Explanation(
        "A file that should hold a secret is not there, or this user may not read it.",
        "Check the path in the site YAML and the file's owner and mode.",
    ),
    "sockets-differ": Explanation(
        "The sockets that systemd handed over are not those that the site YAML asks for.",
        "Run `systemctl daemon-reload`, then `systemctl restart osteon.target`.",
    ),
}
