"""A plain Debian root, as its installer leaves it: systemd, apt and little else.

Built once and kept outside the checkout under a name made from all that goes into it.
"""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

KEPT = Path.home() / ".cache/osteon/system"
BASE = ("apt", "dbus", "netbase", "systemd", "systemd-sysv")
HOST_IN_MACHINE = Path("/mnt/host")
"""Where the machine sees single files of this host that its package tools need."""


def root_archive(suite: str, *more: str) -> Path:
    """A tar file of the root, built with mmdebstrap where it is not there yet (a minute).

    more: packages beside those of every such root.
    """
    arguments = [
        *("--variant=apt", f"--include={','.join((*BASE, *more))}", *_apt_proxies()),
        "--customize-hook=echo 127.0.0.1 localhost >$1/etc/hosts",
        "--customize-hook=echo osteon-test >$1/etc/hostname",
    ]
    mirror = _mirror_file(suite)
    inputs = "\n".join([suite, *arguments, mirror.read_text() if mirror else ""])
    archive = KEPT / f"{suite}-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}.tar"
    if not archive.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        # It ends in .tar, by which mmdebstrap knows what to make.
        partial = archive.with_suffix(f".{os.getpid()}.tar")
        command = [
            "mmdebstrap",
            "--quiet",
            *arguments,
            suite,
            partial,
            *([mirror] if mirror else []),
        ]
        try:
            subprocess.run(command, check=True, timeout=600, stdin=subprocess.DEVNULL)
            partial.rename(archive)
        finally:
            partial.unlink(missing_ok=True)
    return archive


def _mirror_file(suite: str) -> Path | None:
    """Debian's own sources of this host, if it is the same Debian; else mmdebstrap's default."""
    places = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
    return next((each for each in places if each.exists() and suite in each.read_text()), None)


def _apt_proxies() -> Iterator[str]:
    """Proxies that this host's apt uses; mmdebstrap keeps them in the root."""
    dump = subprocess.run(["apt-config", "dump", "--no-empty"], capture_output=True, check=True)
    for line in dump.stdout.decode().splitlines():
        if line.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy")):
            yield f"--aptopt={line}"


def pip_settings() -> tuple[dict[str, str], dict[Path, Path]]:
    """How this host's pip reaches its packages: variables for a machine, and what to bind there.

    Single files go below `HOST_IN_MACHINE`, so that they hide none of the machine's own. Folders
    keep their place and come with what lies beside them: an index names its files by their path.
    """
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True)
    variables, bound = {}, {}
    for line in listed.stdout.splitlines():
        key, _, written = line.partition("=")
        words = str(ast.literal_eval(written)).split()
        for number, word in enumerate(words):
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.is_file():
                bound[path] = HOST_IN_MACHINE / path.relative_to("/")
                words[number] = str(bound[path])
            elif path.is_absolute() and path.is_dir():
                top = Path("/", path.parts[1])
                bound[top] = top
        name = key.rpartition(".")[2].upper().replace("-", "_")
        variables[f"PIP_{name}"] = " ".join(words)
    return variables, bound
