"""`reconciler mr check`, as it is called."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import mr_check_command
from reconciler.cli.main import main
from reconciler.model.merge_request import MergeRequest
from reconciler.settings import ProcessSettings
from tests.check.project import SARA, SETTINGS
from tests.repos import edited
from tests.review.conftest import Desk, Served
from tests.review.memory_forge import AWAY
from tests.review.test_review import BAD, BIGGER, DEMO, note

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def build() -> Served:
        ports = desk.ports
        return Served(ProcessSettings(), ports.kept, ports.workers, ports.engine, ports.ours)

    monkeypatch.setattr(mr_check_command, "build", build)

    def called(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = 0
        try:
            main(["mr", "check", "--repo", str(desk.project.repo.path), *words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        said = capsys.readouterr()
        assert "bug:" not in said.err, said.err
        return code, said.out, said.err

    return called


def as_json(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["reviews"]
    return found


def test_it_says_the_verdict_and_what_it_posted(desk: Desk, run: Run) -> None:
    desk.open("bad", edited(desk.files, *BAD), SARA, title="Longer\x1b[2J")
    code, out, _ = run("1")
    assert code == 10
    assert "DENY" in out
    assert "\x1b" not in out
    assert "posted: the note, the status reconciler," in out
    assert note(desk.forge)
    assert "posted: nothing: it is all said" in run("1")[1]


def test_a_dry_run_prints_the_note(desk: Desk, run: Run) -> None:
    desk.open("more", edited(desk.files, *BIGGER))
    code, out, _ = run("1", "--dry-run")
    assert code == 11
    assert out.startswith("## 🟡 NEEDS APPROVAL\n")
    assert desk.forge.writes == 0


def test_json_tells_all_of_it(desk: Desk, run: Run) -> None:
    desk.open("more", edited(desk.files, *BIGGER))
    desk.forge.faults[2] = AWAY
    code, out, _ = run("1", "--format", "json")
    (one,) = as_json(out)
    assert code == 11
    assert (one["number"], one["state"], one["verdict"]) == (1, "reviewed", "NEEDS_APPROVAL")
    assert one["decisions"][0]["environment"] == "acme-portal"
    assert one["failed"][0]["why"] == AWAY.message
    assert "the status reconciler" in one["posted"]


def test_a_failure_to_post_is_no_success(desk: Desk, run: Run) -> None:
    desk.open("fix", edited(desk.files, *DEMO), SARA)
    for k in range(1, 12):
        desk.forge.faults[k] = AWAY
    code, out, _ = run("1")
    assert code == 1
    assert out.count(AWAY.message) == 1
    assert "not posted: the note, the status reconciler" in out
    desk.forge.faults.clear()
    assert run("1")[0] == 0


def test_all_tells_a_line_of_each(desk: Desk, run: Run) -> None:
    assert "No merge request is open." in run("--all")[1]
    desk.open("fix", edited(desk.files, *DEMO), SARA)
    desk.open("bad", edited(desk.files, *BAD), SARA, title="Too long")
    code, out, _ = run("--all")
    assert code == 10
    assert "!1  ALLOW  A change" in out
    assert "!2  DENY  Too long" in out
    run("--all")
    code, out, _ = run("--all")
    told = "2 merge requests as they were when they were looked at last: DENY at worst.\n"
    assert (code, out) == (10, told)
    code, out, _ = run("--all", "--format", "json")
    assert code == 10
    seen = [(one["state"], one["verdict"]) for one in as_json(out)]
    assert seen == [("skipped", "ALLOW"), ("skipped", "DENY")]


def test_all_is_no_pass_where_nothing_is_known_of_any(desk: Desk, run: Run) -> None:
    assert run("--all")[0] == 0
    desk.open("fix", edited(desk.files, *DEMO), SARA)
    for _ in range(3):
        assert run("--all")[0] == 0
    # as a release before this one remembered it
    memory = desk.ports.reviewed(desk.project.repo.path)(1)
    memory.put(memory.get().partition(" ")[0])
    assert run("--all")[0] == 13
    desk.open("gone", edited(desk.files, *BAD), SARA)
    desk.forge.touch(2, head="")
    memory.put("")
    assert run("--all")[0] == 0
    desk.forge.close(1)
    assert run("--all")[0] == 13


def test_a_listing_that_breaks_off_tells_what_was_looked_at(
    desk: Desk, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.open("fix", edited(desk.files, *DEMO), SARA)

    def listing(target: str) -> Iterator[MergeRequest]:
        assert target == "main"
        yield desk.forge.requests[1]
        raise AWAY

    monkeypatch.setattr(desk.forge, "open_ones", listing)
    code, out, err = run("--all")
    assert code == 1
    assert "!1  ALLOW  A change" in out
    assert AWAY.message in err
    code, out, _ = run("--all", "--format", "json")
    assert json.loads(out)["kind"] == "Error"


@pytest.mark.parametrize("words", [(), ("1", "--all"), ("0",), ("one",)])
def test_which_one_has_to_be_said(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2


def test_one_that_is_closed_is_told(desk: Desk, run: Run) -> None:
    desk.open("fix", edited(desk.files, *DEMO), SARA)
    desk.forge.close(1)
    code, out, _ = run("1")
    assert code == 2
    assert "!1  CLOSED  A change: it is closed" in out
    assert run("7")[0] == 2


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not on PATH")
def test_where_records_are_signed_only_what_a_writer_signed_counts(
    desk: Desk, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for name in ("ours", "theirs"):
        file = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
        keys.append(file)
    public = keys[0].with_suffix(".pub").read_text(encoding="utf-8").strip()
    bot = f'{{name: bot, email: bot@example.com, keys: ["{public}"]}}'
    writers = f"  records:\n    signed: true\n    writers: [{bot}]\n"
    desk.moved({**desk.files, SETTINGS: desk.files[SETTINGS] + writers})
    desk.open("more", edited(desk.files, *BIGGER))

    # Without a key nothing that is shown is believed, and that is said.
    code, out, _ = run("1")
    assert code == 11
    assert "this machine has no key of `records.writers`" in out
    desk.forge.agree(1)
    assert run("1")[0] == 11
    assert "posted: nothing" in run("1")[1]

    # Nor with a key that nobody named.
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(keys[1]))
    assert run("1")[0] == 11

    # With the right one it is, from then on.
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(keys[0]))
    assert run("1")[0] == 11
    desk.forge.agreed.clear()
    desk.forge.agree(1)
    code, out, _ = run("1")
    assert code == 0, out
    assert "has no key" not in out
    assert len(desk.forge.ours(1)) == 1
