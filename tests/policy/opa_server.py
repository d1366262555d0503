"""A genuine OPA behind the part of its HTTP interface that we use: opa-golib, OPA as a library.

Runs as a program, because the library hangs after a fork. It takes the arguments of `opa run
--server` that a private server is started with, so that it can stand in for `opa` on PATH.
"""

import argparse
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from opa_bindings.engine import OpaEngine, OpaError, OpaUndefinedError


class Store:
    """All policies in one OPA, made anew when one changes."""

    def __init__(self) -> None:
        self.policies: dict[str, str] = {}
        self.engine: Any = None
        self.eager = False

    def put(self, path: str, source: str) -> None:
        """A policy that OPA cannot read is refused; with `--eager`, as OPA does, also one that does
        not compile with those that are there. The library takes a second for many, OPA does not.
        """
        together = {**self.policies, path: source} if self.eager else {path: source}
        engine = self.compiled(together) if self.eager else self.read(together)
        self.policies[path] = source
        self.engine = engine if self.eager else None

    @staticmethod
    def read(policies: dict[str, str]) -> None:
        """An error when one cannot be parsed."""
        engine = OpaEngine()
        for path, source in policies.items():
            engine.add_policy(path, source)
        engine.close()

    @staticmethod
    def compiled(policies: dict[str, str]) -> Any:
        """An engine with these policies."""
        engine = OpaEngine()
        for path, source in policies.items():
            engine.add_policy(path, source)
        engine.eval_query("true")
        return engine

    def ask(self, path: list[str], document: Any) -> Any:
        """A document below `data`."""
        if self.engine is None:
            self.engine = self.compiled(self.policies)
        return self.engine.eval_document(".".join(path), document)


class Handler(BaseHTTPRequestHandler):
    """PUT /v1/policies/..., POST /v1/data/..., GET /v1/config."""

    store = Store()
    config: Any = None
    authorized = False
    protocol_version = "HTTP/1.1"

    def answer(self, code: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def denied(self) -> bool:
        """What `--authorization=basic` asks."""
        if not self.authorized:
            return False
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.store.ask(["system", "authz", "allow"], {"identity": token}) is True:
            return False
        self.answer(401, {"code": "unauthorized", "message": "request rejected"})
        return True

    def do_GET(self) -> None:
        if not self.denied():
            self.answer(200, {"result": self.config})

    def do_PUT(self) -> None:
        source = self.body().decode()
        if self.denied():
            return
        path = unquote(urlsplit(self.path).path.removeprefix("/v1/policies/"))
        try:
            self.store.put(path, source)
            self.answer(200, {})
        except OpaError as err:
            self.answer(
                400,
                {
                    "code": "invalid_parameter",
                    "message": "error(s) occurred while compiling module(s)",
                    "errors": [{"message": str(err)}],
                },
            )

    def do_POST(self) -> None:
        url, data = urlsplit(self.path), self.body()
        if self.denied():
            return
        assert url.query == "strict-builtin-errors=true", url.query
        path = unquote(url.path.removeprefix("/v1/data/")).split("/")
        try:
            self.answer(200, {"result": self.store.ask(path, json.loads(data)["input"])})
        except OpaUndefinedError:
            self.answer(200, {})
        except OpaError as err:
            self.answer(
                500,
                {
                    "code": "internal_error",
                    "message": "error(s) occurred while evaluating query",
                    "errors": [{"message": str(err)}],
                },
            )

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Nothing."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--addr", default="127.0.0.1:0")
    parser.add_argument("--authentication")
    parser.add_argument("--authorization")
    parser.add_argument("--config-file")
    parser.add_argument("--log-level")
    parser.add_argument("--disable-telemetry", action="store_true")
    parser.add_argument("--eager", action="store_true")
    given = parser.parse_intermixed_args()
    if given.config_file:
        Handler.config = json.loads(Path(given.config_file).read_text(encoding="utf-8"))
    for file in given.words[1:]:
        Handler.store.put(file, Path(file).read_text(encoding="utf-8"))
    Handler.store.eager = given.eager
    Handler.authorized = given.authorization == "basic"
    host, _, port = given.addr.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
