"""A real PACS for tests: Debian's Orthanc on free loopback ports, with nothing kept afterwards."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ORTHANC = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
MISSING = "the Debian package orthanc is not installed"
_START_S = 30.0


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running Orthanc."""

    ae_title: str
    dicom_port: int
    http_port: int

    def get(self, path: str) -> Any:
        """The JSON that its REST interface answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as reply:
            return json.loads(reply.read())

    def instances(self) -> list[dict[str, str]]:
        """The main tags of every stored instance and of its series, by keyword."""
        found = []
        for instance in self.get("/instances"):
            tags = self.get(f"/instances/{instance}/simplified-tags")
            found.append({name: str(value) for name, value in tags.items()})
        return found


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def orthanc(
    folder: Path, tls: tuple[Path, Path] | None = None, **settings: Any
) -> Iterator[Orthanc]:
    """Start Orthanc with its storage in the folder and stop it afterwards.

    tls: (certificate, key) as PEM files, to take DICOM over TLS only, from anybody.
    settings: further entries of its configuration.
    """
    if ORTHANC is None:
        raise FileNotFoundError(MISSING)
    pacs = Orthanc("ORTHANC", free_port(), free_port())
    configuration: dict[str, Any] = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [],
        "DicomAet": pacs.ae_title,
        "DicomPort": pacs.dicom_port,
        "HttpPort": pacs.http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomCheckCalledAet": True,
        "SaveJobs": False,
    }
    if tls is not None:
        configuration |= {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(tls[0]),
            "DicomTlsPrivateKey": str(tls[1]),
            "DicomTlsTrustedCertificates": str(tls[0]),
            "DicomTlsRemoteCertificateRequired": False,
        }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration | settings))
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen([ORTHANC, str(file)], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until_up(pacs, process, folder / "orthanc.log")
        yield pacs
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait_until_up(pacs: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            pacs.get("/system")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Orthanc did not start: {log.read_text(errors='replace')[-2000:]}")
