"""UpdateError: updates that were refused or did not arrive. The packs in use go on."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

UPDATES: Final = {
    "update-below-floor": Explanation(
        "The repository shows an older state than this box has seen before: somebody replays "
        "old files, or the mirror is an old copy.",
        "Do not use this mirror or stick before you know why it is old. Take a newer copy; "
        "nothing that runs is touched.",
    ),
    "update-busy": Explanation(
        "Another check or update is under way on this box.",
        "Wait until it has ended; `osteon update status` shows how far it is.",
    ),
    "update-file-absent": Explanation(
        "A file that the repository's signed lists name is not there.",
        "Try again later: the mirror may not be complete yet. If it stays so, tell the maker.",
    ),
    "update-file-altered": Explanation(
        "A file of the repository is not what was signed. It was thrown away.",
        "Try again. If it comes back, somebody or something on the way changes files: try "
        "another network or a stick, and tell the maker.",
    ),
    "update-file-long": Explanation(
        "A file of the repository is longer than was signed for. It was thrown away.",
        "As for update-file-altered.",
    ),
    "update-file-short": Explanation(
        "A file of the repository ended too early. What had come is kept.",
        "Nothing: the next check goes on from there. If it never comes to an end, check the line.",
    ),
    "update-floor-missing": Explanation(
        "The record of what this box has seen and committed is gone, spoilt, or of another "
        "device. Without it an old state could be passed off as new, so that there are no "
        "updates. Detection goes on.",
        "It begins with the identity at the first boot, and never again by itself. Find out who or "
        "what took the record away, then: `osteon update reset-floor --by NAME --reason TEXT`.",
    ),
    "update-floor-unexplained": Explanation(
        "The record of what this box has seen is not begun anew without a name and a reason.",
        "Give both: `osteon update reset-floor --by NAME --reason TEXT`.",
    ),
    "update-floor-untied": Explanation(
        "At its last start this box found its record of what it has seen older than the counter in "
        "its TPM, or the counter gone: an older copy of the disk was put back, or the TPM was "
        "cleared or does not answer. There are no updates. Detection goes on.",
        "Find out which. After a restart with the TPM that was there before it goes on by itself; "
        "else: `osteon update reset-floor --by NAME --reason TEXT`.",
    ),
    "update-image-differs": Explanation(
        "A system image is not the one that the maker's lists say it is.",
        "Tell the maker; what runs goes on.",
    ),
    "update-image-downgrade": Explanation(
        "The maker's list asks for a system that is older than what this box may go back to.",
        "Tell the maker; what runs goes on.",
    ),
    "update-metadata-absent": Explanation(
        "There is no repository at this address, or it is not whole.",
        "Check update.url, or the folder of the stick: it must hold `metadata` and `targets`.",
    ),
    "update-metadata-expired": Explanation(
        "The repository's newest signed list has expired: nobody has renewed it, somebody holds"
        " newer ones back, or this box's clock is ahead.",
        "Check the clock with `osteon check`. If it is right, take a newer copy or tell the "
        "maker. What runs goes on.",
    ),
    "update-metadata-refused": Explanation(
        "The repository's signed lists do not verify: not signed by enough of the maker's keys,"
        " an older state, or parts that do not belong together.",
        "Do not use this mirror or stick; tell the maker. What runs goes on.",
    ),
    "update-no-room": Explanation(
        "There is not enough room for the update and a reserve.",
        "Make room on the disk of the state folder; the next check goes on.",
    ),
    "update-not-configured": Explanation(
        "The site YAML names no source of updates.",
        "Add the section `update:`, or name a folder with `--from`.",
    ),
    "update-offers-broken": Explanation(
        "The list of packs that the update unit offers cannot be read.",
        "Run `osteon update check`: it writes the list anew. If it comes back, check the disk.",
    ),
    "update-pack-differs": Explanation(
        "A pack is not the one that the maker's lists say it is.",
        "Tell the maker; what runs goes on.",
    ),
    "update-pack-downgrade": Explanation(
        "The maker's list asks for a pack that is older than what this box may go back to.",
        "Tell the maker; what runs goes on.",
    ),
    "update-rollout-invalid": Explanation(
        "The signed list that says which box takes which pack is not of a format that this release "
        "knows.",
        "Update Osteon; if it is the newest release, tell the maker.",
    ),
    "update-source-irregular": Explanation(
        "The stick or folder holds a link or a device in the place of a file.",
        "Use a stick made by `osteon-publish`.",
    ),
    "update-source-slow": Explanation(
        "The source was too slow or silent for too long. What had come is kept.",
        "Nothing: the next check goes on from there. If it never comes to an end, check the line.",
    ),
    "update-source-unreachable": Explanation(
        "The source of updates cannot be reached or read.",
        "Check update.url, update.ca_file and update.proxy, or that the stick is mounted.",
    ),
    "update-status-invalid": Explanation(
        "A box's status is not of a format that this release of the maker's command knows.",
        "Take the release of `osteon-publish` that belongs to the box's.",
    ),
    "update-status-unsent": Explanation(
        "The signed status of this box could not be posted to the maker.",
        "Check update.status_url, ca_file and proxy, and the way to that server. Nothing else "
        "waits for it; the next status says all that this one did.",
    ),
    "update-target-invalid": Explanation(
        "What the repository says of a pack is not of a format that this release knows.",
        "Update Osteon; if it is the newest release, tell the maker.",
    ),
    "update-target-missing": Explanation(
        "The maker's list asks for a pack that the role for packs has not published.",
        "Tell the maker; what runs goes on.",
    ),
}
