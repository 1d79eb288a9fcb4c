"""A pack that nobody has signed yet, opened and tried as the box does both."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TargetFile

from appliance.clock import Clock
from appliance.domain import Detection
from appliance.errors import AnalysisError, PackError
from appliance.inference.detections import checked
from appliance.inference.device import Device
from appliance.inference.golden import golden_image
from appliance.inference.host import InferenceHost
from appliance.inference.manifest import Trust, verify_manifest
from appliance.inference.pack import GoldenCase, Pack
from appliance.inference.package import MANIFEST, open_pack
from appliance.inference.runtimes.onnxruntime import OnnxRuntime
from appliance.inference.starting import HostSettings
from appliance.inference.steps import reader
from appliance.storage import make_folder
from appliance.update.layout import MODELS_ROLE, OS_ROLE, Release, file_target, is_os_name
from appliance.update.xz import unpack
from updates.errors import PublishError
from updates.founding import sole_trust
from updates.pack_manifest import manifest
from updates.repository import Draft
from updates.version_rules import Edition

RUNTIMES: Final = ("openvino", "onnxruntime")
LARGEST: Final = 10_000_000
"""Bytes of a pack: an hour on a line of 64 kbit/s carries some 28 MB, and others use it too."""
FEWEST_CASES: Final = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """One runtime's way through the golden cases; `fault` is empty where all passed."""

    runtime: str
    slowest_s: float
    fault: str = ""


def open_files(files: Mapping[str, bytes]) -> Pack:
    """Open a pack by the box's only way, under a key that lives for this one opening.

    Raises:
        PublishError: The box would refuse it.
    """
    signer = CryptoSigner.generate_ed25519()
    with tempfile.TemporaryDirectory(prefix="osteon-publish-") as name:
        folder = Path(name) / "pack"
        for path, content in {**files, MANIFEST: manifest(files, signer)}.items():
            make_folder((folder / path).parent)
            (folder / path).write_bytes(content)
        try:
            return open_pack(folder, sole_trust(signer))
        except PackError as error:
            raise PublishError(f"a box would refuse the pack: {error}") from None


def lint(folder: Path, files: Mapping[str, bytes]) -> tuple[Pack, list[str]]:
    """Open a pack, and say what is wrong with it besides."""
    pack = open_files(files)
    faults = []
    if pack.identity.name != folder.name:
        faults.append(f"the pack calls itself {pack.identity.name}, its folder {folder.name}")
    if "card.md" not in files:
        faults.append("card.md is missing: what was measured, on which data")
    if (size := sum(map(len, files.values()))) > LARGEST:
        faults.append(f"{size / 1e6:.1f} MB; no pack is larger than {LARGEST / 1e6:.0f} MB")
    if len(pack.golden) < FEWEST_CASES:
        faults.append(f"{len(pack.golden)} golden case; {FEWEST_CASES} or more are needed")
    return pack, faults


def attempt(pack: Pack, runtime: str, clock: Clock) -> Trial:
    """The golden cases on this machine's processor, in the box's own inference child."""
    settings = HostSettings(Device.CPU.value, runtime)
    deadline_s = 20 * pack.spec.budget.latency_s
    try:
        with InferenceHost(pack, settings, clock) as host:
            host.warm_up()  # passes the golden cases
            runs = [host.read(golden_image(case), deadline_s)[1] for case in pack.golden]
    except (AnalysisError, PackError) as error:
        return Trial(runtime, 0.0, str(error))
    slowest = max(run.latency_s for run in runs)
    fell_back = next((run.runtime for run in runs if run.runtime != runtime), None)
    return Trial(runtime, slowest, f"only {fell_back} passed" if fell_back else "")


def editions(before: Pack, after: Pack) -> tuple[Edition, Edition]:
    """Both packs' answers to all golden images of the two.

    Raises:
        PublishError: One of them cannot read.
    """
    cases = {_sha256(case): case for case in (*before.golden, *after.golden)}
    both = [
        Edition(pack.spec, frozenset(map(_sha256, pack.golden)), _answers(pack, cases))
        for pack in (before, after)
    ]
    return both[0], both[1]


def published(draft: Draft, name: str) -> dict[str, Release]:
    """The published packs or system images of that name, by version, oldest first."""
    releases = {}
    for file in draft.targets_of(OS_ROLE if is_os_name(name) else MODELS_ROLE).values():
        if file.custom is not None and (release := Release.from_custom(file.custom)).name == name:
            releases[release.version] = release
    return dict(sorted(releases.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def published_files(draft: Draft, manifest_file: TargetFile, trust: Trust) -> dict[str, bytes]:
    """A published pack's files in plain form."""
    targets = draft.targets_of(MODELS_ROLE)
    listed = verify_manifest(draft.target(manifest_file), trust).files
    return {
        path: unpack(draft.target(targets[file_target(file.hashes["sha256"])]), file.length)
        for path, file in listed.items()
    }


def _answers(pack: Pack, cases: Mapping[str, GoldenCase]) -> dict[str, tuple[Detection, ...]]:
    """By the pack's own reader on ONNX Runtime, in this process: the maker knows both packs."""
    read, found = reader(pack.spec.reader.name), {}
    runtime = OnnxRuntime(pack.network, Device.CPU)
    for image, case in cases.items():
        try:
            seen = read(golden_image(case), runtime, pack.spec.reader.parameters)
            found[image] = tuple(checked(each, pack.spec) for each in seen)
        except AnalysisError as error:
            which = f"{pack.identity.name} {pack.identity.version}"
            raise PublishError(f"{which}: golden case {case.name}: {error}") from None
    return found


def _sha256(case: GoldenCase) -> str:
    return hashlib.sha256(case.image).hexdigest()
