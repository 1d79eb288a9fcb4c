"""A system image as its build leaves it, looked at before anybody is asked to sign it.

Three files of one stem: the signed kernel image, the root, and the root's hash tree. What a box
would find out only when it starts is found out here: whether the kernel image is signed, says which
version it is, and vouches for that very root.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pefile

from appliance.update.layout import is_os_name, is_sha256, is_version
from appliance.update.os.contents import IMAGE_BYTES, Part
from updates.errors import PublishError

_SUFFIXES: Final = {
    Part.KERNEL: ".efi",
    Part.ROOT: ".root-x86-64.raw",
    Part.VERITY: ".root-x86-64-verity.raw",
}
_SIGNATURES: Final = pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_SECURITY"]
_ROOT_HASH: Final = "roothash="
_SECTIONS: Final = (".linux", ".initrd", ".cmdline", ".osrel", ".pcrsig")
"""`.pcrsig` lets the box's TPM hand out the data key to a newer kernel image of ours."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The files of one image. partitions: the UUIDs that root and hash tree must have."""

    name: str
    version: str
    files: Mapping[Part, Path]
    partitions: Mapping[Part, str]


def built_image(folder: Path) -> BuiltImage:
    """The one image that lies in that folder.

    Raises:
        PublishError: There is none, or more than one, or it is not sound.
    """
    found = sorted(folder.glob("*.efi"))
    if len(found) != 1:
        raise PublishError(f"{folder} holds {len(found)} kernel images (*.efi); one is needed")
    stem = found[0].name.removesuffix(".efi")
    files = {part: folder / f"{stem}{suffix}" for part, suffix in _SUFFIXES.items()}
    if missing := [place.name for place in files.values() if not place.is_file()]:
        raise PublishError(f"{folder} lacks {', '.join(missing)}")
    kernel = _kernel(files[Part.KERNEL])
    faults = [*kernel.faults, *_verity_faults(files, kernel.root_hash)]
    if sum(place.stat().st_size for place in files.values()) > IMAGE_BYTES:
        faults.append(f"more than {IMAGE_BYTES >> 30} GiB")
    if faults:
        raise PublishError("; ".join(faults))
    return BuiltImage(kernel.name, kernel.version, files, _partitions(kernel.root_hash))


@dataclass(frozen=True, slots=True)
class _Kernel:
    """What a kernel image says: its name and version, the hash of the root that it starts."""

    name: str
    version: str
    root_hash: str
    faults: tuple[str, ...]


def _kernel(place: Path) -> _Kernel:
    try:
        image = pefile.PE(str(place), fast_load=True)
    except pefile.PEFormatError as error:
        raise PublishError(f"{place.name} is no kernel image: {error}") from None
    with image:
        sections = {
            section.Name.rstrip(b"\0").decode("ascii", "replace"): section.get_data(
                length=section.Misc_VirtualSize
            )
            for section in image.sections
        }
        is_signed = image.OPTIONAL_HEADER.DATA_DIRECTORY[_SIGNATURES].Size > 0
    faults = [f"{place.name} has no {each}" for each in _SECTIONS if each not in sections]
    if not is_signed:
        faults.append(f"{place.name} is not signed: Secure Boot would not start it")
    said = _os_release(sections.get(".osrel", b""))
    name, version = said.get("IMAGE_ID", ""), said.get("IMAGE_VERSION", "")
    if not is_os_name(name) or not is_version(version):
        faults.append(f"{place.name} is of {name or 'no name'} {version}, not of osteon X.Y.Z.B")
    words = sections.get(".cmdline", b"").rstrip(b"\0").decode("utf-8", "replace").split()
    hashes = [word.removeprefix(_ROOT_HASH) for word in words if word.startswith(_ROOT_HASH)]
    if len(hashes) != 1 or not is_sha256(hashes[0]):
        raise PublishError("; ".join([*faults, f"{place.name} names no root ({_ROOT_HASH})"]))
    return _Kernel(name, version, hashes[0], tuple(faults))


def _verity_faults(files: Mapping[Part, Path], root_hash: str) -> Iterator[str]:
    """Every block of the root against the tree, as dm-verity will do it."""
    command = ["veritysetup", "verify", str(files[Part.ROOT]), str(files[Part.VERITY]), root_hash]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        raise PublishError("veritysetup is missing: apt install cryptsetup-bin") from None
    if done.returncode:
        yield f"{files[Part.ROOT].name} is not the root that the kernel image starts"


def _partitions(root_hash: str) -> dict[Part, str]:
    """By which systemd finds both: the two halves of the hash (Discoverable Partitions)."""
    half = len(root_hash) // 2
    return {
        Part.ROOT: str(uuid.UUID(root_hash[:half])),
        Part.VERITY: str(uuid.UUID(root_hash[half:])),
    }


def _os_release(content: bytes) -> dict[str, str]:
    lines = content.rstrip(b"\0").decode("utf-8", "replace").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
