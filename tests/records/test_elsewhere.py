"""Records that others have and this clone has not: nobody begins a second history by mistake."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from reconciler.adapters.git_remote import token_credentials
from reconciler.adapters.record_store import GitRecords, record_store
from reconciler.app.records import Records
from reconciler.cli.controlling import spec_of
from reconciler.errors import ReconcilerError
from reconciler.model.settings import SettingsSpec
from reconciler.wiring import build
from tests.chatops.yard import files_with_keys, make_yard
from tests.core.secrets.samples import filled
from tests.records import drafts
from tests.records.chains import git
from tests.records.git_server import serving
from tests.repos import GitRepo

TOKEN = filled("glpat-<W20>")


def shared(top: Path, *, records: bool = True) -> Path:
    """A repository that others clone."""
    made = GitRepo.make(top / "shared.git")
    made.commit({"README.md": "ours"})
    if records:
        Records(GitRecords(made.path, "records")).append([drafts.draft("expiry", 1)])
    return made.path


def cloned(of: str, home: Path, *more: str) -> Path:
    command = ["git", "-c", "protocol.file.allow=always", "clone", "-q", *more, of, str(home)]
    subprocess.run(command, check=True)
    return home


def writing(home: Path) -> Records:
    return Records(record_store(home, "records", "", token_credentials(TOKEN)))


def mended_by(error: ReconcilerError, home: Path) -> None:
    """Type the command that it names."""
    command = error.hint.split("`")[1]
    assert command.startswith("git ")
    done = ["git", "-c", "protocol.file.allow=always", *command.split()[1:]]
    subprocess.run(done, cwd=home, check=True)


@pytest.mark.parametrize("more", [(), ("--single-branch", "--branch", "main")])
def test_a_clone_without_the_records_that_others_have_begins_none(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    origin = shared(tmp_path)
    home = cloned(f"file://{origin}", tmp_path / "home", *more)
    with pytest.raises(ReconcilerError) as begun:
        writing(home).begin()
    with pytest.raises(ReconcilerError) as written:
        writing(home).append([drafts.draft("expiry", 2)])
    assert begun.value.reason == written.value.reason == "records-elsewhere"
    assert git(home, "for-each-ref", "refs/heads/records") == ""
    mended_by(begun.value, home)
    (made,) = writing(home).append([drafts.draft("expiry", 2)])
    assert made.sequence == 1, "it goes on where the others are"


def test_what_was_fetched_from_a_remote_that_is_gone_counts_too(tmp_path: Path) -> None:
    home = cloned(str(shared(tmp_path)), tmp_path / "home")
    git(home, "config", "--remove-section", "remote.origin")
    with pytest.raises(ReconcilerError) as begun:
        writing(home).begin()
    mended_by(begun.value, home)
    assert writing(home).append([drafts.draft("expiry", 2)])[0].sequence == 1


def test_a_server_that_was_cloned_from_is_asked(tmp_path: Path) -> None:
    with serving(tmp_path / "served", TOKEN) as server:
        with_records = server.root / "r.git"
        Records(GitRecords(with_records, "records")).append([drafts.draft("expiry", 1)])
        home = GitRepo.make(tmp_path / "home.git").path
        git(home, "remote", "add", "origin", server.url(""))
        with pytest.raises(ReconcilerError, match="records` is at `origin`"):
            writing(home).begin()
        git(with_records, "update-ref", "-d", "refs/heads/records")
        writing(home).begin()


@pytest.mark.parametrize("where", ["nowhere", "nobody has any", "away"])
def test_the_first_of_all_begin_as_ever(tmp_path: Path, where: str) -> None:
    if where == "nobody has any":
        home = cloned(str(shared(tmp_path, records=False)), tmp_path / "home")
    else:
        home = shared(tmp_path, records=False)
    if where == "away":
        git(home, "remote", "add", "origin", "http://127.0.0.1:9/none.git")
    store = writing(home)
    store.begin()
    assert [one.sequence for one in store.append([drafts.draft("expiry", 1)])] == [0]
    store.begin()


def test_each_sandbox_has_a_history_of_its_own_and_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = shared(tmp_path, records=False)
    Records(GitRecords(origin, "records-sandbox")).append([drafts.draft("expiry", 1)])
    home = cloned(str(origin), tmp_path / "home")
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    ports = build()
    spec = SettingsSpec.model_validate({"forge": {"kind": "local"}, "state": {"backend": "local"}})
    assert git(home, "for-each-ref", "refs/remotes/origin/records-sandbox")
    ports.records(home, spec, simulated=True).begin()
    found = ports.checkup(home, spec, simulated=True)
    told = next(one for one in found if one.what == "records")
    assert "the first record makes it" in told.told
    git(home, "update-ref", "-d", "refs/remotes/origin/records-sandbox")
    ports.records(home, spec, simulated=True).begin()
    git(origin, "update-ref", "refs/heads/records", "refs/heads/records-sandbox")
    with pytest.raises(ReconcilerError, match="second history"):
        ports.records(home, spec, simulated=False).begin()


def test_status_says_so_instead_of_never_applied_and_nothing_is_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, origin = make_yard(tmp_path, files_with_keys(tmp_path), capsys, monkeypatch)
    yard.be("Ada Berg", "ada@example.com", "ada")
    freezing = ("freeze", "--all", "--because", "it burns")
    code, out, _ = yard.run("status", "trade-fair", "--format", "json")
    (first,) = json.loads(out)["environments"]
    assert (code, first["conditions"][0]["why"]) == (1, "it was never applied")
    Records(GitRecords(origin.path, "records")).append([drafts.draft("expiry", 1)])
    for command in (("status",), freezing, ("run", "--once"), ("apply", "trade-fair", "--yes")):
        code, out, err = yard.run(*command)
        assert code == 1, (command, out, err)
        assert "never applied" not in out
        assert "the branch `records` is at `origin` and not here" in " ".join(err.split()), command
        assert "git fetch origin records:records" in " ".join(err.split())
    git(yard.clone, "-c", "protocol.file.allow=always", "fetch", "-q")
    ports = build()
    found = ports.checkup(yard.clone, spec_of(ports, yard.clone))
    told = next(one for one in found if one.what == "records")
    assert "`records` is at `origin` and not here" in told.told
    assert (told.good, told.hint) == (False, "`git fetch origin records:records`")
    assert yard.recorded == []
    assert yard.freezes == []
