"""Putting model packs into use: which one reads, which is on trial, which was taken back."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

ACTIVATION: Final = {
    "update-slots-broken": Explanation(
        "The record of which model pack is in use cannot be read.",
        "Nothing: the box goes on with the packs that came with it, and takes up what the maker "
        "offers anew. Check the disk if it comes back.",
    ),
}
