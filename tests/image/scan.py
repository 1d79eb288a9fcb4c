"""scan.py ADDRESS: tries every port of TCP there, and prints those on which somebody listens."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys

AT_ONCE = 256
SECONDS = 20.0


async def is_open(address: str, port: int) -> bool:
    """Whether a connection comes about; no answer at all, a firewall's way, is told as a fault."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(one, (address, port)), SECONDS)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            raise SystemExit(f"port {port} does not answer") from None
        except OSError as error:
            raise SystemExit(errno.errorcode[error.errno or 0]) from error
        return True


async def main(address: str) -> None:
    """Some hundred ports at a time."""
    for first in range(1, 65536, AT_ONCE):
        ports = range(first, min(first + AT_ONCE, 65536))
        answers = await asyncio.gather(*(is_open(address, port) for port in ports))
        for port, answered in zip(ports, answers, strict=True):
            if answered:
                print(port, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
