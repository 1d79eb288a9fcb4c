"""A model taken back by hand: the whole command, with the shipped packs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from appliance.domain import Outcome
from models.training.sign import sign
from tests.bench.receiving import Figure
from tests.demo.cast import cast
from tests.demo.downloads import real_images
from tests.simulators.box import ROOT, Box, Surroundings, prepared, wait_until
from tests.simulators.mail import mail_server
from tests.simulators.modality import dcmtk
from tests.simulators.update_unit import put_in_use

NAME = "ct-thorax-fracture"
LIMIT = "≤ 10 s"


def measure(folder: Path) -> Iterator[Figure]:
    """From the command's start to its answer: the previous version reads."""
    broken_ct = next(iter(cast(real_images(), folder / "studies")))
    for number, (title, files) in enumerate(
        [("nothing under way", ()), ("a CT of 133 slices under way", broken_ct.files)]
    ):
        seconds, outcome = _taken_back(folder / str(number), files, broken_ct.calling_ae)
        yield f"{NAME} rolled back, {title}{outcome}", f"{seconds:.1f} s", LIMIT


def _taken_back(folder: Path, files: tuple[Path, ...], calling: str) -> tuple[float, str]:
    """Seconds, and what became of the study."""
    folder.mkdir()
    with mail_server(folder) as mail:
        box = prepared(folder, Surroundings(mail))
        home = folder / NAME
        shutil.copytree(ROOT / "models" / NAME, home)
        _raise_version(home)
        put_in_use(box.state, home, ROOT / "models" / NAME)
        box.start()
        try:
            if files:
                dcmtk("storescu", box.port, *files, calling=calling, seconds=300)
                wait_until(lambda: "gated" in {each.state for each in box.revisions()}, 120)
            began = time.monotonic()
            done = box.command("update", "rollback", NAME, "--reason", "bench", seconds=120)
            seconds = time.monotonic() - began
            if done.returncode:
                raise RuntimeError(done.stderr)
            return seconds, _outcome(box) if files else ""
        finally:
            box.stop()


def _outcome(box: Box) -> str:
    (ended,) = box.ended(1, seconds=300)
    if ended.outcome is Outcome.NOT_ANALYSED:
        raise RuntimeError(f"the study in flight was lost: {ended.reason}")
    return f" (then: {ended.outcome})"


def _raise_version(home: Path) -> None:
    described = yaml.safe_load((home / "pack.yaml").read_text(encoding="utf-8"))
    *first, build = described["version"].split(".")
    described["version"] = ".".join([*first, str(int(build) + 1)])
    (home / "pack.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    sign(home)
