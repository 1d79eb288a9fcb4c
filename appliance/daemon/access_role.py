"""The role that keeps the audit trail, and through which alone a person sees who a patient is."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.trail import AuditTrail
from appliance.audit.wire import answer, listen, take
from appliance.clock import Clock
from appliance.config.changes import changes
from appliance.config.schema import Site
from appliance.daemon.device_key import signer_of
from appliance.daemon.door import Door
from appliance.daemon.notify import Notifier
from appliance.daemon.patients import patient_of
from appliance.daemon.people import person_of
from appliance.daemon.site_file import SiteFile
from appliance.daemon.starts import note_start
from appliance.daemon.state import state_folder
from appliance.errors import SignatureError, StorageError
from appliance.loops import Loop, Loops
from appliance.signing import DeviceSigner
from appliance.storage import make_folder

_ACTOR: Final = "osteon-access"
_LOOK_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0
_WAITING: Final = 32
_MAY_TAKE_SECONDS: Final = 120.0
_LONGEST: Final = 200
PUBLIC_KEY: Final = "device.pem"


def access(site_file: SiteFile, stop: threading.Event, clock: Clock) -> None:
    """Answer at the door until asked to stop."""
    site = site_file.site
    state = state_folder(site)
    loops = Loops(clock)
    loop = loops.add("door")
    notifier = Notifier(loops, clock)
    with ExitStack() as stack:
        stack.callback(notifier.close)
        make_folder(state.access)
        note_start(state.access, clock)
        signer = _signer(site)
        if signer is not None:
            _hand_out(state.access / PUBLIC_KEY, signer.public_pem)
        trail = AuditTrail(state.access, _ACTOR, signer, clock)
        stack.callback(trail.close)
        listening = stack.enter_context(listen(state.access, _WAITING))
        listening.settimeout(_LOOK_SECONDS)
        trail.record(AuditEvent(AuditKind.STARTED, _ACTOR))
        site_file.is_up()
        journal.event("auditing", count=trail.head.count)
        notifier.ready("Keeping the audit trail")
        door = Door(trail, person_of, partial(patient_of, site, clock))
        in_use = site

        def adopt(renewed: Site) -> None:
            nonlocal in_use
            trail.record(_changed(in_use, renewed))
            in_use = renewed

        while not stop.is_set():
            loop.turned(_MAY_TAKE_SECONDS)
            trail.seal_if_due()
            site_file.reload_if_asked(adopt)
            _serve_next(listening, door, loop)
        trail.record(AuditEvent(AuditKind.STOPPED, _ACTOR))


def _changed(before: Site, after: Site) -> AuditEvent:
    """Which keys of the site YAML differ; who changed the file only the system knows."""
    keys = ", ".join(change.key for change in changes(before, after))
    return AuditEvent(AuditKind.CONFIGURATION_CHANGED, _ACTOR, "site.yaml", keys[:_LONGEST])


def _serve_next(listening: socket.socket, door: Door, loop: Loop) -> None:
    try:
        channel, _ = listening.accept()
    except TimeoutError:
        return
    with channel:
        channel.settimeout(_PATIENCE_SECONDS)
        # Who asks nonsense, or does not wait for the answer, is nobody's trouble but their own.
        with suppress(OSError, ValueError):
            peer, question = take(channel)
            loop.turned(_MAY_TAKE_SECONDS)
            answer(channel, door.answer(peer, question))


def _signer(site: Site) -> DeviceSigner | None:
    """The device's key; None, and aloud, where this box has no identity yet."""
    try:
        return signer_of(site)
    except (SignatureError, StorageError) as error:
        journal.warn("audit-unsigned", code=error.code)
        return None


def _hand_out(place: Path, public_pem: bytes) -> None:
    """So that anybody may verify the trail without the identity's folder, which is root's."""
    place.write_bytes(public_pem)
    place.chmod(0o640)
