"""What is done with a pack on trial while no study needs the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.clock import Clock
from appliance.daemon.packs.loading import Model
from appliance.daemon.reading import detections_of
from appliance.daemon.workbench import decoded
from appliance.domain import Detections, Execution, Job, Study
from appliance.errors import AnalysisError
from appliance.inference.admission import Admission, Admitted
from appliance.inference.pack import Pack
from appliance.inference.starting import HostSettings
from appliance.pipeline.alert import OperatingPoint, UrgencyTable, decide, reported
from appliance.pipeline.decode import DecodeLimits, Decoder, OpenInstance
from appliance.update.trial import Answer

OWN_FAULTS = frozenset(
    {
        "detections-invalid",
        "inference-crashed",
        "inference-garbage",
        "inference-memory",
        "inference-timeout",
        "network-answer-invalid",
        "network-failed",
        "network-load-failed",
        "network-shape-open",
        "network-shape-other",
        "score-invalid",
        "self-test-failed",
    }
)
"""Errors of a reading that are the pack's; any other one may be the study's or the machine's."""


class Admit:
    """Whether a candidate works on this machine: its golden cases, on every runtime."""

    def __init__(self, open_pack: Callable[[], Pack], settings: HostSettings, clock: Clock) -> None:
        self._open_pack = open_pack
        self._settings = settings
        self._clock = clock
        self._admission: Admission | None = None
        self._is_cut = False

    def run(self) -> tuple[Pack, Admitted]:
        """Raises PackError where the files cannot be used, AnalysisError where the pack fails."""
        pack = self._open_pack()
        self._admission = Admission(pack, self._settings, self._clock)
        if self._is_cut:
            self._admission.close()
        return pack, self._admission.run()

    def cut(self) -> None:
        """See `background.Job`."""
        self._is_cut = True
        if self._admission is not None:
            self._admission.close()


class WarmUp:
    """Starts a model at its full priority, so that no study waits for it when it takes over."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def run(self) -> None:
        """Raises AnalysisError, as `InferenceHost.warm_up`."""
        self.model.host.warm_up()

    def cut(self) -> None:
        """See `background.Job`."""
        self.model.host.close()


@dataclass(frozen=True, slots=True)
class ReadStudy:
    """A study that the active pack has read and whose outcome has been told.

    It holds what opens the images, and no image.
    """

    study: Study
    jobs: tuple[Job, ...]
    open_instance: OpenInstance
    peer: Answer


class Shadow:
    """Reads once more, with the candidate, what the active pack has read. Nobody is told of it."""

    def __init__(
        self, model: Model, read: ReadStudy, limits: DecodeLimits, deadline_s: float, clock: Clock
    ) -> None:
        self.read = read
        self._model = model
        self._decoder = Decoder(read.open_instance, clock, limits)
        self._deadline_s = deadline_s

    def run(self) -> tuple[Detections, ...]:
        """Raises DecodeError, StorageError, and AnalysisError as `InferenceHost.read`."""
        with self._decoder:
            return tuple(self._run(job) for job in self.read.jobs)

    def cut(self) -> None:
        """See `background.Job`."""
        self._decoder.cut()
        self._model.host.close()

    def _run(self, job: Job) -> Detections:
        image = decoded(self._decoder, self.read.study, job, self._model.spec.scope)
        try:
            items, execution = self._model.host.read(image, self._deadline_s)
        except AnalysisError as error:
            if error.code in OWN_FAULTS:
                raise
            # It would not read what the active pack did read: an answer too, without a finding.
            items, execution = (), Execution("", "", 0.0)
        return detections_of(self.read.study, job, self._model, items, execution)


def answer_of(
    detections: Sequence[Detections], point: OperatingPoint, table: UrgencyTable
) -> Answer:
    """What one pack alone would have said of a study.

    Raises:
        AnalysisError: `score-invalid`.
    """
    points = {each.job.pack: point for each in detections}
    judged = decide(reported(detections, points), table, points)
    items = [item for each in detections for item in each.items]
    shown = repr([(item.label, round(item.score, 6), item.region) for item in items])
    return Answer(
        alerted=judged.study.urgent,
        digest=hashlib.sha256(shown.encode()).hexdigest() if items else "",
        top=max((item.score for item in items), default=0.0),
        latency_s=max((each.execution.latency_s for each in detections), default=0.0),
    )
