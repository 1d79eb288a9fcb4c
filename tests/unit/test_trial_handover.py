"""When a candidate takes over: between the studies, and never amid one that is arriving."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.config.schema import PackUse
from appliance.daemon.packs import loading
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Loader
from appliance.daemon.packs.places import PackPlaces
from appliance.daemon.packs.record import ModelRecord
from appliance.daemon.packs.warm import WarmModels
from appliance.daemon.trial.trials import Trials, TrialTerms
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from appliance.ledger.models import ModelStates
from appliance.pipeline.alert import DEFAULT_TABLE
from appliance.pipeline.decode import DecodeLimits
from appliance.update import slots
from appliance.update.judge import Proof
from appliance.update.slots import PackRef, Source
from appliance.update.states import UpdateState
from appliance.update.trial import Trial
from tests.simulators import spot_pack
from tests.simulators.box import wait_until

NAME = spot_pack.NAME


class StandIn:
    """In place of a child: it is warm as soon as `may_start` is set."""

    may_start = threading.Event()
    closed: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, pack: Pack, *_: object) -> None:
        self.pack = pack
        self.pid: int | None = None

    def warm_up(self) -> None:
        assert StandIn.may_start.wait(60)
        self.pid = 1

    def close(self) -> None:
        StandIn.closed.append(self.pack.identity.version)
        self.pid = None


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trials]:
    """A candidate that has proved itself beside the active pack."""
    monkeypatch.setattr(loading, "InferenceHost", StandIn)
    StandIn.may_start.clear()
    StandIn.closed.clear()
    spot_pack.write(tmp_path / "factory")
    home = spot_pack.write(tmp_path / "later", "0.2.0.1") / NAME
    digest = open_pack(home, Trust.shipped()).identity.digest
    (tmp_path / "store").mkdir()
    home.rename(tmp_path / "store" / digest)
    places = PackPlaces(tmp_path / "factory", tmp_path / "store", Trust.shipped())
    clock = SystemClock()
    activation = Activation(tmp_path, clock, lambda _: None, lambda _: None)
    first = slots.proved(slots.installed(places.factory_pack(NAME), 0.0), 1.0)
    offer = PackRef("0.2.0.1", digest, 1, Source.STORE)
    shadow = slots.begun(slots.admitted(slots.offered(first, offer, 2.0), 3.0), 4.0)
    activation.put(NAME, replace(shadow, trial=Trial(studies=2)))
    states = ModelStates(tmp_path / "work.db")
    terms = TrialTerms(
        Proof(2, 1.0, 2), DEFAULT_TABLE, DecodeLimits(), 60.0, may_read=lambda _: None
    )
    with Trials(
        activation=activation,
        models=WarmModels(activation, Loader(activation, clock), ModelRecord(states, clock)),
        uses={NAME: PackUse(name=NAME)},
        places=places,
        terms=terms,
        clock=clock,
    ) as made:
        yield made
        StandIn.may_start.set()
    states.close()


def state(trials: Trials) -> UpdateState:
    slot = trials._activation.of(NAME)
    assert slot is not None
    return slot.state


def is_warm(trials: Trials) -> bool:
    future = trials._background._future
    return future is not None and future.done()


def test_a_warm_candidate_waits_while_a_study_arrives(trials: Trials) -> None:
    trials.idle()  # nothing is there: it is made warm
    StandIn.may_start.set()
    wait_until(lambda: is_warm(trials), 60)
    trials.step()  # a study is arriving: the stages must not be composed anew
    assert not trials.has_handed_over
    assert state(trials) is UpdateState.SHADOW
    trials.idle()  # it has been told
    assert trials.has_handed_over
    assert state(trials) is UpdateState.PROBATION


def test_a_study_that_needs_the_machine_sends_it_away_and_costs_no_try(trials: Trials) -> None:
    trials.idle()
    trials.give_way()
    assert "0.2.0.1" in StandIn.closed
    StandIn.may_start.set()
    wait_until(lambda: is_warm(trials), 60)
    trials.step()
    assert not trials.has_handed_over
    trials.idle()
    slot = trials._activation.of(NAME)
    assert slot is not None
    assert slot.state is UpdateState.SHADOW
    assert not trials.has_handed_over
