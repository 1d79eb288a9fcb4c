"""A TPM2 in software: swtpm."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.simulators.box import wait_until


@contextmanager
def software_tpm() -> Iterator[str]:
    """A TPM2 in software; what the TPM library calls it."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's name must be short
        place = Path(folder, "socket")  # the library looks for the control channel at `.ctrl`
        command = [
            *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}"),
            *("--server", f"type=unixio,path={place}"),
            *("--ctrl", f"type=unixio,path={place}.ctrl"),
            *("--flags", "not-need-init,startup-clear"),
        ]
        with subprocess.Popen(command) as process:
            try:
                wait_until(place.exists, 20)
                yield f"swtpm:path={place}"
            finally:
                process.terminate()
