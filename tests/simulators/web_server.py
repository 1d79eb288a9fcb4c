"""Web servers on loopback: nginx as a maker would use it, and one that misbehaves as told."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.simulators.mail import FROM_A_GUEST

Trick = Callable[["Handler", bytes], None]
"""Answers a request in its own way; is given what a good server would send."""


@dataclass
class Server:
    """A folder on a port. `tricks`: what is done to a path that a pattern is found in."""

    folder: Path
    port: int
    tricks: dict[str, Trick] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each request so far."""
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of body sent for each path."""


class Handler(http.server.BaseHTTPRequestHandler):
    """A static server with ranges, as far as no trick says otherwise."""

    protocol_version = "HTTP/1.1"
    served: Server

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.served.requests.append((path, self.headers.get("Range", "")))
        try:
            content = (self.served.folder / path).read_bytes()
        except OSError:
            content = None
        for pattern, trick in self.served.tricks.items():
            if re.search(pattern, path):
                with suppress(OSError):
                    trick(self, content or b"")
                self.close_connection = True
                return
        if content is None:
            self.send_error(404)
            return
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if begin >= len(content) > 0 and begin:
            self.send_error(416)
            return
        self.head(206 if begin else 200, len(content) - begin, begin, len(content))
        self.body(content[begin:])

    def head(self, status: int, length: int, begin: int = 0, whole: int = 0) -> None:
        """Status and headers."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
        self.end_headers()

    def body(self, content: bytes) -> None:
        """Bytes of the body."""
        self.wfile.write(content)
        path = self.path.lstrip("/")
        self.served.sent[path] = self.served.sent.get(path, 0) + len(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def hostile_server(folder: Path) -> Iterator[Server]:
    """A server that plays tricks."""
    server = Server(folder, 0)
    handler = type("ServerHandler", (Handler,), {"served": server})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        web.daemon_threads = True
        server.port = web.server_address[1]
        thread = threading.Thread(target=web.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            web.shutdown()
            thread.join()


def instead(content: Callable[[bytes], bytes]) -> Trick:
    """Another content, whatever range was asked for."""

    def answer(handler: Handler, good: bytes) -> None:
        other = content(good)
        handler.head(200, len(other))
        handler.body(other)

    return answer


def endless(handler: Handler, good: bytes) -> None:
    """The content, then zeros without an end."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.body(good)
    while True:
        handler.body(bytes(65536))


def dripping(seconds: float) -> Trick:
    """One byte each so many seconds."""

    def answer(handler: Handler, good: bytes) -> None:
        handler.head(200, len(good))
        for place in range(len(good)):
            handler.body(good[place : place + 1])
            time.sleep(seconds)

    return answer


def dripping_headers(seconds: float) -> Trick:
    """A header that grows by one byte each so many seconds."""

    def answer(handler: Handler, _good: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            handler.wfile.write(b"a")
            time.sleep(seconds)

    return answer


def silent(_handler: Handler, _good: bytes) -> None:
    """Takes the request and says nothing for a while."""
    time.sleep(2.0)


def cut_after(count: int) -> Trick:
    """The connection breaks after so many bytes; ranges are kept to."""

    def answer(handler: Handler, good: bytes) -> None:
        begin = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.head(206 if begin else 200, len(good) - begin, begin, len(good))
        handler.body(good[begin : begin + count])

    return answer


def status(code: int) -> Trick:
    """Nothing but a status."""
    return lambda handler, _good: handler.send_error(code)


@dataclass(frozen=True)
class Nginx:
    """Serves a folder over TLS. `ca_file`: who vouches for it."""

    port: int
    ca_file: Path
    log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def nginx(folder: Path, home: Path) -> Iterator[Nginx]:
    """A real nginx, as it serves any folder. `home`: for its own files."""
    authority = trustme.CA()
    home.mkdir()
    authority.cert_pem.write_to_path(home / "ca.pem")
    authority.issue_cert("localhost", FROM_A_GUEST).private_key_and_cert_chain_pem.write_to_path(
        home / "server.pem"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (home / "nginx.conf").write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""}
        daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;
        events {{ worker_connections 64; }}
        http {{
            access_log {home}/access.log;
            client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
            fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi;
            scgi_temp_path {home}/scgi;
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.pem;
                root {folder};
            }}
        }}
        """
    )
    folder.chmod(0o755)
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", home / "nginx.conf", "-p", home]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and not (home / "pid").exists():
                time.sleep(0.02)
            yield Nginx(port, home / "ca.pem", home / "access.log")
        finally:
            process.terminate()
