"""What the audit trail and its door say."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

AUDITING: Final = {
    "audit-broken": Explanation(
        "An entry of the audit trail was altered, dropped or put in another order.",
        "Keep the folder `access` of the state folder as it is, run `sudo osteon audit verify`, "
        "and tell the security officer.",
    ),
    "audit-key-missing": Explanation(
        "There is no public key by which the trail could be verified.",
        "The box writes one once it has an identity (`osteon first-boot identity`); or name your "
        "own copy with --public-key.",
    ),
    "audit-missing": Explanation(
        "This box has no audit trail yet.",
        "Start Osteon (`systemctl start osteon.target`); check `state_folder` in the site YAML.",
    ),
    "audit-not-permitted": Explanation(
        "Only the box's own units and members of the group osteon may have something recorded.",
        "Use `sudo`, or have yourself added to the group osteon.",
    ),
    "audit-silent": Explanation(
        "Nobody keeps the audit trail: nobody can see whom a case is about, and what is done at "
        "the box is not recorded. Detection and alerts go on.",
        "Look at `systemctl status osteon-access`; a full disk is the most likely cause.",
    ),
    "audit-unreachable": Explanation(
        "Nobody keeps the audit trail at present, and what cannot be recorded is not shown.",
        "Look at `systemctl status osteon-access`; you must be in the group osteon, or use `sudo`.",
    ),
    "audit-unsent": Explanation(
        "The hospital's audit repository is not reached; entries wait on the box and are not lost.",
        "Check `audit.syslog` in the site YAML: host, port, the authority of its certificate.",
    ),
    "break-glass-used": Explanation(
        "Somebody looked at a patient's name by --break-glass.",
        "Ask them why; `sudo osteon audit list` says who and when.",
    ),
    "break-glass-without-purpose": Explanation(
        "Who breaks the glass says why.",
        "Add `--purpose emergency-treatment`, or another one that is true.",
    ),
    "bundle-exists": Explanation(
        "There is a file of this name already; it was left as it is.",
        "Name another one with --output.",
    ),
    "bundle-unwritten": Explanation(
        "The support bundle could not be written.",
        "Choose another place with --output, such as a folder in /tmp or a stick.",
    ),
    "door-question-unknown": Explanation(
        "The audit unit was asked something that it does not know.",
        "The command and the running box are of different versions: restart `osteon.target`.",
    ),
    "patient-not-permitted": Explanation(
        "Only members of the group osteon-patients may see whom a case is about.",
        "Have yourself added to that group. In an emergency: --break-glass --purpose "
        "emergency-treatment; the technician is told.",
    ),
    "patient-unreadable": Explanation(
        "The header of none of the study's images could be read.",
        "Look for the study in the PACS, by the case code in the series description.",
    ),
}
