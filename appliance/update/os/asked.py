"""Going back by order of a person at the screen: asked of the installing unit, which may do it.

A question holds for this boot only, and whoever asked can withdraw it: it never acts later on.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from appliance.storage import storage_error, write_durably
from appliance.update.asking import read_message

_ASKED: Final = "back.request"
_ANSWER: Final = "back.answer"


@dataclass(frozen=True, slots=True)
class Asked:
    """boot: in which it was asked. reason: a person's words, nothing of a patient."""

    id: str
    boot: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """code: why it was refused, with its detail; empty where it was done."""

    id: str
    code: str
    detail: str


_QUESTIONS: Final = TypeAdapter(Asked)
_ANSWERS: Final = TypeAdapter(Answer)


class AskedFolder:
    """Both ends of the exchange, in the installing unit's folder, where only root writes."""

    def __init__(self, folder: Path) -> None:
        self._asked = folder / _ASKED
        self._answer = folder / _ANSWER

    def ask(self, boot: str, by: str, reason: str) -> str:
        """Leave a question; its id. Raises StorageError."""
        asked = Asked(secrets.token_hex(8), boot, by, reason)
        write_durably(self._asked, _QUESTIONS.dump_json(asked))
        return asked.id

    def withdraw(self) -> bool:
        """Whether nobody had taken it up: then nothing comes of it. Raises StorageError."""
        return self._gone()

    def take(self, boot: str) -> Asked | None:
        """The question of this boot, for who answers it: nobody else gets it. Raises StorageError.

        After a power cut amid the answer it is gone, and what was done shows by itself.
        """
        asked = read_message(self._asked, _QUESTIONS)
        if not self._gone() or asked is None or asked.boot != boot:
            return None
        return asked

    def answer(self, asked: Asked, code: str, detail: str) -> None:
        """Say what came of it. Raises StorageError."""
        write_durably(self._answer, _ANSWERS.dump_json(Answer(asked.id, code, detail)))

    def answer_to(self, question: str) -> Answer | None:
        """What came of it; None while nobody has said."""
        found = read_message(self._answer, _ANSWERS)
        return found if found is not None and found.id == question else None

    def _gone(self) -> bool:
        """Take it away; whether it was there, by this hand."""
        try:
            self._asked.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error(error) from error
        return True
