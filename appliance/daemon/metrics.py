"""Metrics for Prometheus on loopback: counts and times of the box, never of a study or a patient.

Counters begin at nothing when the deliverer starts, as Prometheus expects of them. Each scrape
reads the ledgers; nothing is computed between scrapes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import errorcode
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import appliance
from appliance import journal
from appliance.clock import Clock
from appliance.daemon.state import StateFolder
from appliance.domain import Outcome
from appliance.errors import StorageError
from appliance.ledger.figures import Figures
from appliance.lifecycle import StudyState
from appliance.storage import free_bytes
from appliance.update.slots_file import SLOTS, read_slots

_LOOPBACK: Final = "127.0.0.1"
_SECONDS: Final = (0.1, 0.3, 1, 3, 10, 20, 30, 60, 120, 300, 900, 3600)


@contextmanager
def served(state: StateFolder, port: int, clock: Clock) -> Iterator[None]:
    """Serve metrics until the end. A port that cannot be had keeps no alert from going out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerMetrics(state, clock))
    try:
        served_by = start_http_server(port, addr=_LOOPBACK, registry=registry)
    except OSError as error:
        journal.fail("metrics-not-served", port=port, reason=errorcode.get(error.errno or 0, ""))
        served_by = None
    else:
        journal.event("metrics-served", port=port)
    try:
        yield
    finally:
        if served_by is not None:
            server, thread = served_by
            server.shutdown()
            server.server_close()
            thread.join()


class LedgerMetrics(Collector):
    """Brings counters up to date at each scrape, and reads what is a level off the ledgers."""

    def __init__(self, state: StateFolder, clock: Clock) -> None:
        # Of its own, so that counters are brought up to date before they are collected.
        self._counters = registry = CollectorRegistry()
        self._state = state
        self._clock = clock
        self._guard = threading.Lock()
        self._instances = Counter(
            "osteon_received_instances", "Instances received", registry=registry
        )
        self._bytes = Counter("osteon_received_bytes", "Bytes received", registry=registry)
        self._studies = Counter(
            "osteon_studies", "Studies' revisions ended", ["outcome"], registry=registry
        )
        self._stages = Histogram(
            "osteon_stage_seconds",
            "From one state of a revision to the next",
            ["state"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._models = Histogram(
            "osteon_model_seconds",
            "All readings of one revision",
            ["model"],
            registry=registry,
            buckets=_SECONDS,
        )
        Info("osteon_build", "The software", registry=registry).info(
            {"version": appliance.__version__}
        )
        Gauge("osteon_up_since_seconds", "Wall second of the start", registry=registry).set(
            clock.now()
        )
        for outcome in Outcome:
            self._studies.labels(outcome.value)
        self._last_instance = self._last_event = 0
        self._read(self._begin)

    def collect(self) -> Iterator[Metric]:
        """What stands in the ledgers now. A ledger that cannot be read leaves its levels out."""
        levels: list[Metric] = []
        self._read(lambda figures: levels.extend(self._levels(figures)))
        yield from levels
        yield self._slots()
        yield from self._counters.collect()

    def _read(self, use: Callable[[Figures], None]) -> None:
        with self._guard:
            try:
                state = self._state
                figures = Figures(state.intake, state.work, state.delivery)
            except sqlite3.Error as error:
                journal.warn("metrics-unread", reason=type(error).__name__)
                return
            try:
                use(figures)
            except sqlite3.Error as error:
                journal.warn("metrics-unread", reason=type(error).__name__)
            finally:
                figures.close()

    def _begin(self, figures: Figures) -> None:
        self._last_instance = figures.last_instance()[0]
        self._last_event = figures.last_event()

    def _levels(self, figures: Figures) -> Iterator[Metric]:
        self._count(figures)
        free = GaugeMetricFamily("osteon_disk_free_bytes", "Free on the disk of the state folder")
        free.add_metric([], free_bytes(self._state.root))
        yield free
        last = figures.last_instance()[1]
        age = GaugeMetricFamily("osteon_last_image_age_seconds", "Since the last image arrived")
        if last is not None:
            age.add_metric([], self._clock.now() - last)
        yield age
        yield self._states(figures)
        waiting = GaugeMetricFamily(
            "osteon_open_messages", "Messages and results that have not ended", labels=["kind"]
        )
        for kind, count in figures.open_items():
            waiting.add_metric([kind], count)
        yield waiting
        deliveries = GaugeMetricFamily(
            "osteon_deliveries", "Deliveries begun", labels=["channel", "state"]
        )
        for channel, kind, count in figures.deliveries():
            deliveries.add_metric([channel, kind], count)
        yield deliveries
        alone = GaugeMetricFamily(
            "osteon_unacknowledged_cases", "Cases that nobody has acknowledged"
        )
        alone.add_metric([], len(figures.unacknowledged()))
        yield alone

    def _slots(self) -> Metric:
        """Which version of each model reads, is kept, is on trial, and in which state that is."""
        found = GaugeMetricFamily(
            "osteon_model_slot",
            "1 for each version that the box holds, with its place and the state of updates",
            labels=["model", "version", "slot", "state"],
        )
        try:
            slots = read_slots(self._state.analyse / SLOTS)
        except StorageError as error:
            journal.warn("metrics-unread", reason=error.code)
            return found
        for name, slot in slots.items():
            held = {"active": slot.active, "previous": slot.previous, "candidate": slot.candidate}
            for place, pack in held.items():
                if pack is not None:
                    found.add_metric([name, pack.version, place, slot.state.value], 1)
        return found

    def _states(self, figures: Figures) -> Metric:
        found = figures.in_each_state()
        queue = GaugeMetricFamily(
            "osteon_studies_under_way", "Revisions by the state they stand in", labels=["state"]
        )
        for state in StudyState:
            if state is not StudyState.REPORTED:
                queue.add_metric([state.value], found.get(state, 0))
        return queue

    def _count(self, figures: Figures) -> None:
        number = figures.last_instance()[0]
        instances, size = figures.received_between(self._last_instance, number)
        self._last_instance = number
        self._instances.inc(instances)
        self._bytes.inc(size)
        last = figures.last_event()
        for state, seconds in figures.passages_between(self._last_event, last):
            self._stages.labels(state.value).observe(seconds)
        for outcome in figures.outcomes_between(self._last_event, last):
            self._studies.labels(outcome.value).inc()
        for model, seconds in figures.readings_between(self._last_event, last):
            self._models.labels(model).observe(seconds)
        self._last_event = last
