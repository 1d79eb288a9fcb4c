"""UsageError: commands that cannot work."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

USAGE: Final = {
    "case-unknown": Explanation(
        "No study on this box has this case code.",
        "Read the code again from the page or the mail: it has neither I, L, O nor U.",
    ),
    "name-missing": Explanation(
        "An acknowledgement, or the acceptance of a model, needs the name of who gives it.",
        "Add `--by NAME`.",
    ),
    "pack-unclear": Explanation(
        "It is not clear which model is meant: none or several read such images here.",
        "Name it with `--pack`, as `osteon version` shows it.",
    ),
}
