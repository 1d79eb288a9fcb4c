"""When a pack on trial has failed, and when it has proved itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from appliance.update import slots
from appliance.update.judge import Fault, Proof, fault_of, is_proved
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.trial import Answer, Rate, Trial

PROOF = Proof(shadow_studies=30, shadow_hours=72.0, probation_studies=20)
BUDGET_S = 5.0
HOUR = 3600.0


def pack(number: int) -> PackRef:
    return PackRef(f"1.{number}.0.1", f"{number:064x}", number, Source.STORE)


def in_shadow(trial: Trial) -> Slot:
    slot = slots.offered(slots.proved(slots.installed(pack(0), 0.0), 0.0), pack(1), 0.0)
    return replace(slots.begun(slots.admitted(slot, 0.0), 0.0), trial=trial)


def on_probation(trial: Trial, before: Rate) -> Slot:
    slot = slots.proved(in_shadow(Trial()), 0.0)
    return replace(slot, trial=trial, previous_rate=before)


def said(alerted: bool, number: int = 0, latency_s: float = 0.1) -> Answer:  # noqa: FBT001 - the one thing that it says
    digest = f"{number}" if alerted else ""
    return Answer(alerted, digest, 0.9 if alerted else 0.1, latency_s)


def shadow(pairs: list[tuple[bool, bool]]) -> Slot:
    """(candidate, active) alerted, study by study; no two answers alike."""
    trial = Trial()
    for number, (own, peer) in enumerate(pairs):
        trial = trial.plus(said(own, number), said(peer, -number))
    return in_shadow(trial)


def fault(slot: Slot) -> Fault | None:
    found = fault_of(slot, BUDGET_S)
    return None if found is None else found[0]


def test_alerting_on_everything_is_found_after_ten_intact_studies() -> None:
    assert fault(shadow([(True, False)] * 9)) is None
    assert fault(shadow([(True, False)] * 10)) is Fault.ALERTS_MORE


def test_missing_what_the_active_pack_sees_is_found_too() -> None:
    assert fault(shadow([(False, True)] * 10)) is Fault.ALERTS_LESS


def test_two_packs_that_differ_now_and_then_are_alike() -> None:
    pairs = [(True, True)] * 10 + [(False, False)] * 30 + [(True, False)] * 6 + [(False, True)] * 4
    assert fault(shadow(pairs)) is None


def test_one_answer_to_five_studies_is_no_answer() -> None:
    trial = Trial()
    for number in range(5):
        assert fault(in_shadow(trial)) is None
        trial = trial.plus(said(True, 7), said(False, number))
    assert fault(in_shadow(trial)) is Fault.CONSTANT


def test_the_same_picture_sent_again_is_no_constant() -> None:
    trial = Trial()
    for _ in range(8):
        trial = trial.plus(said(True, 7), said(True, 3))
    assert fault(in_shadow(trial)) is None


def test_studies_without_a_finding_are_no_constant() -> None:
    trial = Trial()
    for _ in range(8):
        trial = trial.plus(said(False), said(False))
    assert fault(in_shadow(trial)) is None


def test_slower_than_its_budget_is_refused_unless_the_active_pack_is_slow_here_too() -> None:
    slow = [said(False, latency_s=8.0)] * 3
    quick, likewise = Trial(), Trial()
    for each in slow:
        quick = quick.plus(each, said(False, latency_s=1.0))
        likewise = likewise.plus(each, said(False, latency_s=6.0))
    assert fault(in_shadow(quick)) is Fault.LATENCY
    assert fault(in_shadow(likewise)) is None


@pytest.mark.parametrize(
    ("studies", "alerts", "before"),
    [(6, 6, Rate(30, 3)), (6, 6, Rate(30, 15)), (20, 6, Rate(100, 20)), (9, 9, Rate(0, 0))],
)
def test_probation_is_held_against_the_rate_before_by_fishers_test(
    studies: int, alerts: int, before: Rate
) -> None:
    table = [[alerts, studies - alerts], [before.alerts, before.studies - before.alerts]]
    chance = stats.fisher_exact(table, alternative="greater").pvalue if before.studies else 1.0
    found = fault(on_probation(Trial(studies=studies, alerts=alerts), before))
    assert (found is Fault.ALERTS_MORE) == (chance < 0.001)


def test_a_quiet_site_extends_the_shadow_and_never_passes_it() -> None:
    quiet = shadow([(False, False)] * 9)
    assert not is_proved(quiet, PROOF, 1000 * HOUR)
    enough_for_late = shadow([(False, False)] * 10)
    assert not is_proved(enough_for_late, PROOF, 71 * HOUR)
    assert is_proved(enough_for_late, PROOF, 72 * HOUR)
    assert is_proved(shadow([(False, False)] * 30), PROOF, 0.0)


def test_one_that_repeats_fewer_than_half_of_the_alerts_is_watched_on() -> None:
    pairs = [(False, False)] * 30 + [(False, True)] * 3 + [(True, True)] * 2
    assert not is_proved(shadow(pairs), PROOF, 0.0)
    assert is_proved(shadow([*pairs, (True, True)]), PROOF, 0.0)


def test_one_that_alerts_in_most_intact_studies_passes_no_short_shadow() -> None:
    short = Proof(shadow_studies=3, shadow_hours=1.0, probation_studies=3)
    assert not is_proved(shadow([(True, False)] * 2 + [(False, False)]), short, 0.0)
    assert is_proved(shadow([(True, False), (True, True), (False, False)]), short, 0.0)


def test_probation_takes_its_number_of_studies() -> None:
    assert not is_proved(on_probation(Trial(studies=19), Rate()), PROOF, 1e9)
    assert is_proved(on_probation(Trial(studies=20), Rate()), PROOF, 0.0)
