"""Whether a pack on trial has proved itself or failed; pure, from the figures of its slot.

Two statistical rules compare how often packs see something urgent. Both are exact and one-sided,
both are looked at after every study, and both ask for p < 0.001, so that even over some hundred
looks a sound pack is seldom rejected:

SHADOW, paired: of the studies in which just one of the two packs saw something urgent, either pack
should have its share by chance (sign test). PROBATION: the alerts among the new pack's studies
against those among the previous pack's (Fisher's exact test), for more alerts only; that it misses
what the other one sees, the shadow has shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import comb
from typing import Final

from appliance.update.slots import Slot
from appliance.update.states import UpdateState
from appliance.update.trial import Rate, Trial, median

_ALPHA: Final = 0.001
_FEWEST_STUDIES: Final = 10
"""However long a shadow lasts, it passes with no fewer (or all, where fewer are asked for)."""
_MOST_REPEATS: Final = 4
"""Studies on end with exactly the answer of the one before: five equal answers are a constant."""
_SLOWER: Final = 2.0
"""How much slower than the active pack one may be where both exceed the pack's own budget."""


class Fault(StrEnum):
    """Why a pack was set back, where no error's own code says it."""

    ALERTS_MORE = "alert-rate-higher"
    ALERTS_LESS = "alert-rate-lower"
    CONSTANT = "answer-constant"
    LATENCY = "latency-over-budget"
    TRIES = "load-tries-exhausted"
    BY_HAND = "rolled-back-by-hand"
    RECALLED = "pack-recalled"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a trial asks for. shadow_hours: after them a shadow may pass with fewer studies."""

    shadow_studies: int
    shadow_hours: float
    probation_studies: int


def fault_of(slot: Slot, budget_s: float) -> tuple[Fault, str] | None:
    """What is wrong with the pack on trial, and its figures in words; None while all is well.

    budget_s: what one reading may take by the pack's own word.
    """
    trial = slot.trial
    if trial.repeats >= _MOST_REPEATS:
        return Fault.CONSTANT, f"{trial.repeats + 1} studies with one answer"
    allowed_s = allowed_latency(slot, budget_s)
    latency_s = median(trial.latencies_s)
    if latency_s is not None and latency_s > allowed_s:
        return Fault.LATENCY, f"{latency_s:.1f} s of {allowed_s:.1f} s"
    match slot.state:
        case UpdateState.SHADOW:
            return _shadow_drift(trial)
        case UpdateState.PROBATION:
            return _probation_drift(trial, slot.previous_rate)
        case _:
            return None


def is_proved(slot: Slot, proof: Proof, now: float) -> bool:
    """Whether the trial may pass. A quiet site extends it: hours alone never do."""
    trial = slot.trial
    if slot.state is UpdateState.PROBATION:
        return trial.studies >= proof.probation_studies
    if slot.state is not UpdateState.SHADOW:
        return False
    is_late = now - slot.since >= proof.shadow_hours * 3600
    asked = min(proof.shadow_studies, _FEWEST_STUDIES) if is_late else proof.shadow_studies
    # One that comes to the same in fewer than half of the studies, or of the active pack's alerts,
    # is watched until a test decides.
    is_alike = 2 * trial.apart <= trial.studies and 2 * trial.both >= trial.peer_alerts
    return trial.studies >= asked and is_alike


def allowed_latency(slot: Slot, budget_s: float) -> float:
    """The pack's own budget, or more where this machine is slow with the other pack too; seconds.

    The other pack's readings are those that the shadow was compared with.
    """
    compared = slot.shadow if slot.state is UpdateState.PROBATION else slot.trial
    other_s = None if compared is None else median(compared.peer_latencies_s)
    return budget_s if other_s is None else max(budget_s, _SLOWER * other_s)


def _shadow_drift(trial: Trial) -> tuple[Fault, str] | None:
    more, less = trial.alerts - trial.both, trial.peer_alerts - trial.both
    told = f"{trial.alerts} of {trial.studies} studies, active pack {trial.peer_alerts}"
    if _sign_test(more, less) < _ALPHA:
        return Fault.ALERTS_MORE, told
    if _sign_test(less, more) < _ALPHA:
        return Fault.ALERTS_LESS, told
    return None


def _probation_drift(trial: Trial, before: Rate) -> tuple[Fault, str] | None:
    if _fisher(Rate(trial.studies, trial.alerts), before) < _ALPHA:
        told = f"{trial.alerts} of {trial.studies} studies, before {before.alerts} of"
        return Fault.ALERTS_MORE, f"{told} {before.studies}"
    return None


def _sign_test(these: int, others: int) -> float:
    """Chance of at least `these` of all, were either side as likely."""
    total = these + others
    hits = sum(comb(total, k) for k in range(these, total + 1))
    return hits / (1 << total)


def _fisher(new: Rate, old: Rate) -> float:
    """Chance of at least so many of all alerts in the new pack's studies, were both alike."""
    studies, alerts = new.studies + old.studies, new.alerts + old.alerts
    ways = range(new.alerts, min(new.studies, alerts) + 1)
    hits = sum(comb(new.studies, k) * comb(old.studies, alerts - k) for k in ways)
    return hits / comb(studies, alerts)
