"""A visit to the technician's menu as the screen makes it, for a machine with the product alone.

`python menu_visit.py ITEM PIN ANSWER ...` chooses one item, answers what is asked in that order,
and writes out what the session says.
"""

from __future__ import annotations

import sys
from typing import Final

from appliance.screen.items import Item
from appliance.screen.line import DOOR, call
from appliance.screen.messages import (
    FROM_SESSION,
    Answer,
    Asked,
    Choice,
    Ended,
    Opened,
    Pin,
    PinWanted,
    Said,
)

_SECONDS: Final = 120.0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main(item: str, pin: str, *answers: str) -> None:
    """Until the session ends, or the act has."""
    line, left, has_chosen = call(DOOR), list(answers), False
    while (heard := line.receive(FROM_SESSION, _SECONDS)) is not None:
        match heard:
            case PinWanted():
                line.send(Pin(pin))
            case Opened(items=items) if not has_chosen:
                _say("offered: " + " ".join(items))
                line.send(Choice(Item(item)))
                has_chosen = True
            case Opened():
                return
            case Said(text=text):
                _say(text)
            case Asked(question=question):
                _say(question)
                line.send(Answer(left.pop(0) if left else None))
            case Ended(is_done=is_done):
                _say("done" if is_done else "NOT DONE")


if __name__ == "__main__":
    main(*sys.argv[1:])
