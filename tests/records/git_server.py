"""A git server over loopback: `git http-backend` behind HTTP, with tokens and faults."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.repos import GitRepo

Fault = Callable[["Handler", str], bool]
"""What goes wrong at a request, given the path; True: it was dealt with, and nothing follows."""


@dataclass
class Server:
    """One that is running, and what it was asked."""

    root: Path
    token: str = ""
    fault: Fault | None = None
    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Each request: its path, and the Authorization that came with it."""

    def url(self, userinfo: str = "") -> str:
        return f"http://{userinfo}127.0.0.1:{self.port}/r.git"


class Handler(BaseHTTPRequestHandler):
    """CGI for one program."""

    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer(body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().strip(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, body: bytes) -> None:
        ours = self.server.ours
        given = self.headers.get("Authorization", "")
        ours.asked.append((self.path, given))
        if ours.fault is not None and ours.fault(self, self.path):
            return
        if ours.token and ours.token not in base64.b64decode(given.partition(" ")[2]).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        head, payload = self.backend(body)
        if ours.fault is not None and ours.fault(self, "after " + self.path):
            return
        self.reply(head, payload)

    def backend(self, body: bytes) -> tuple[bytes, bytes]:
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.server.ours.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_USER": "writer",
                "REMOTE_ADDR": "127.0.0.1",
            },
        )
        head, _, payload = done.stdout.partition(b"\r\n\r\n")
        return head, payload

    def reply(self, head: bytes, payload: bytes) -> None:
        status = 200
        headers = []
        for one in head.split(b"\r\n"):
            name, _, value = one.decode().partition(": ")
            if name == "Status":
                status = int(value[:3])
            elif name:
                headers.append((name, value))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def cut(self) -> bool:
        """Hang up without a word."""
        self.close_connection = True
        self.connection.close()
        return True


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    ours: Server

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was cut is what the test wants."""


@contextmanager
def serving(root: Path, token: str = "") -> Iterator[Server]:
    """A server of the bare repositories in a folder; `r.git` is made if it is not there."""
    if not (root / "r.git").exists():
        repo = GitRepo.make(root / "r.git")
        repo.repository.config["http.receivepack"] = "true"
    ours = Server(root, token)
    http = _Http(("127.0.0.1", 0), Handler)
    http.ours = ours
    ours.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield ours
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
