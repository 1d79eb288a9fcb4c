"""The menu's acceptance: a model measured on the labelled set of a stick, and a person's word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from appliance.acceptance import Acceptance, UndecidedFile
from appliance.audit.report import report_if_possible
from appliance.cli.acceptance_shown import say_verdict, show
from appliance.cli.measuring import Measurement, criteria_of, fitting, keep, measured, the_one
from appliance.cli.options import site_in_use
from appliance.cli.presentation import local_time
from appliance.cli.technician.box import Box, console_of
from appliance.cli.technician.sticks import plugged_in
from appliance.clock import Clock, SystemClock
from appliance.config.schema import PackUse, Site
from appliance.daemon.packs.places import ref_on_trial
from appliance.daemon.state import StateFolder
from appliance.errors import LabelledSetError, UsageError
from appliance.labelled import open_set
from appliance.screen.session import ACTOR, DeclinedError, Dialogue

SET_FOLDER: Final = "osteon-accept"
MOST_S: Final = 3 * 3600.0
"""Shorter than the unit of a visit may last: that would be killed without a word."""
_WORD: Final = "record"
_TRIAL: Final = "trial"
_TOLD_FROM: Final = 3
"""So many exams tell how long the others take."""


def accept(box: Box, dialogue: Dialogue) -> None:
    """What `osteon accept` does, with the set on a stick, behind a word that is typed.

    Raises:
        UsageError: `name-missing`, `pack-unclear`.
        LabelledSetError: `labelled-folder-missing`, `labelled-set-long`, and as `open_set` and
            `measured`.
        ConfigError, PackError, AnalysisError, StorageError: nothing was recorded.
    """
    site = site_in_use(box.config)
    state = StateFolder(Path(site.state_folder))
    undecided = UndecidedFile(state.menu)
    by = dialogue.ask("Name of who decides:")
    if not by:
        raise UsageError("name-missing")
    found = undecided.read()
    if found is None:
        found = _from_stick(box, site, dialogue, by)
        undecided.keep(found)
    else:
        when = local_time(found.at)
        dialogue.say(f"This was measured on {when}, and nobody has decided on it yet.")
    found, out = replace(found, by=by), console_of(dialogue)
    show(found, out, is_kept=False)
    try:
        answer = dialogue.ask(f"To have it in force, type {_WORD}; all else keeps nothing:")
    except DeclinedError:
        undecided.forget()
        raise
    if answer != _WORD:
        undecided.forget()
        dialogue.say("Nothing was recorded.")
        return
    event = keep(site, found, ACTOR)
    report_if_possible(state.access, event)
    undecided.forget()
    say_verdict(found, out, is_kept=True)


def _from_stick(box: Box, site: Site, dialogue: Dialogue, by: str) -> Acceptance:
    with plugged_in(box, dialogue) as stick:
        folder = stick.whole_folder(SET_FOLDER)
        if folder is None:
            raise LabelledSetError("labelled-folder-missing", SET_FOLDER)
        labelled = open_set(folder)
        use = _meant(fitting(site, labelled), dialogue)
        is_candidate = _is_about_trial(site, use, dialogue)
        wanted = Measurement(labelled, use, by, criteria_of(site), is_candidate)
        dialogue.say(
            f"{len(labelled.cases)} exams. Leave the stick in. The box works on meanwhile."
        )
        progress = Progress(len(labelled.cases), dialogue, SystemClock())
        return measured(site, wanted, progress.turned)


def _meant(offered: tuple[PackUse, ...], dialogue: Dialogue) -> PackUse:
    if len(offered) < 2:  # noqa: PLR2004 - nothing to ask
        return the_one(offered, None)
    names = ", ".join(use.name for use in offered)
    return the_one(offered, dialogue.ask(f"Which model? One of: {names}:"))


def _is_about_trial(site: Site, use: PackUse, dialogue: Dialogue) -> bool:
    ref = ref_on_trial(site, use.name)
    if ref is None:
        return False
    dialogue.say(f"An update of {use.name} is on trial: {ref.version}.")
    answer = dialogue.ask(f"To measure that, type {_TRIAL}; empty: the one that reads now:")
    if answer not in {"", _TRIAL}:
        raise UsageError("pack-unclear")
    return answer == _TRIAL


class Progress:
    """Says how long it takes, and each tenth; ends what would not come to its end."""

    def __init__(self, whole: int, dialogue: Dialogue, clock: Clock) -> None:
        self._whole = whole
        self._dialogue = dialogue
        self._clock = clock
        self._began = clock.monotonic()
        self._tenth = 0

    def turned(self, done: int) -> None:
        """So many exams were read. Raises LabelledSetError: `labelled-set-long`; HungUpError."""
        gone = self._clock.monotonic() - self._began
        each = gone / done
        if _TOLD_FROM <= done < self._whole and each * self._whole > MOST_S:
            fit = int(MOST_S / each)
            raise LabelledSetError(
                "labelled-set-long", f"{self._whole} exams of {each:.0f} s; at most {fit} here"
            )
        if done == min(_TOLD_FROM, self._whole):
            self._dialogue.say(f"All of it takes about {_minutes(each * self._whole)}.")
        tenth = 10 * done // self._whole
        if tenth > self._tenth:
            self._tenth = tenth
            left = _minutes(each * (self._whole - done))
            self._dialogue.say(f"{tenth * 10} %: {done} of {self._whole} exams; {left} left")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004
