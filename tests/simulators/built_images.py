"""What an image's build leaves: a root with its hash tree, and a kernel image that starts it.

The hash tree is veritysetup's own; the kernel image is a PE file with the sections that ukify
writes, and nothing that would run.
"""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

NAME = "osteon"
_ALIGNED = 512
_OPTIONAL_HEADER = 240
_DIRECTORIES = 16
_SECURITY = 4


def build_output(folder: Path, version: str, *, salt: str = "", size: int = 1 << 20) -> Path:
    """A folder with the three files of an image; `salt` makes another root."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{NAME}_{version}"
    root = Path(f"{stem}.root-x86-64.raw")
    content = hashlib.shake_256(f"{version}{salt}".encode()).digest(100_000)
    root.write_bytes(content + bytes(size - len(content)))
    root_hash = hash_tree(root, Path(f"{stem}.root-x86-64-verity.raw"))
    Path(f"{stem}.efi").write_bytes(kernel_image(version, root_hash))
    return folder


def hash_tree(root: Path, tree: Path) -> str:
    """Make a root's hash tree; its hash."""
    command = ["veritysetup", "format", str(root), str(tree)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return next(line.split()[-1] for line in done.stdout.splitlines() if "Root hash" in line)


def kernel_image(
    version: str, root_hash: str, name: str = NAME, *, is_signed: bool = True
) -> bytes:
    """A unified kernel image, as far as anybody looks at it who does not start it."""
    return pe_file(
        {
            ".linux": b"no kernel",
            ".initrd": b"no initrd",
            ".osrel": f"ID=debian\nIMAGE_ID={name}\nIMAGE_VERSION={version}\n".encode(),
            ".cmdline": f"roothash={root_hash} quiet\0".encode(),
            ".pcrsig": b"{}",
        },
        b"a signature" if is_signed else b"",
    )


def pe_file(sections: Mapping[str, bytes], signature: bytes) -> bytes:
    """A PE32+ file with these sections, the signature (if any) at its end."""
    header = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    header += b"PE\0\0" + struct.pack(
        "<HHIIIHH", 0x8664, len(sections), 0, 0, 0, _OPTIONAL_HEADER, 0x2022
    )
    begin = _aligned(len(header) + _OPTIONAL_HEADER + 40 * len(sections))
    place, table, body = begin, b"", b""
    for name, content in sections.items():
        padded = content.ljust(_aligned(len(content)), b"\0")
        table += name.encode().ljust(8, b"\0") + struct.pack(
            "<IIIIIIHHI", len(content), place, len(padded), place, 0, 0, 0, 0, 0x40000040
        )
        body += padded
        place += len(padded)
    directories = [(0, 0)] * _DIRECTORIES
    if signature:
        directories[_SECURITY] = (place, len(signature))
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, 0, 0, begin, begin)
    optional += struct.pack("<QII", 1 << 32, _ALIGNED, _ALIGNED)
    optional += struct.pack("<HHHHHHI", 6, 0, 0, 0, 6, 0, 0)
    optional += struct.pack("<IIIHH", place, begin, 0, 10, 0)
    optional += struct.pack("<QQQQII", 1 << 20, 4096, 1 << 20, 4096, 0, _DIRECTORIES)
    optional += b"".join(struct.pack("<II", *each) for each in directories)
    return (header + optional + table).ljust(begin, b"\0") + body + signature


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
