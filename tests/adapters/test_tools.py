"""Tools in environments of their own, and a Checkov that is absent, broken or talks nonsense."""

from __future__ import annotations

import json
import re
import sys
import threading
from pathlib import Path

import pytest

from reconciler.adapters import tools
from reconciler.adapters.checkov import Checkov
from reconciler.adapters.tools import Toolbox
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.rendered import RenderedFile
from reconciler.model.scan import ScanFailed, ScanRequest
from reconciler.settings import ProcessSettings, installers_environment

REQUEST = ScanRequest("terraform", "shop", (RenderedFile("main.tf", b"locals {}\n"),))
EMPTY_LOCK = "# nothing\n"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A tool without packages, so that installing it takes no network and little time."""
    lock = tmp_path / "checkov.lock"
    lock.write_text(EMPTY_LOCK)
    monkeypatch.setitem(tools.LOCKS, "checkov", lock)
    return Toolbox(tmp_path / "tools", installers_environment())


def pretend(box: Toolbox, program: str) -> None:
    """An installed Checkov whose Python is a script of ours."""
    place = box.place("checkov")
    (place / "bin").mkdir(parents=True)
    python = place / "bin" / "python"
    python.write_text(f"#!{sys.executable}\n{program}")
    python.chmod(0o755)
    (place / "ready.json").write_text(json.dumps({"digest": box.digest("checkov")}))


def heard(box: Toolbox, *, again: bool = False) -> list[str]:
    said: list[str] = []
    box.install("checkov", said.append, again=again)
    return said


def test_install_makes_it_once_and_whole(box: Toolbox) -> None:
    assert box.python("checkov") is None
    assert not box.tool("checkov").installed
    said = heard(box)
    assert said[-1].startswith("installed")
    assert box.tool("checkov").installed
    assert box.python("checkov") is not None
    assert "there already" in heard(box)[0]
    assert heard(box, again=True)[-1].startswith("installed")
    assert [one.name for one in box.place("checkov").parent.glob(".making-*")] == []


def test_what_was_interrupted_is_made_anew(box: Toolbox) -> None:
    place = box.place("checkov")
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("half")
    left = place.parent / ".making-checkov-x"
    left.mkdir()
    assert box.python("checkov") is None
    assert heard(box)[-1].startswith("installed")
    assert box.python("checkov") is not None
    assert not left.exists()


def test_another_lock_file_is_another_tool(box: Toolbox, tmp_path: Path) -> None:
    heard(box)
    (tmp_path / "checkov.lock").write_text("# other\n")
    assert Toolbox(tmp_path / "tools", {}).python("checkov") is None


def test_a_package_that_is_not_the_one_of_the_lock_file_is_refused(
    box: Toolbox, tmp_path: Path
) -> None:
    (tmp_path / "checkov.lock").write_text("click==8.1.8 --hash=sha256:" + "0" * 64 + "\n")
    other = Toolbox(tmp_path / "tools", installers_environment() | {"PIP_RETRIES": "0"})
    with pytest.raises(TransientError) as caught:
        other.install("checkov", lambda _: None)
    assert "docs/checkov.md" in caught.value.hint
    assert other.python("checkov") is None
    assert [one.name for one in (tmp_path / "tools").iterdir()] == [".lock"]
    assert box.tool("checkov").name == "checkov"


def test_two_installers_do_not_meet(box: Toolbox) -> None:
    said: list[list[str]] = []
    threads = [threading.Thread(target=lambda: said.append(heard(box))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one[-1].startswith("installed") for one in said) == [False, True]


def test_mistakes_are_said(box: Toolbox, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tool `chekov`"):
        box.install("chekov", lambda _: None)
    with pytest.raises(ReconcilerError, match="no folder"):
        Toolbox(None, {}).place("checkov")
    assert Toolbox(None, {}).python("checkov") is None
    (tmp_path / "file").write_text("")
    with pytest.raises(ReconcilerError, match="cannot be written"):
        Toolbox(tmp_path / "file" / "x", {}).install("checkov", lambda _: None)


def test_the_lock_file_holds_names_versions_and_hashes_only() -> None:
    text = Path(tools.__file__).with_name("checkov.lock").read_text()
    assert "://" not in text
    assert "file:" not in text
    for line in text.splitlines()[1:]:
        assert re.fullmatch(
            r"[a-z0-9-]+==[^ ]+( ; [a-z_]+ [<>=!]+ '[^']*')?( \\)?"
            r"| +--hash=sha256:[0-9a-f]{64}( \\)?",
            line,
        ), line
    assert re.search(r"^checkov==3\.3\.\d+ ", text, re.MULTILINE)


def test_an_installer_learns_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "CI_JOB_TOKEN", "GITLAB_TOKEN", "PIP_TARGET"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.com/simple")
    monkeypatch.setenv("https_proxy", "http://proxy.example.com")
    found = installers_environment()
    assert "hunter2" not in found.values()
    assert {"PIP_INDEX_URL", "https_proxy", "PATH"} <= set(found)


def test_where_tools_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RECONCILER_TOOLS_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert ProcessSettings().tools_folder() == tmp_path / "reconciler" / "tools"
    monkeypatch.setenv("RECONCILER_TOOLS_DIR", str(tmp_path / "here"))
    assert ProcessSettings().tools_folder() == tmp_path / "here"


# ------------------------------------------------------------------ a Checkov that is not well


def failed(box: Toolbox) -> ScanFailed:
    one = Checkov(box, seconds=2)
    answer = one.scan(REQUEST)
    one.close()
    assert isinstance(answer, ScanFailed), answer
    return answer


def test_an_absent_checkov_is_a_failure_with_a_hint(box: Toolbox) -> None:
    answer = failed(box)
    assert answer.reason == "not-installed"
    assert answer == Checkov(box).identity()
    assert "reconciler tools install" in answer.hint


FRAME = """
import json, struct, sys
def send(body):
    sys.stdout.buffer.write(struct.pack(">I", len(body)) + body)
    sys.stdout.buffer.flush()
"""
HELLO = FRAME + 'send(b\'{"checkov": ""}\')\n'
ANSWER = "sys.stdin.buffer.read(1)\nsend(json.dumps({0}).encode())\nsys.stdin.buffer.read()\n"


@pytest.mark.parametrize(
    "program,reason",
    [
        ("raise SystemExit(1)", "broken"),
        ("print('Traceback')", "broken"),
        (FRAME + "send(b'[]')", "broken"),
        (FRAME + "send(b'{')", "broken"),
        (FRAME + 'send(b\'{"checkov": "0.0"}\')', "broken"),
        (HELLO + "sys.stdin.buffer.read(1)", "died"),
        (HELLO + ANSWER.format("{'id': 1}"), "nonsense"),
        (HELLO + ANSWER.format("{'id': 1, 'failed': 3, 'passed': [], 'skips': []}"), "nonsense"),
        (HELLO + ANSWER.format("{'id': 1, 'failed': [{}], 'passed': [], 'skips': []}"), "nonsense"),
        (HELLO + ANSWER.format("{'id': 1, 'error': 'refused', 'message': 'no'}"), "refused"),
        (HELLO + ANSWER.format("{'id': 1, 'error': 'what', 'message': 'no'}"), "what"),
    ],
)
def test_a_broken_checkov_is_a_failure(box: Toolbox, program: str, reason: str) -> None:
    pretend(box, program)
    answer = failed(box)
    assert answer.reason == reason
    assert answer.message
