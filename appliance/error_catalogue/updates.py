"""UpdateError: updates that were refused or did not arrive. The packs in use go on."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

UPDATES: Final = {
    "update-offers-broken": Explanation(
        "The list of packs that the update unit offers cannot be read.",
        "Run `osteon update check`: it writes the list anew. If it comes back, check the disk.",
    ),
    "update-rollout-invalid": Explanation(
        "The signed list that says which box takes which pack is not of a format that this release "
        "knows.",
        "Update Osteon; if it is the newest release, tell the maker.",
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
}
