"""What `osteon wipe` would destroy on this box: read from its site YAML and its disks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

import appliance
from appliance.config.schema import Printer, Site
from appliance.errors import UsageError, WipeError
from appliance.provision.identity import DeviceIdentity, read_identity
from appliance.provision.key_home import HAND_OVER
from appliance.provision.keyseal import Protection
from appliance.wipe.facts import box_serial, find_disks, undelivered
from appliance.wipe.plan import Destination, KeyFile, Outstanding, Undelivered, Volume, WipePlan
from appliance.wipe.programs import Programs

_INSTALLED: Final = Path("/etc/osteon/site.yaml")
_CREDENTIALS: Final = (Path("/etc/credstore.encrypted"), Path("/etc/credstore"))
_HOST_KEY: Final = Path("/var/lib/systemd/credential.secret")
_VOLUME_KEY: Final = Path("/keep/data.key")
"""The appliance's, on a machine without a usable TPM2."""
_LABEL: Final = Path("/sys/class/dmi/id/product_serial")
_SECRETS: Final = {
    "master_key_file": "the master key",
    "password_file": "a password",
    "key_file": "a private key",
}
_OF_THE_SYSTEM: Final = {
    Path("/"): "bin boot dev etc home lib media mnt opt proc root run sbin srv sys tmp usr var",
    Path("/usr"): "bin lib local sbin share src",
    Path("/var"): "cache lib log mail spool tmp",
}


@dataclass(frozen=True, slots=True)
class Box:
    """Where this box lies. `journal`: the wipe's own folder, which stays."""

    config: Path
    site: Site
    identity: Path
    journal: Path

    @property
    def is_installed(self) -> bool:
        """Whether this is the Osteon of this machine, not one in some folder for development."""
        return self.config == _INSTALLED

    @property
    def state(self) -> Path:
        """The state folder, behind all links."""
        return Path(self.site.state_folder).resolve()


def gather_plan(
    box: Box, volumes: tuple[str, ...], destinations: tuple[Destination, ...], programs: Programs
) -> WipePlan:
    """Read the box.

    Raises:
        WipeError: `wipe-identity-missing`, `wipe-folder-refused`, `wipe-volume-unknown`.
        StorageError: `identity-broken`.
    """
    identity = read_identity(box.identity)
    if identity is None:
        raise WipeError("wipe-identity-missing")
    _refuse_folder(box)
    disks = find_disks(box.state, volumes, programs)
    keys = tuple(_keys(box))
    settings = sorted(_settings(box, {key.path for key in keys}))
    last, kept = _last_keys(box, identity)
    return WipePlan(
        site=box.site.site.name,
        language=box.site.site.language,
        time_zone=box.site.site.time_zone,
        device_id=identity.device_id,
        serial=box_serial(_label(), identity.device_id),
        software=f"Osteon {appliance.__version__}",
        keys=keys,
        volumes=disks.volumes,
        media=disks.media,
        folders=(str(box.state), *(str(place) for place in settings if place.is_dir())),
        files=tuple(str(place) for place in settings if not place.is_dir()),
        # On the appliance a link: it lies outside of what is encrypted, to be there until the end.
        identity=str(box.identity.resolve()),
        last_keys=(*_named_device_key(box), *last),
        clears_tpm=_clears_tpm(box, identity, has_volume=bool(disks.volumes)),
        undelivered=_undelivered(box, disks.volumes),
        outstanding=(*disks.outstanding, *kept, *_always_outstanding(box.site)),
        destinations=destinations,
        is_installed=box.is_installed,
    )


def printer_destination(site: Site, name: str) -> Destination:
    """A printer of the site YAML. Raises UsageError: `printer-not-in-yaml`."""
    for printer in site.printers:
        if printer.name == name:
            return Destination("printer", printer.uri, _authority(printer))
    known = ", ".join(printer.name for printer in site.printers)
    raise UsageError("printer-not-in-yaml", f"the site YAML knows: {known or 'none'}")


