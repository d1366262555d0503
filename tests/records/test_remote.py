"""Records at a real git server over loopback: tokens, refusals, cuts, and nothing half-done."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.git_remote import ssh_agent, ssh_key, token_credentials
from reconciler.adapters.record_store import DiskRecords, GitRecords, RemoteRecords, record_store
from reconciler.app.records import Records
from reconciler.core.git_objects import Who, commit_bytes, object_id, tag_bytes
from reconciler.errors import ReconcilerError, TransientError, UsageError
from tests.core.secrets.samples import filled
from tests.records import drafts
from tests.records.chains import clone, git, ids, whole
from tests.records.git_server import Handler, Server, serving
from tests.repos import ROOT, GitRepo

ADA = Who("Ada", "ada@example.com", 1)
TOKEN = filled("glpat-<W20>")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "served", TOKEN) as ours:
        yield ours


def writer(home: Path, server: Server, token: str = TOKEN, userinfo: str = "") -> Records:
    """A writer with a clone of its own."""
    if not home.exists():
        clone(home, server.url(userinfo))
    store = record_store(home, "records", "origin", token_credentials(token) if token else None)
    assert isinstance(store, RemoteRecords)
    return Records(store)


def served(server: Server) -> Path:
    return server.root / "r.git"


def test_what_is_written_is_at_the_remote(tmp_path: Path, server: Server) -> None:
    one, other = (writer(tmp_path / name, server) for name in ("one", "other"))
    done = one.append([drafts.draft("expiry", 1)])
    done += other.append([drafts.draft("expiry", 2), drafts.draft("expiry", 3)])
    done += one.append([drafts.draft("expiry", 4)], durable=True)
    assert [found.sequence for found in done] == [0, 1, 2, 3]
    assert [found.commit for found in done] == [found.commit for found in whole(served(server))]
    assert one.tip() == done[-1].commit
    assert git(tmp_path / "one", "rev-parse", "refs/remotes/origin/records").strip() == one.tip()
    assert one.store.others() == {"origin": one.tip()}
    one.store.tag("records/4", tag_bytes(one.tip(), "records/4", ADA, "x"))
    other.store.tip(fresh=True)
    with pytest.raises(UsageError, match="already"):
        other.store.tag("records/4", tag_bytes(one.tip(), "records/4", ADA, "y"))
    assert git(served(server), "tag").split() == ["records/4"]
    assert list(one.store.tags("records/")) == ["records/4"]
    basic = base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
    assert {given for _, given in server.asked} == {"", f"Basic {basic}"}


def test_many_processes_push_at_once(tmp_path: Path, server: Server) -> None:
    program = """
import sys
from pathlib import Path
from reconciler.adapters.git_remote import token_credentials
from reconciler.adapters.record_store import record_store
from reconciler.app.records import Records
from tests.records import drafts
home, token, name = sys.argv[1:]
records = Records(record_store(Path(home), "records", "origin", token_credentials(token)))
for number in range(4):
    records.append([drafts.draft("expiry", number, id=f"{name}{number}".ljust(32, "0"))])
