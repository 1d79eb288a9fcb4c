"""Run the demo: `make demo-update`. Exit status 0 when everything came as it has to, else 1."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from appliance.update.slots import Slot
from appliance.update.states import UpdateState
from tests.demo_update import cast
from tests.demo_update.stage import BATCH, Stage, open_stage
from updates.errors import PublishError

console = Console(highlight=False)
BEGAN = time.monotonic()
LONGEST_S = 240.0
"""Sending films for one state; a trial that takes longer is a fault."""


def main() -> int:
    """Five acts, then what was wrong."""
    console.print(
        Panel(
            "A made-up hospital with made-up films, and networks that need no training: this shows "
            "how a model is changed on a running box, and says nothing about detection.",
            title="Osteon: two updates of a model",
        )
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ou")))
        heading("The maker's keys, a web server, and a box that trusts that maker")
        said("maker", "half a minute of silence: keys are made, a pack is signed, a box starts")
        stage = open_stage(stack, folder)
        said("maker", "ceremony: root, targets, models and os by 2 of alice, bob and carol")
        said("maker", "factory pack 1.0.0.0 signed; the box's image holds root and targets")
        faults = [*the_factory_pack(stage), *the_good_update(stage), *the_bad_update(stage)]
        faults += [*the_fleet(stage), *the_rollback(stage), *stage.faults()]
    for fault in faults:
        console.print(f"[bold red]fault:[/] {fault}")
    console.print("[bold red]DEMO-UPDATE FAILED" if faults else "[bold green]DEMO-UPDATE PASSED")
    return 1 if faults else 0


def the_factory_pack(stage: Stage) -> Iterator[str]:
    """A new box alerts from its first study on; its pack proves itself meanwhile."""
    said("box", "new: its pack alerts from the first study on, and proves itself meanwhile")
    slot = follow(stage, lambda slot: slot.state is UpdateState.COMMITTED)
    if slot.state is not UpdateState.COMMITTED:
        yield f"the factory pack is {slot.state}"


def the_good_update(stage: Stage) -> Iterator[str]:
    """From training to every study, past two people and four states."""
    heading("A good update: a lower threshold")
    try:
        stage.release(cast.good("1.0.0.1"))
        yield "a mere build with another threshold was built"
    except PublishError as error:
        said("maker", f"build 1.0.0.1 refused:\n{'':16}{error}")
    publish(stage, cast.good("1.0.1.0"))
    slot = follow(stage, lambda slot: version(slot) == "1.0.1.0" and slot.state in SETTLED)
    if version(slot) != "1.0.1.0" or slot.state is not UpdateState.COMMITTED:
        yield f"the good update is not in use: {slot.state} {slot.setback}"


def the_bad_update(stage: Stage) -> Iterator[str]:
    """Sound by every check of the maker's; found out by this hospital's films."""
    heading("A bad update: takes grain for fractures, and was tried on smooth films only")
    publish(stage, cast.bad("1.0.1.1"))
    slot = follow(stage, lambda slot: slot.state is UpdateState.REVERTED)
    if version(slot) != "1.0.1.0" or slot.state is not UpdateState.REVERTED:
        yield f"the bad update was not taken back: {slot.state}"
    if stage.alerts() != stage.broken:
        yield "the pack in shadow has changed which studies alert"
    if not (told := stage.technician_is_told("1.0.1.1")):
        yield "no mail to the technician"
    for mail in told:
        console.print(Panel(mail.strip(), title="mail to the technician", title_align="left"))
    before = stage.slot
    said("box", "asks the maker again")
    stage.update()
    stage.send_films()
    if stage.slot is None or before is None or stage.slot.state is not UpdateState.REVERTED:
        yield "the bad update was taken a second time"
    else:
        said("box", "it is still offered 1.0.1.1, and does not take what has failed here")


def the_fleet(stage: Stage) -> Iterator[str]:
    """What the maker sees."""
    heading("What the maker sees")
    table = stage.fleet()
    console.print(table)
    if "went back" not in table or "alert-rate-higher" not in table:
        yield "the fleet's table does not say who went back, and why"


def the_rollback(stage: Stage) -> Iterator[str]:
    """A person does not trust the update that passed, and goes back to what came with the box."""
    heading("By hand: back to the version before")
    began = time.monotonic()
    answer = stage.roll_back()
    said("box", f"osteon update rollback --reason ...\n{'':16}{answer}")
    said("box", f"answered after {time.monotonic() - began:.1f} s; the next patients come")
    stage.send_films()
    if (slot := stage.slot) is None or version(slot) != "1.0.0.0":
        yield "the version before does not read"
    else:
        said("box", words(slot))


WAITS = {UpdateState.STAGED, UpdateState.ADMITTED}
"""No study moves a trial on: the pack is tried on its golden cases."""
SETTLED = {UpdateState.COMMITTED, UpdateState.REVERTED, UpdateState.RECALLED}


def publish(stage: Stage, pack: cast.Version) -> None:
    """The maker's part, and the box's next look at the web server."""
    stage.release(pack)
    said("maker", f"{pack.version} built, signed by three people, rolled out, published")
    stage.update()
    said("box", "has fetched what it lacked, and offers it to the analyser")


def follow(stage: Stage, is_over: Callable[[Slot], bool]) -> Slot:
    """Send films and tell every change of the slot, until that comes or the time is over.

    Films are sent when the pack on trial has read the ones before: a real night has pauses too, and
    in them it is tried.
    """
    end, awaited = time.monotonic() + LONGEST_S, 0
    shown: object = None
    while True:
        slot = stage.slot
        if slot is not None:
            beside = slot.trial.studies // BATCH if slot.state is UpdateState.SHADOW else 0
            if (now := (slot.state, slot.active, slot.candidate, beside)) != shown:
                said("box", words(slot))
                shown = now
            if is_over(slot) or time.monotonic() > end:
                return slot
        if slot is None or slot.state in WAITS or slot.trial.studies < awaited:
            time.sleep(0.2)
            awaited = awaited if slot and slot.state is UpdateState.SHADOW else 0
            continue
        before = slot.trial.studies
        stage.send_films()
        awaited = before + BATCH if slot.state is UpdateState.SHADOW else 0


def words(slot: Slot) -> str:
    """A slot in one line."""
    line = f"{slot.state:9} {version(slot)} reads"
    if slot.state is UpdateState.SHADOW and slot.candidate:
        line += f"; {slot.candidate.version} beside it, unseen"
        if slot.trial.agreement is not None:
            line += f": {slot.trial.studies} studies, {slot.trial.agreement:.0%} alike"
    elif slot.candidate:
        line += f"; {slot.candidate.version} on trial"
    if slot.state is UpdateState.REVERTED and slot.setback:
        line += f"; {slot.setback.version} is never taken again"
        line += f"\n{'':26}{slot.setback.reason}: {slot.setback.detail}"
    return line


def version(slot: Slot) -> str:
    """Of the pack that reads."""
    return slot.active.version if slot.active else "nothing"


def heading(text: str) -> None:
    """A new act."""
    console.print(f"\n[bold]{text}")


def said(who: str, text: str) -> None:
    """One line of the play."""
    line = f"[dim]{time.monotonic() - BEGAN:5.0f} s[/]  {who:6} {text}"
    console.print(line, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
