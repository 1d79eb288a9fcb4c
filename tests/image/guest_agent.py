"""Runs in the guest, as root: commands that come as JSON lines over a port, one answer each.

The image does not hold it: the initrd of the test's kernel image brings it.
"""

import base64
import json
import subprocess
import sys

port = open(sys.argv[1], "r+b", buffering=0)  # noqa: PTH123, SIM115 - until the machine ends
port.write(b'{"hello": true}\n')
pending = b""
while True:
    pending += port.read(65536) or b""
    line, found, rest = pending.partition(b"\n")
    if not found:
        continue
    pending = rest
    order = json.loads(line)
    try:
        done = subprocess.run(
            order["words"],
            input=base64.b64decode(order["input"]),
            capture_output=True,
            timeout=order["seconds"],
            check=False,
        )
        answer = {"status": done.returncode}
        streams = {"out": done.stdout, "err": done.stderr}
    except (OSError, subprocess.TimeoutExpired) as error:
        answer, streams = {"status": -1}, {"err": str(error).encode()}
    answer |= {name: base64.b64encode(part).decode() for name, part in streams.items()}
    port.write(json.dumps(answer).encode() + b"\n")
