"""The page and the DICOM objects of a revision, made and sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import appliance
from appliance.alerts.catalogue import load
from appliance.alerts.page import PageContent, render_page
from appliance.daemon.analyser import Task
from appliance.daemon.packs.loading import Model
from appliance.daemon.workbench import Bench, Workbench
from appliance.domain import (
    AlertSummary,
    InstanceHeader,
    InstanceKey,
    PatientFacts,
    Read,
    Study,
)
from appliance.errors import DecodeError
from appliance.ledger.intake import IntakeLedger
from appliance.pipeline.results.make import make_results
from appliance.pipeline.results.picture import draw_pictures
from appliance.pipeline.results.request import Device, ResultRequest, Scope
from appliance.pipeline.results.statements import limits, looked_at
from appliance.sealing import MasterKey, StudySeal
from appliance.storage import BlobStore

_NOBODY = PatientFacts("", "", "", "", "", "", "")


@dataclass(frozen=True, slots=True)
class Made:
    """Sealed blobs by name. `own` are the keyed names of the DICOM objects among them."""

    objects: tuple[str, ...]
    own: tuple[InstanceKey, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One finished reading, drawn: what page and objects are made from."""

    request: ResultRequest
    patient: PatientFacts
    pictures: tuple[NDArray[np.uint8], ...]


class Artefacts:
    """Makes and seals what a revision sends out."""

    def __init__(  # noqa: PLR0913 - one workshop, its parts
        self,
        *,
        intake: IntakeLedger,
        workbench: Workbench,
        models: Mapping[str, Model],
        master: MasterKey,
        results: BlobStore,
        language: str,
    ) -> None:
        self._intake = intake
        self._workbench = workbench
        self._models = models
        self._master = master
        self._results = results
        self._language = language

    def draw(self, task: Task, study: Study, read: Read, decided_at: float) -> Drawing:
        """Decode what the findings lie in and draw it. Raises DecodeError, StorageError."""
        bench = self._bench(task)
        jobs = [detections.job for detections in read.detections]
        header = self._header(bench, jobs[0].spooled_ids[0])
        request = ResultRequest(
            study=study,
            read=read,
            case=task.revision.case,
            images={job: self._workbench.image(bench, study, job) for job in jobs},
            attributes=header.attributes,
            scopes=tuple(
                Scope(name, tuple(model.spec.bones), tuple(model.spec.limits))
                for name, model in self._models.items()
            ),
            device=Device("Osteon", "Osteon", appliance.__version__),
            decided_at=decided_at,
            uid_seed=self._master.result_seed(study.key, task.revision.through),
            language=self._language,
        )
        return Drawing(request, header.patient, draw_pictures(request))

    def objects(self, drawing: Drawing, seal: StudySeal) -> Made:
        """The structured report and the pictures, sealed."""
        made = make_results(drawing.request, drawing.pictures)
        return Made(
            objects=tuple(self._sealed(seal, each.part10) for each in made),
            own=tuple(self._master.instance_key(each.sop_instance_uid) for each in made),
        )

    def page(self, drawing: Drawing, summary: AlertSummary, seal: StudySeal) -> str:
        """The printed page of a reading, sealed."""
        request, texts = drawing.request, load(self._language)
        models = {each.model.name: each.model for each in request.read.detections}
        content = PageContent(
            summary=summary,
            patient=drawing.patient,
            findings=request.read.findings,
            looked_at=looked_at(request, texts),
            limits=limits(request, texts),
            models=tuple(models.values()),
            software_version=appliance.__version__,
            picture=drawing.pictures[0] if drawing.pictures else None,
            language=self._language,
        )
        return self._sealed(seal, render_page(content))

    def plain_page(self, task: Task, summary: AlertSummary) -> str:
        """The printed page of a study of which nothing is shown: not analysed, or a test. Sealed.

        It names the patient as far as any header could be read.
        """
        bench = self._bench(task)
        self._workbench.read_headers(bench)
        known = (each for each in bench.headers.values() if isinstance(each, InstanceHeader))
        first = next(known, None)
        content = PageContent(
            summary=summary,
            patient=first.patient if first else _NOBODY,
            findings=(),
            looked_at=(),
            limits=(),
            models=(),
            software_version=appliance.__version__,
            language=self._language,
        )
        return self._sealed(task.seal, render_page(content))

    def _bench(self, task: Task) -> Bench:
        study = task.revision.study
        return self._workbench.bench(study, task.seal, self._intake.instances(study))

    def _header(self, bench: Bench, spooled_id: int) -> InstanceHeader:
        if spooled_id not in bench.headers:
            bench.headers.update(bench.decoder.headers([spooled_id]))
        header = bench.headers[spooled_id]
        if not isinstance(header, InstanceHeader):
            raise DecodeError(header.code, header.detail)
        return header

    def _sealed(self, seal: StudySeal, content: bytes) -> str:
        blob = self._results.create()
        try:
            with seal.writer(blob.file) as stream:
                stream.write(content)
            return blob.commit()
        except BaseException:
            blob.discard()
            raise
