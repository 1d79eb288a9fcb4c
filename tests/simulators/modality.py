"""A modality: DCMTK's real senders, and pynetdicom where every transfer syntax is wanted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association

from appliance.pipeline.deliver.requestor import Requestor
from tests.simulators.receiving import AE_TITLE, MODALITY

LOOPBACK_HOST = "127.0.0.1"


def save(objects: Iterable[Dataset], folder: Path) -> list[Path]:
    """Write Part 10 files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, one in enumerate(objects):
        file = folder / f"{number:05}.dcm"
        one.save_as(file, enforce_file_format=True)
        files.append(file)
    return files


def dcmtk(
    program: str,
    port: int,
    *files: Path,
    options: Sequence[str | Path] = (),
    calling: str = MODALITY,
    called: str = AE_TITLE,
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run `storescu`, `dcmsend` or `echoscu` against a port of loopback."""
    if shutil.which(program) is None:
        pytest.fail(f"{program} is missing: install the Debian package dcmtk")
    return subprocess.run(
        [program, "-aet", calling, "-aec", called, *options, LOOPBACK_HOST, str(port), *files],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def associate(
    port: int,
    contexts: Sequence[tuple[str, Sequence[str]]],
    *,
    calling: str = MODALITY,
    called: str = AE_TITLE,
) -> Association:
    """An association by pynetdicom: (abstract syntax, its transfer syntaxes) for each context."""
    ae = Requestor(ae_title=calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    for abstract, syntaxes in contexts:
        ae.add_requested_context(abstract, list(syntaxes))
    return ae.associate(LOOPBACK_HOST, port, ae_title=called)


def send(port: int, objects: Sequence[Dataset]) -> list[int]:
    """Store objects in one association, one context for each kind; the statuses, in order."""
    kinds = dict.fromkeys((one.SOPClassUID, (one.file_meta.TransferSyntaxUID,)) for one in objects)
    association = associate(port, list(kinds))
    assert association.is_established
    try:
        return [association.send_c_store(one).Status for one in objects]
    finally:
        association.release()
