"""Receivers over real TLS on loopback: one for HTTPS, one for mail."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server on this machine, and for whoever trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    paths = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names, *paths], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))


@dataclass
class Receiver:
    """What came, and what is answered."""

    status: int = 200
    location: str = ""
    port: int = 0
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    """Set: it says nothing before the test is over."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook/T0-secret-path"


@contextmanager
def receiving(context: ssl.SSLContext) -> Iterator[Receiver]:
    ours = Receiver()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ours.posts.append((self.path, dict(self.headers), body))
            if ours.silent.is_set():
                over.wait(20)
                return
            self.send_response(ours.status)
            if ours.location:
                self.send_header("Location", ours.location)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"words")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up is tested
    ours.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@dataclass
class PostOffice:
    """A mail server that speaks as little SMTP as it can."""

    port: int = 0
    starttls: bool = True
    answers: dict[str, str] = field(default_factory=dict)
    """What it says to a command instead of what it would."""
    said: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)


class _Talk(StreamRequestHandler):
    """One conversation with a mail server."""

    server: _Mail

    def handle(self) -> None:
        ours = self.server.ours
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            ours.said.append(line)
            word = line.partition(" ")[0].upper()
            answer = ours.answers.get(word, "")
            if answer:
                self.say(answer)
            else:
                getattr(self, f"on_{word.lower()}")()

    def finish(self) -> None:
        """Also of the connection that was made secure."""
        for one in (self.rfile, self.wfile, self.connection):
            with suppress(OSError):
                one.close()

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def on_ehlo(self) -> None:
        secure = isinstance(self.connection, ssl.SSLSocket)
        more = ["STARTTLS"] if self.server.ours.starttls and not secure else []
        for each in ["localhost", *more]:
            self.say(f"250-{each}")
        self.say("250 AUTH PLAIN LOGIN")

    def on_starttls(self) -> None:
        self.say("220 go on")
        self.rfile.close()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)

    def on_auth(self) -> None:
        self.say("235 known")

    def on_mail(self) -> None:
        self.say("250 well")

    on_rcpt = on_rset = on_mail

    def on_data(self) -> None:
        self.say("354 go on")
        lines: list[str] = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line.removeprefix("."))
        self.server.ours.letters.append("\n".join(lines))
        self.say("250 taken")

    def on_quit(self) -> None:
        self.say("221 bye")


class _Mail(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    ours: PostOffice
    context: ssl.SSLContext

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up is what the test wants."""


@contextmanager
def post_office(context: ssl.SSLContext) -> Iterator[PostOffice]:
    ours = PostOffice()
    server = _Mail(("127.0.0.1", 0), _Talk)
    server.ours, server.context = ours, context
    ours.port = int(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield ours
    finally:
        server.shutdown()
        server.server_close()
