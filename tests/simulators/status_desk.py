"""The maker's side of statuses: an HTTPS server on loopback that keeps what boxes post."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme


@dataclass
class StatusDesk:
    """Keeps each post as a file in `folder`; answers with `status`."""

    folder: Path
    ca_file: Path
    port: int = 0
    status: int = 204

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/status"


class _Handler(http.server.BaseHTTPRequestHandler):
    desk: StatusDesk

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        number = len(list(self.desk.folder.iterdir()))
        (self.desk.folder / f"{number:05}.json").write_bytes(content)
        self.send_response(self.desk.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def status_desk(home: Path) -> Iterator[StatusDesk]:
    """A server that is there until the end."""
    folder = home / "statuses"
    folder.mkdir(parents=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "desk-ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    desk = StatusDesk(folder, home / "desk-ca.pem")
    handler = type("DeskHandler", (_Handler,), {"desk": desk})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        desk.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield desk
        finally:
            server.shutdown()
            thread.join()
