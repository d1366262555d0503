"""Engines that fail: an error, a time-out, a dead worker, nonsense. Never a pass."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.opa_engine import OpaEngine, PrivateOpa
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.core.policy.evaluate import evaluate
from reconciler.core.policy.pack import digest_of
from reconciler.errors import ReconcilerError
from reconciler.model.policy import Answered, Evaluated, Indeterminate, Module, Modules
from tests.policy.engines import HAS_OPA, NO_OPA, SERVER, engine, opa_server, pack_of
from tests.policy.small import RULE, WHERE, small, whole_input

Engine = EmbeddedEngine | OpaEngine
LOOP = (
    "; ".join(f"some {name} in numbers.range(1, 2000)" for name in "abcd") + "; a + b + c + d < 0"
)


def modules(body: str) -> Modules:
    source = f"package reconciler.main\n\n{body}\n"
    files = (Module("policies/main.rego", source),)
    return Modules(digest_of((one.path, one.source.encode()) for one in files), files)


def ask(
    asked: Engine, body: str, query: str = "data.reconciler.main.x"
) -> Answered | Indeterminate:
    return asked.ask(modules(body), query, {"a": 1})


def reason(found: object) -> str:
    assert isinstance(found, Indeterminate), found
    assert found.message
    return found.reason


@pytest.mark.parametrize(
    "body",
    [
        "x := input.missing.field",
        "x if false",
        "y := 1",
    ],
)
def test_an_undefined_answer_is_no_answer(each_engine: Engine, body: str) -> None:
    assert reason(ask(each_engine, body)) == "undefined"


@pytest.mark.parametrize(
    "body",
    [
        'x := to_number("a")',
        "x := 1 / (input.a - 1)",
        'x := json.unmarshal("{")',
        "f(a) := 1\n\nf(a) := 2\n\nx := f(1)",
        'x := regex.match("(", "a")',
    ],
)
def test_a_builtin_error_is_an_error(each_engine: Engine, body: str) -> None:
    assert reason(ask(each_engine, body)) == "error"


@pytest.mark.parametrize("body", ["x if {", "x := y", "x := f(1)", 'x := $"a {1}"'])
def test_policies_that_are_no_rego_are_an_error(embedded: EmbeddedEngine, body: str) -> None:
    assert reason(ask(embedded, body)) == "error"


def test_a_server_says_which_policy_it_refuses(opa: OpaEngine) -> None:
    found = ask(opa, "x if {")
    assert reason(found) == "error"
    assert isinstance(found, Indeterminate)
    assert "policies/main.rego" in found.message


def test_an_error_names_the_place_and_no_stack(embedded: EmbeddedEngine) -> None:
    found = ask(embedded, 'x := to_number("a")')
    assert isinstance(found, Indeterminate)
    assert "policies/main.rego:3" in found.message
    assert "backtrace" not in found.message


def test_a_policy_that_loops_is_stopped() -> None:
    with engine("embedded", timeout=0.5) as asked:
        start = time.monotonic()
        found = ask(asked, f"x if {{ {LOOP} }}")
        assert reason(found) == "timeout"
        assert time.monotonic() - start < 5
        assert isinstance(asked, EmbeddedEngine)
        assert asked.pids == []  # it was killed, not left alone
        answer = ask(asked, "x := input.a")
        assert isinstance(answer, Answered)
        assert answer.value == 1


@pytest.mark.skipif(not HAS_OPA, reason=NO_OPA)
def test_a_policy_that_loops_on_a_server_is_a_timeout() -> None:
    with engine("opa", timeout=0.5) as asked:
        assert reason(ask(asked, f"x if {{ {LOOP} }}")) == "timeout"


def test_a_dead_worker_gives_no_verdict_and_is_replaced() -> None:
    with engine("embedded") as asked:
        assert isinstance(asked, EmbeddedEngine)
        assert isinstance(ask(asked, "x := 1"), Answered)
        (pid,) = asked.pids
        os.kill(pid, signal.SIGKILL)
        assert reason(ask(asked, "x := 1")) == "dead-worker"
        assert isinstance(ask(asked, "x := 1"), Answered)


def test_policies_that_take_all_memory_end_the_worker_only() -> None:
    body = "x := count(numbers.range(1, 1000000000))"
    with engine("embedded", timeout=60) as asked:
        assert reason(ask(asked, body)) in ("dead-worker", "error", "timeout")
        assert isinstance(ask(asked, "x := 1"), Answered)


def test_policies_are_compiled_once_for_each_digest() -> None:
    with engine("embedded") as asked:
        assert isinstance(asked, EmbeddedEngine)
        for body in ("x := 1", "x := 2", "x := 1", "x := 2"):
            ask(asked, body)
        assert asked.compiled == 2


def test_two_versions_are_asked_at_once(each_engine: Engine) -> None:
    answers = [ask(each_engine, body) for body in ("x := 1", "x := 2", "x := 1")]
    assert [getattr(one, "value", None) for one in answers] == [1, 2, 1]


def test_many_threads_get_their_own_answers() -> None:
    policies = modules("x := input.n")
    answers: dict[int, Any] = {}
    with engine("embedded") as asked:

        def work(number: int) -> None:
            answers[number] = asked.ask(policies, "data.reconciler.main.x", {"n": number})

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert isinstance(asked, EmbeddedEngine)
        assert len(asked.pids) <= 2
    assert {number: one.value for number, one in answers.items()} == {n: n for n in range(12)}


def test_an_input_that_is_no_json_is_refused(embedded: EmbeddedEngine) -> None:
    bad = {"a": float("nan")}
    assert reason(embedded.ask(modules("x := 1"), "data.reconciler.main.x", bad)) == "bad-input"


def test_text_in_the_input_is_only_text(each_engine: Engine) -> None:
    hostile = '"} ; x := 7 # \\" \u0000 \n{"'
    found = each_engine.ask(modules("x := input.a"), "data.reconciler.main.x", {"a": hostile})
    assert isinstance(found, Answered)
    assert found.value == hostile


# -------------------------------------------------------------------- what evaluation believes


class Fixed:
    """An engine that says the same to everything."""

    name = "fixed"

    def __init__(self, value: Any) -> None:
        self.value = value

    def ask(self, *_arguments: Any) -> Answered | Indeterminate:
        return self.value if isinstance(self.value, Indeterminate) else Answered(self.value)

    def close(self) -> None:
        """Nothing."""


GOOD = {"message": "m", "path": "p", "line": 1, "resource": "r"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [],
        {},
        "security/short",
        {"security/other": []},
        {"security/short": [], "security/other": []},
        {"security/short": {}},
        {"security/short": True},
        {"security/short": ["text"]},
        {"security/short": [{**GOOD, "line": "1"}]},
        {"security/short": [{**GOOD, "line": True}]},
        {"security/short": [{**GOOD, "more": 1}]},
        {"security/short": [{"message": "m"}]},
        {"security/short": [{**GOOD, "message": None}]},
    ],
)
def test_an_answer_of_the_wrong_form_is_no_verdict(value: Any) -> None:
    assert reason(evaluate(Fixed(value), pack_of(small()), whole_input())) == "wrong-type"


def test_an_answer_of_the_right_form_is_a_verdict() -> None:
    found = evaluate(Fixed({"security/short": [GOOD]}), pack_of(small()), whole_input())
    assert isinstance(found, Evaluated)
    assert [one.message for one in found.violations] == ["m"]


def test_what_an_engine_cannot_say_stays_unsaid() -> None:
    lost = Indeterminate("unreachable", "away")
    assert evaluate(Fixed(lost), pack_of(small()), whole_input()) is lost


def test_broken_policies_are_not_asked() -> None:
    pack = pack_of(small({WHERE: RULE.replace("SEC900", "X1")}))
    assert reason(evaluate(Fixed({}), pack, whole_input())) == "broken-pack"


@pytest.mark.parametrize("missing", ["environment", "terraform", "now"])
def test_an_input_that_lacks_a_field_is_not_asked(missing: str) -> None:
    asked = whole_input()
    del asked[missing]
    found = evaluate(Fixed({"security/short": []}), pack_of(small()), asked)
    assert reason(found) == "bad-input"
    assert isinstance(found, Indeterminate)
    assert f"`{missing}`" in found.message


# --------------------------------------------------------------------------- servers that fail


@contextmanager
def server(answer: tuple[int, bytes] | None, seconds: float = 0) -> Iterator[str]:
    """Takes every policy; gives one answer to every question."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(200, b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            if answer is None:
                self.connection.close()
            else:
                self.reply(*answer)

        def reply(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
            """Nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that was cut is what the test is about."""

    found = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{found.server_address[1]}"
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


@contextmanager
def client(url: str, timeout: float = 5) -> Iterator[OpaEngine]:
    found = OpaEngine(url, timeout)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize(
    "answer, wanted, words",
    [
        ((200, b"{}"), "undefined", "no value"),
        ((200, b'{"decision_id": "x"}'), "undefined", "no value"),
        ((200, b"[]"), "wrong-type", "not an object"),
        ((200, b"null"), "wrong-type", "not an object"),
        ((200, b"<html>"), "error", "nonsense"),
        (
            (
                500,
                b'{"code": "internal_error", "message": "broke", "errors": [{"message": "at 3"}]}',
            ),
            "error",
            "broke; at 3",
        ),
        ((500, b"oops"), "error", "500"),
        ((401, b'{"message": "who are you"}'), "error", "who are you"),
        ((404, b""), "error", "404"),
        (None, "unreachable", "no OPA answers"),
    ],
)
def test_a_server_that_fails(answer: tuple[int, bytes] | None, wanted: str, words: str) -> None:
    with server(answer) as url, client(url) as asked:
        found = ask(asked, "x := 1")
        assert reason(found) == wanted
        assert isinstance(found, Indeterminate)
        assert words in found.message


def test_a_server_that_is_slow() -> None:
    with server((200, b'{"result": []}'), seconds=1) as url, client(url, 0.2) as asked:
        assert reason(ask(asked, "x := 1")) == "timeout"


def test_no_server_at_all() -> None:
    with client("http://127.0.0.1:9") as asked:
        found = ask(asked, "x := 1")
    assert reason(found) == "unreachable"
    assert isinstance(found, Indeterminate)
    assert found.hint


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server((200, b'{"result": 1}')) as url, client(url) as asked:
        assert isinstance(ask(asked, "x := 1"), Answered)


@pytest.mark.skipif(not HAS_OPA, reason=NO_OPA)
def test_policies_that_a_server_has_lost_are_sent_again() -> None:
    with opa_server() as first, client(first) as asked:
        assert isinstance(ask(asked, "x := 1"), Answered)
        port = int(first.rpartition(":")[2])
    with opa_server("--addr", f"127.0.0.1:{port}") as second, client(second) as again:
        again._pushed.add(modules("x := 1").digest)  # as if it had sent them before
        assert isinstance(ask(again, "x := 1"), Answered)


@pytest.mark.skipif(not HAS_OPA, reason=NO_OPA)
def test_policies_come_after_those_that_they_import() -> None:
    pack = pack_of(small())
    with opa_server("--eager") as url, client(url, 20) as asked:
        found = evaluate(asked, pack, whole_input(environment={"name": "abcdefg"}))
    assert isinstance(found, Evaluated)
    assert [one.message for one in found.violations] == ["too long"]
    assert found.digest == pack.digest


# ------------------------------------------------------------------------------ a private server


def program(folder: Path, script: str) -> str:
    """A program called `opa`."""
    path = folder / "opa"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def oracle(tmp_path: Path) -> str:
    if not HAS_OPA:
        pytest.skip(NO_OPA)
    return program(tmp_path, f'exec "{sys.executable}" "{SERVER}" "$@"')


def test_a_private_server_is_started_asked_and_stopped(oracle: str) -> None:
    asked = PrivateOpa(oracle, 10)
    try:
        assert isinstance(ask(asked, "x := input.a"), Answered)
        stranger = OpaEngine(asked._where, 5)
        found = ask(stranger, "x := 1")
        stranger.close()
        assert reason(found) == "error"  # without the token nobody is answered
        folder = Path(asked._folder.name)
        assert folder.stat().st_mode & 0o077 == 0
    finally:
        asked.close()
    assert asked._process.poll() is not None
    assert not folder.exists()


@pytest.mark.parametrize("script, words", [("exit 3", "exit code 3"), ("sleep 30", "not ready")])
def test_a_program_that_is_no_opa(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.adapters.opa_engine._READY", 0.5)
    with pytest.raises(ReconcilerError, match=words):
        PrivateOpa(program(tmp_path, script), 5)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="could not be started"):
        PrivateOpa(str(tmp_path / "none"), 5)


def test_another_program_at_the_port_is_not_listened_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"result": {"labels": {"word": "guessed"}}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
            """Nothing."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    monkeypatch.setattr(
        "reconciler.adapters.opa_engine._free_port", lambda: found.server_address[1]
    )
    try:
        with pytest.raises(ReconcilerError, match="another program"):
            PrivateOpa(program(tmp_path, "sleep 30"), 5)
    finally:
        found.shutdown()
        thread.join()
        found.server_close()