"""
    homes = [clone(tmp_path / f"{number}", server.url()) for number in range(2)]
    # two share a clone: its refs are theirs, too
    names = ["a", "b", "c"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home), TOKEN, name],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for home, name in zip([*homes, homes[0]], names, strict=True)
    ]
    for one in running:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    found = [one.rstrip("0") or one[0] for one in ids(served(server))]
    assert len(found) == 12
    for name in names:
        own = [one for one in ids(served(server)) if one[0] == name]
        assert own == [f"{name}{number}".ljust(32, "0") for number in range(4)]


# -------------------------------------------------------------------------------------- faults


def cut(handler: Handler, path: str) -> bool:
    return path.startswith("/r.git/git-receive-pack") and handler.cut()


def lost(handler: Handler, path: str) -> bool:
    return path.startswith("after /r.git/git-receive-pack") and handler.cut()


def busy(handler: Handler, path: str) -> bool:
    if path.startswith("after "):
        return False
    handler.send_response(503)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


@pytest.mark.parametrize("fault", [cut, busy])
def test_a_push_that_is_cut_leaves_nothing_and_goes_well_later(
    tmp_path: Path, server: Server, fault: Any
) -> None:
    records = writer(tmp_path / "one", server)
    records.append([drafts.draft("expiry", 1)])
    server.fault = fault
    with pytest.raises(TransientError) as caught:
        records.append([drafts.draft("expiry", 2)])
    assert caught.value.reason == "records-away"
    assert TOKEN not in caught.value.message + caught.value.hint
    server.fault = None
    assert len(whole(served(server))) == 1
    records.append([drafts.draft("expiry", 2)])
    assert len(whole(served(server))) == 2


@pytest.mark.parametrize("between", [0, 1, 3])
def test_a_lost_answer_is_found_again_whoever_wrote_since(
    tmp_path: Path, server: Server, between: int
) -> None:
    records, other = (writer(tmp_path / name, server) for name in ("one", "other"))
    records.append([drafts.draft("expiry", 1)])
    batch = [drafts.draft("expiry", 2), drafts.draft("promotion", 2, environment="shop")]
    server.fault = lost
    with pytest.raises(TransientError):
        records.append(batch)
    server.fault = None
    for number in range(between):
        other.append([drafts.draft("expiry", 10 + number)])
    done = records.append([*batch, drafts.draft("expiry", 3)])
    assert [one.sequence for one in done] == [1, 2, 3 + between]
    found = ids(served(server))
    assert len(found) == len(set(found)) == 4 + between
    assert done[-1].commit == records.tip()


@pytest.mark.parametrize("between", [0, 5])
def test_what_a_dead_writer_wrote_is_found_when_one_asks(
    tmp_path: Path, server: Server, between: int
) -> None:
    writer(tmp_path / "one", server).append([drafts.draft("expiry", 2), drafts.draft("freeze", 2)])
    other = writer(tmp_path / "other", server)
    for number in range(between):
        other.append([drafts.draft("expiry", 10 + number), drafts.draft("freeze", 10 + number)])
    born = writer(tmp_path / "one", server)
    again = [drafts.draft("expiry", 2), drafts.draft("freeze", 2), drafts.draft("freeze", 99)]
    done = born.append(again, again=True)
    assert [one.sequence for one in done] == [0, 1, 2 + 2 * between]
    assert len(ids(served(server))) == 3 + 2 * between


def test_a_server_that_refuses_says_why(tmp_path: Path, server: Server) -> None:
    hook = served(server) / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    said = f"GitLab: you may not push \x1b[31m to records {TOKEN}"
    hook.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    hook.chmod(0o755)
    records = writer(tmp_path / "one", server)
    with pytest.raises(ReconcilerError) as caught:
        records.append([drafts.draft("expiry", 1)])
    assert caught.value.reason == "records-rejected"
    assert "pre-receive hook declined" in caught.value.message
    assert "you may not push" in caught.value.message
    assert "allowed to push to `records`" in caught.value.hint
    assert caught.value.message.isprintable()
    assert TOKEN not in caught.value.message
    assert whole(served(server)) == []
    made = object_id("commit", commit_bytes(records.store.write("tree", b""), (), ADA, ADA, "x"))
    records.store.write("commit", commit_bytes(object_id("tree", b""), (), ADA, ADA, "x"))
    with pytest.raises(ReconcilerError) as caught:
        records.store.tag("records/1", tag_bytes(made, "records/1", ADA, "x"))
    assert caught.value.reason == "records-rejected"
    assert git(tmp_path / "one", "tag") == ""


@pytest.mark.parametrize("token, userinfo", [("", ""), ("wrong-one", ""), ("", "eve:no-good@")])
def test_a_token_that_does_not_fit_is_said_and_not_shown(
    tmp_path: Path, server: Server, token: str, userinfo: str
) -> None:
    records = writer(tmp_path / "one", server, token, userinfo)
    with pytest.raises(ReconcilerError) as caught:
        records.append([drafts.draft("expiry", 1)])
    assert caught.value.reason == "records-denied"
    assert "token" in caught.value.hint
    shown = caught.value.message + caught.value.hint + repr(caught.value)
    assert not any(one in shown for one in ("wrong-one", "no-good", "eve"))
    assert len(server.asked) <= 4


def test_a_token_in_the_address_is_not_shown(tmp_path: Path, server: Server) -> None:
    records = writer(tmp_path / "one", server, "", f"writer:{TOKEN}@")
    records.append([drafts.draft("expiry", 1)])
    server.fault = busy
    with pytest.raises(TransientError) as caught:
        records.append([drafts.draft("expiry", 2)])
    assert TOKEN not in caught.value.message
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"http://writer:{TOKEN}@127.0.0.1:{port}/r.git"
        away = Records(record_store(clone(tmp_path / "away", url), "records", "origin"))
        with pytest.raises(TransientError) as caught:
            away.append([drafts.draft("expiry", 1)])
    assert caught.value.reason == "records-away"
    assert TOKEN not in caught.value.message


def test_no_token_is_sent_to_another_server(tmp_path: Path, server: Server) -> None:
    with serving(tmp_path / "elsewhere", TOKEN) as elsewhere:

        def sent_on(handler: Handler, path: str) -> bool:
            if path.startswith("after "):
                return False
            handler.send_response(302)
            handler.send_header("Location", f"http://127.0.0.1:{elsewhere.port}{path}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return True

        server.fault = sent_on
        for userinfo, token in (("", TOKEN), (f"writer:{TOKEN}@", "")):
            name = f"one{len(userinfo)}"
            records = writer(tmp_path / name, server, token, userinfo)
            with pytest.raises(ReconcilerError) as caught:
                records.append([drafts.draft("expiry", 1)])
            assert TOKEN not in caught.value.message
        assert elsewhere.asked
        assert {given for _, given in elsewhere.asked} == {""}


def test_a_token_is_not_sent_in_the_clear() -> None:
    allowed = pygit2.enums.CredentialType.USERPASS_PLAINTEXT
    ask = token_credentials(TOKEN)
    for url in ("http://git.example.com/r.git", "http://127.0.0.1.example.com/r.git", "http://["):
        with pytest.raises(pygit2.AuthError, match="anybody can read"):
            ask(url, None, allowed)
    for url in ("https://git.example.com/r.git", "http://localhost:1/r.git", "http://[::1]/r.git"):
        assert ask(url, None, allowed).credential_tuple == ("oauth2", TOKEN)


def test_an_ssh_remote_asks_the_agent_or_a_key() -> None:
    key, other = (
        pygit2.enums.CredentialType.SSH_KEY,
        pygit2.enums.CredentialType.USERPASS_PLAINTEXT,
    )
    url = "git@git.example.com:team/r.git"
    assert token_credentials(TOKEN)(url, "git", key).credential_tuple == ("git", None, None, None)
    assert ssh_agent(url, None, key).credential_tuple[0] == "git"
    found = ssh_key(Path("/k.pub"), Path("/k"))(url, "git", key)
    assert found.credential_tuple == ("git", "/k.pub", "/k", "")
    for ask in (ssh_agent, ssh_key(Path("/k.pub"), Path("/k"))):
        with pytest.raises(pygit2.AuthError):
            ask(url, "git", other)


def test_an_ssh_server_that_is_away_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ssh://git@127.0.0.1:{taken.getsockname()[1]}/r.git"
        records = Records(record_store(clone(tmp_path / "one", url), "records", "origin"))
        with pytest.raises(TransientError) as caught:
            records.append([drafts.draft("expiry", 1)])
    assert caught.value.reason == "records-away"


# ------------------------------------------------------------------------------------ rewriting


@pytest.mark.parametrize("how", ["deleted", "back", "other", "broken"])
@pytest.mark.parametrize("born", [False, True])
def test_a_branch_that_was_rewritten_is_never_written_on(
    tmp_path: Path, server: Server, how: str, *, born: bool
) -> None:
    records = writer(tmp_path / "one", server)
    first = records.append([drafts.draft("expiry", 1)])[0]
    # what others wrote was seen, too
    other = writer(tmp_path / "other", server)
    other.append([drafts.draft("expiry", 2)])
    seen = writer(tmp_path / "third", server)
    last = seen.append([drafts.draft("expiry", 3)])[0]
    path = served(server)
    if how == "deleted":
        git(path, "update-ref", "-d", "refs/heads/records")
    elif how == "back":
        git(path, "update-ref", "refs/heads/records", first.commit)
    elif how == "other":
        git(path, "update-ref", "-d", "refs/heads/records")
        writer(tmp_path / "stranger", server).append([drafts.draft("expiry", 9)])
    else:
        broken = git(
            path, "-c", "user.name=e", "-c", "user.email=e@e", "commit-tree", "-m", "x", "-p",
            last.commit, f"{last.commit}^{{tree}}",
        ).strip()  # fmt: skip
        git(path, "update-ref", "refs/heads/records", broken)
    before = git(path, "for-each-ref")
    if born:
        seen = writer(tmp_path / "third", server)
    with pytest.raises(ReconcilerError) as caught:
        seen.append([drafts.draft("expiry", 4)])
    assert caught.value.reason == "records-rewritten"
    assert "audit verify" in caught.value.hint
    assert git(path, "for-each-ref") == before


def test_a_branch_that_goes_between_the_look_and_the_push_is_not_made_anew(
    tmp_path: Path, server: Server
) -> None:
    records = writer(tmp_path / "one", server)
    records.append([drafts.draft("expiry", 1)])

    def gone(_status: Any) -> None:
        if "refs/heads/records" in git(served(server), "for-each-ref"):
            git(served(server), "update-ref", "-d", "refs/heads/records")

    with pytest.raises(ReconcilerError) as caught:
        records.append([drafts.draft("expiry", 2)], check=gone)
    assert caught.value.reason == "records-rewritten"
    assert git(served(server), "for-each-ref") == ""


# ------------------------------------------------------------------------------ a remote by path


@pytest.mark.parametrize("form", ["{}", "file://{}", "../served/r.git"])
def test_a_remote_on_this_disk_is_moved_there_and_seen_here(tmp_path: Path, form: str) -> None:
    there = GitRepo.make(tmp_path / "served/r.git").path
    writers = []
    for name in ("one", "other"):
        home = clone(tmp_path / name, form.format(there))
        store = record_store(home, "records", "origin")
        assert isinstance(store, DiskRecords)
        writers.append(Records(store))
    for number in range(10):
        writers[number % 2].append([drafts.draft("expiry", number)])
    assert len(set(ids(there))) == 10
    assert "reconciler/seen" not in git(there, "for-each-ref")
    assert "reconciler/seen/records" in git(tmp_path / "one", "for-each-ref")
    assert git(tmp_path / "other", "rev-parse", "origin/records") == git(
        there, "rev-parse", "records"
    )


def test_a_remote_that_is_not_there_is_said(tmp_path: Path) -> None:
    home = clone(tmp_path / "one", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="nothing at"):
        record_store(home, "records", "origin")
    with pytest.raises(UsageError, match="none of that name"):
        record_store(home, "records", "upstream")
    with pytest.raises(UsageError, match="no name of a branch"):
        record_store(home, "a..b")
    git(home, "remote", "set-url", "--push", "origin", "https://example.com/other.git")
    with pytest.raises(UsageError, match="written at another"):
        record_store(home, "records", "origin")
    assert isinstance(record_store(home, "records"), GitRecords)
