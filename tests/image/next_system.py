"""Newer systems for a box, made from the built image: one that works, and one that does not start.

The good one is the built root under a newer version, without what an emulated machine has no use
for, so that it is there in minutes. Both go the whole way: hash tree, signed kernel image, looked
at by the maker's tool.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from appliance.update.os.contents import ImageContents
from tests.image import firmware
from tests.simulators.built_images import hash_tree
from tests.simulators.update_repository import MadeImage, image_file
from updates.images import built_image

IN_VAIN_S = 60


def working(built: Path, folder: Path, version: str, agent: Path) -> MadeImage:
    """The built root as another version. folder: within the cache. agent: the test's initrd."""
    root = folder / "root"
    whole = (built / "osteon.root-x86-64.raw").resolve()
    firmware.in_tools("fsck.erofs", f"--extract={root}", whole, seconds=600)
    shutil.rmtree(root / "usr/lib/firmware")
    about = root / "usr/lib/os-release"
    about.write_text(firmware.of_version(about.read_text(), version))
    firmware.in_tools(
        "mkfs.erofs", "--quiet", "-zlz4", _root_file(folder, version), root, seconds=600
    )
    subprocess.run(["rm", "-rf", "--one-file-system", root], check=True)
    return _made(built, folder, version, agent, firmware.PATIENCE_S)


def not_starting(built: Path, folder: Path, version: str, agent: Path) -> MadeImage:
    """A root that its hash tree vouches for, and that is no file system: waited for in vain."""
    _root_file(folder, version).write_bytes(b"no file system. " * (1 << 16))
    return _made(built, folder, version, agent, IN_VAIN_S)


def _root_file(folder: Path, version: str) -> Path:
    return folder / f"osteon_{version}.root-x86-64.raw"


def _made(built: Path, folder: Path, version: str, agent: Path, patience_s: int) -> MadeImage:
    root, stem = _root_file(folder, version), folder / f"osteon_{version}"
    top = hash_tree(root, Path(f"{stem}.root-x86-64-verity.raw"))
    firmware.kernel_image(
        *(built, Path(f"{stem}.efi"), agent),
        version=version,
        root_hash=top,
        patience_s=patience_s,
    )
    image = built_image(folder)
    files = {part: place.read_bytes() for part, place in image.files.items()}
    listed = tuple(
        replace(image_file(part, content), partition=image.partitions.get(part, ""))
        for part, content in files.items()
    )
    return MadeImage(ImageContents(image.name, image.version, listed), 1, files)