def _authority(printer: Printer) -> str:
    return Path(printer.ca_file).read_text(encoding="utf-8") if printer.ca_file else ""


def _undelivered(box: Box, volumes: tuple[Volume, ...]) -> Undelivered:
    """Of a volume that is closed nobody knows what waits on it."""
    is_closed = any(not volume.mapping for volume in volumes)
    return Undelivered(None, None) if is_closed else undelivered(box.state)


def _refuse_folder(box: Box) -> None:
    state = box.state
    inside = (box.journal.resolve(), box.identity.resolve(), Path(appliance.__file__).resolve())
    system = {place / name for place, names in _OF_THE_SYSTEM.items() for name in names.split()}
    if state in {Path("/"), *system} or any(state in (place, *place.parents) for place in inside):
        raise WipeError("wipe-folder-refused", str(state))


def _keys(box: Box) -> Iterator[KeyFile]:
    """Every key that is there, the master key first."""
    named = list(_secrets(box.site))
    if box.is_installed:
        for folder in _CREDENTIALS:
            for sealed in sorted(folder.glob("osteon*")):
                yield KeyFile(str(sealed), f"the sealed {sealed.name.removeprefix('osteon.')}")
        for handed in sorted(HAND_OVER.glob("*")):
            yield KeyFile(str(handed), "a key handed over in memory")
        if _VOLUME_KEY.exists():
            yield KeyFile(str(_VOLUME_KEY), "the key of the data volume")
    for name, written in sorted(named, key=lambda found: found[0] != "master_key_file"):
        place = Path(written).resolve()
        if place.exists():
            yield KeyFile(str(place), f"{_SECRETS[name]} ({place.name})")


def _secrets(model: BaseModel) -> Iterator[tuple[str, str]]:
    """The files of the site YAML that hold secrets, wherever in it they are named."""
    for name, value in model:
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, BaseModel):
                yield from _secrets(part)
            elif name in _SECRETS and isinstance(part, str):
                yield name, part


def _settings(box: Box, keys: set[str]) -> Iterator[Path]:
    """The configuration; of an installed box the whole folder, without the identity."""
    if not box.is_installed:
        yield box.config.resolve()
        return
    for place in box.config.parent.iterdir():
        if place != box.identity and str(place) not in keys:
            yield place


def _named_device_key(box: Box) -> Iterator[KeyFile]:
    """What a box on a bench signs with; one in the folder of the identity goes with that."""
    named = box.site.device_key_file
    if named is not None and Path(named).exists():
        yield KeyFile(str(Path(named).resolve()), "the device's key for a bench")


def _last_keys(
    box: Box, identity: DeviceIdentity
) -> tuple[tuple[KeyFile, ...], tuple[Outstanding, ...]]:
    """The host key of systemd, where nothing else on the machine is sealed with it."""
    if not box.is_installed or not _HOST_KEY.exists():
        return (), ()
    others = [
        place.name
        for folder in _CREDENTIALS
        if folder.is_dir()
        for place in folder.iterdir()
        if not place.name.startswith("osteon")
    ]
    if not others:
        return (KeyFile(str(_HOST_KEY), "the host key of this system"),), ()
    if identity.protection is Protection.TPM2:
        return (), ()
    return (), (
        Outstanding(
            "backups of /etc/osteon and /etc/credstore.encrypted",
            "destroy them: the host key of this system, which opens them, also serves others "
            "and stays",
        ),
    )


def _clears_tpm(box: Box, identity: DeviceIdentity, *, has_volume: bool) -> bool:
    """Only on the appliance: on somebody's own machine the TPM may hold keys of others."""
    return box.is_installed and has_volume and identity.protection is Protection.TPM2


def _always_outstanding(site: Site) -> Iterator[Outstanding]:
    peers = ", ".join(pacs.name for pacs in site.pacs) or "none"
    yield Outstanding(
        f"printed pages, sent mails, and result objects in the PACS ({peers})",
        "they belong to the hospital's records: keep or destroy them by its rules",
    )


def _label() -> str:
    try:
        return _LABEL.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
