"""The keys of the site YAML under `screen`: who may use the menu at the box itself."""

from __future__ import annotations

from appliance.config.option import Section, option
from appliance.config.values import PinHash


class Screen(Section):
    """The screen at the box, and the technician's menu behind it."""

    pin_hash: PinHash | None = option(
        "Hash of the menu's PIN, as `osteon config pin` prints it, never the PIN itself; left out: "
        "the menu stays closed",
        default=None,
        # Of a PIN that was drawn at random and written down nowhere.
        example="$argon2id$v=19$m=65536,t=3,p=4$EEVsp8w3uSxygyVyz9aXbg"
        "$G+jfoszzEvf2dz5uX/bAJmetPjt9qEFWlpsjWyFAHLk",
        shown=False,
        quoted=True,
    )
