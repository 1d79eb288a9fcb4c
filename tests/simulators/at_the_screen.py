"""A person in front of the menu: what an act of it says to them, and what they answer."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from appliance.screen.line import Line
from appliance.screen.messages import FROM_SESSION, Answer, Asked, Said
from appliance.screen.session import Dialogue

_SECONDS = 120.0
GOES = None
"""In place of an answer: nobody is there any more, and the screen hangs up."""
_ESCAPE = "\x1b"


@dataclass
class Talk:
    """said: each line and question. end: what the act raised, None where it came to its end."""

    said: list[str] = field(default_factory=list)
    end: BaseException | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.said)


def talk(act: Callable[[Dialogue], object], *answers: str | None) -> Talk:
    """Let an act run, answering its questions in that order; Esc where there is no answer left."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told, left = Talk(), list(answers)

    def run() -> None:
        with theirs:
            act(Dialogue(Line(theirs)))

    with ThreadPoolExecutor(1) as pool, ours:
        done = pool.submit(run)
        line = Line(ours)
        while (heard := line.receive(FROM_SESSION, _SECONDS)) is not None:
            match heard:
                case Said(text=text):
                    told.said.append(text)
                case Asked(question=question):
                    told.said.append(question)
                    answer = left.pop(0) if left else _ESCAPE
                    if answer is GOES:
                        ours.close()
                        break
                    line.send(Answer(None if answer is _ESCAPE else answer))
                case _:
                    raise AssertionError(heard)
        told.end = done.exception()
    assert not left, (left, told.text)
    return told
