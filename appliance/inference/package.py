"""The only way into a model pack: verified bytes, read once, held in memory.

Runtimes load these bytes and never a path: 53 % of single-byte flips of a network load without an
error and answer differently, so only signature and hash protect, and nothing may come between the
check and the use.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tuf.api.exceptions import LengthOrHashMismatchError

from appliance.domain import ModelIdentity
from appliance.errors import PackError
from appliance.inference.manifest import MANIFEST_BYTES, Trust, verify_manifest
from appliance.inference.pack import GoldenCase, Pack
from appliance.inference.pack_schema import parse_spec

MANIFEST: Final = "manifest.json"
DESCRIPTION: Final = "pack.yaml"
PACK_BYTES: Final = 64 * 2**20
"""All files of one pack together; shipped packs stay below 10 MB."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block


def open_pack(folder: Path, trust: Trust) -> Pack:
    """Verify a pack and take its content into memory.

    Raises:
        PackError: `pack-missing`, `pack-manifest-invalid`, `pack-signature-invalid`,
            `pack-path-invalid`, `pack-too-large`, `pack-file-missing`, `pack-file-irregular`,
            `pack-file-unlisted`, `pack-file-altered`, `pack-description-invalid` or
            `pack-external-data`.
    """
    with ExitStack() as stack:
        try:
            root = os.open(folder, _FOLDER)
        except OSError as error:
            raise PackError("pack-missing", _name(error)) from None
        stack.callback(os.close, root)
        manifest = verify_manifest(_read(root, MANIFEST, MANIFEST_BYTES), trust)
        lengths = [file.length for file in manifest.files.values()]
        if sum(lengths) > PACK_BYTES or min(lengths, default=0) < 0:
            raise PackError("pack-too-large", f"more than {PACK_BYTES >> 20} MiB")
        _refuse_unlisted(root, manifest.files.keys() | {MANIFEST})
        files: dict[str, bytes] = {}
        for path, file in manifest.files.items():
            files[path] = _read(root, path, file.length)
            try:
                file.verify_length_and_hashes(files[path])
            except LengthOrHashMismatchError:
                raise PackError("pack-file-altered", path) from None
    return _assemble(files, manifest.digest)


def _assemble(files: Mapping[str, bytes], digest: str) -> Pack:
    spec = parse_spec(_listed(files, DESCRIPTION))
    network = _listed(files, spec.network.file)
    if b"location" in network:
        # Each external tensor must name its file under this key (onnx.proto, TensorProto), and the
        # runtimes would look for that file on the disk. Crude on purpose: no parser to mislead.
        raise PackError("pack-external-data", spec.network.file)
    golden = tuple(
        GoldenCase(Path(case.image).stem, _listed(files, case.image), _listed(files, case.expected))
        for case in spec.golden
    )
    return Pack(ModelIdentity(spec.name, spec.version, digest), spec, network, golden)


def _listed(files: Mapping[str, bytes], path: str) -> bytes:
    try:
        return files[path]
    except KeyError:
        raise PackError("pack-file-missing", "named in pack.yaml, not in the manifest") from None


def _read(root: int, path: str, at_most: int) -> bytes:
    """A regular file of the pack, no link on the way; read no further than needed to refuse it."""
    *folders, name = path.split("/")
    with ExitStack() as stack:
        try:
            place = root
            for folder in folders:
                place = os.open(folder, _FOLDER, dir_fd=place)
                stack.callback(os.close, place)
            descriptor = os.open(name, _FILE, dir_fd=place)
            stack.callback(os.close, descriptor)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PackError("pack-file-irregular", path)
            if status.st_size > at_most:
                raise PackError("pack-file-altered", path)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(at_most + 1)
        except FileNotFoundError:
            raise PackError("pack-file-missing", path) from None
        except OSError as error:
            raise PackError("pack-file-irregular", f"{path}: {_name(error)}") from None


def _refuse_unlisted(root: int, listed: set[str]) -> None:
    """Nothing may lie in the folder that the manifest does not know; links least of all."""
    for where, folders, names, descriptor in os.fwalk(".", dir_fd=root):
        for name in (*folders, *names):
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            path = os.path.normpath(f"{where}/{name}")
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise PackError("pack-file-irregular", ascii(path))
            if stat.S_ISREG(mode) and path not in listed:
                raise PackError("pack-file-unlisted", ascii(path))


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "unknown")
