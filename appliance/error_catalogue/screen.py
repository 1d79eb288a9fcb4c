"""The screen at the box, its menu, and the PIN before that."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

SCREEN: Final = {
    "menu-act-failed": Explanation(
        "What was chosen in the menu ended by a mistake in the program.",
        "Try it once more. Then send the maker a support bundle: the journal says where it failed.",
    ),
    "menu-guessed": Explanation(
        "Somebody at the box typed wrong PINs again and again.",
        "Ask who it was; `sudo osteon audit list` says when. Whoever should not be there may know "
        "the PIN by now: set another one with `osteon config pin`.",
    ),
    "menu-uncalled": Explanation(
        "This command is started by systemd, when the screen calls for the menu.",
        "Use the screen, or the verb that does the same; `osteon --help` lists them.",
    ),
    "menu-unreachable": Explanation(
        "The menu does not answer.",
        "Somebody may be in it already. Else look at `systemctl status osteon-technician.socket`, "
        "or start the machine again.",
    ),
    "pin-locked": Explanation(
        "This is not the PIN. There were so many wrong ones that the technician is told.",
        "Wait as long as the screen says; each further wrong PIN makes it longer. Nobody can look "
        "up a PIN that is forgotten: set another one with `osteon config pin`.",
    ),
    "pin-too-early": Explanation(
        "After a wrong PIN none is taken for a while, and this one was not looked at.",
        "Wait as long as the screen says.",
    ),
    "pin-unfit": Explanation(
        "This cannot be a PIN: it has 6 to 12 digits, not all the same and not in a row.",
        "Choose another one.",
    ),
    "pin-wrong": Explanation(
        "This is not the PIN.",
        "Type it again. It belongs to the site; who wrote the site YAML knows it.",
    ),
    "screen-without-terminal": Explanation(
        "The screen needs a terminal for its keys and its pages.",
        "Run `osteon screen` in a terminal, or look at the box with `osteon studies` and "
        "`osteon check`.",
    ),
}
