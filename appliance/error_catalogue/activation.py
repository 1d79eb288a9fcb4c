"""Putting model packs into use: which one reads, which is on trial, which was taken back."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

ACTIVATION: Final = {
    "model-replaced": Explanation(
        "From now on another version of a model reads and alerts; it has proved itself in shadow "
        "on this box and is still on probation.",
        "Nothing. If doctors find its alerts worse, take it back with `osteon update rollback`.",
    ),
    "model-taken-back": Explanation(
        "A version of a model failed on this box and is not used; the message says why, and which "
        "version reads now.",
        "Nothing: detection went on, and this version is never tried again. Tell the maker if "
        "this box sends no status.",
    ),
    "pack-recalled": Explanation(
        "The model that should read was recalled by its maker, or its signature is worth nothing "
        "any more, and no other version is kept.",
        "Its studies are told as not analysed until a newer version comes: run "
        "`osteon update check`, and ask the maker.",
    ),
    "rollback-nothing-kept": Explanation(
        "There is no earlier version of this model to go back to.",
        "See `osteon update status`; a rollback can be made once after each update.",
    ),
    "rollback-not-running": Explanation(
        "The model was taken back, but the earlier version does not run either.",
        "See `osteon version` and `osteon check`.",
    ),
    "rollback-pack-unnamed": Explanation(
        "Several models have an earlier version to go back to.",
        "Name the one that is meant: `osteon update rollback PACK`.",
    ),
    "rollback-unanswered": Explanation(
        "The analyser did not answer in time; the request stands and is done as soon as it runs.",
        "Look at `systemctl status osteon-analyse` and, later, at `osteon update status`.",
    ),
    "trial-failed": Explanation(
        "Trying out a new version of a model failed for a reason that is not the model's.",
        "Nothing: the version in use goes on reading, and it is tried again. Tell the maker if it "
        "comes back.",
    ),
    "update-slots-broken": Explanation(
        "The record of which model version is in use cannot be read.",
        "Restart the analyser: `systemctl restart osteon-analyse`. It then begins with the models "
        "that came with the box. Check the disk if it comes back.",
    ),
    "update-slots-lost": Explanation(
        "The record of which model version is in use could not be read, and the box has begun "
        "anew with the models that came with it.",
        "Nothing: what the maker offers has to prove itself again. Check the disk if it comes "
        "back.",
    ),
}
