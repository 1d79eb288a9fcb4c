"""The model packs: devices, signature, golden cases and latency on this very machine."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from appliance.checks.probe import Probe, Surroundings
from appliance.checks.result import CheckResult, ok, warning
from appliance.clock import Clock
from appliance.config.schema import PackUse
from appliance.daemon.packs.loading import host_settings, model_of
from appliance.daemon.packs.places import pack_in_use, uses
from appliance.daemon.site_word import SiteWord
from appliance.errors import AnalysisError, CheckError, Notice
from appliance.inference.golden import golden_image
from appliance.inference.host import InferenceHost
from appliance.inference.starting import HostSettings, offered


def devices(around: Surroundings) -> tuple[Probe, ...]:
    """What the runtimes could compute on."""
    return (Probe("devices", partial(_devices, around.clock)),)


def packs(around: Surroundings) -> tuple[Probe, ...]:
    """One for each pack that the box uses; they run one after another, or none is at its speed."""
    wanted = uses(around.site)
    if not wanted:
        return (Probe("models", partial(_none, around)),)
    turn = threading.Lock()
    return tuple(Probe(f"model {use.name}", partial(_pack, use, around, turn)) for use in wanted)


def _devices(clock: Clock) -> CheckResult:
    found = offered(HostSettings(), clock)
    if not any(found.values()):
        raise AnalysisError("runtime-missing")
    shown = (f"{library}: {', '.join(sorted(each))}" for library, each in found.items() if each)
    return ok("devices", "; ".join(shown))


def _none(around: Surroundings) -> CheckResult:
    raise CheckError("packs-missing", around.site.packs.folder)


def _pack(use: PackUse, around: Surroundings, turn: threading.Lock) -> CheckResult:
    name = f"model {use.name}"
    pack = pack_in_use(around.site, use.name)
    model = model_of(pack, use, around.clock)
    SiteWord(Path(around.site.state_folder)).check(
        model.identity, model.point.alert, is_required=around.site.acceptance.required
    )
    with turn, InferenceHost(pack, host_settings(use), around.clock) as host:
        host.warm_up()  # starts the child and passes the golden cases
        deadline_s = around.site.analysis.inference_seconds
        runs = [host.read(golden_image(case), deadline_s)[1] for case in pack.golden]
    slowest = max(runs, key=lambda each: each.latency_s)
    figures = (
        f"{pack.identity.version} on {slowest.device} by {slowest.runtime}: {len(runs)} golden "
        f"cases passed, {slowest.latency_s:.2f} s for the slowest"
    )
    if slowest.fell_back:
        return warning(name, Notice("device-fell-back", figures))
    return ok(name, figures)
