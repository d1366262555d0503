"""What is special about merge requests that anybody who may push can write to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.local_forge import LocalForge
from reconciler.adapters.merge_request_refs import REQUESTS, MergeRequestRefs
from reconciler.adapters.ssh_keys import verify
from reconciler.core.forge.events import event_bytes, event_of, message, who
from reconciler.core.git_objects import Who, commit_bytes, with_signature
from reconciler.errors import ReconcilerError, UsageError, WaitingError
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.forge_event import Body, Event
from reconciler.model.merge_request import MergeRequest, Proposal
from reconciler.ports import Signer
from tests.forge.local import BEGINNING, Clock, LocalForges, bare, cloned, person
from tests.records.git_server import serving
from tests.repos import ROOT
from tests.verify.history import key


@pytest.fixture
def forges(tmp_path: Path) -> LocalForges:
    return bare(tmp_path / "bare.git")


def opened(forges: LocalForges, branch: str = "feature") -> MergeRequest:
    forges.push(branch, {f"{branch}.txt": "x"})
    return forges.as_user("ada").open(Proposal("A change", "", branch, "main"))


def forge_event(
    forges: LocalForges,
    body: Body,
    by: str = "ben",
    *,
    number: int = 1,
    author: Who | None = None,
    signer: Signer | None = None,
    change: Callable[[bytes], bytes] = bytes,
    event: Event | None = None,
) -> str:
    """Write to a chain by hand, as anybody who may push can."""
    repository = forges.repository
    event = event or event_of(number, person(by), BEGINNING, body)
    data = change(event_bytes(event))
    builder = repository.TreeBuilder()
    builder.insert("event.json", repository.create_blob(data), pygit2.enums.FileMode.BLOB)
    name = f"{REQUESTS}1"
    tip = str(repository.references[name].target)
    own = author or who(event)
    raw = commit_bytes(str(builder.write()), (tip,), own, own, message(event))
    if signer is not None:
        raw = with_signature(raw, signer.sign(raw))
    made = repository.odb.write(pygit2.enums.ObjectType.COMMIT, raw)
    repository.references[name].set_target(made)
    return str(made)


def approved(request: MergeRequest) -> kinds.Approved:
    return kinds.Approved(head=request.head, plans=[], policies="f00d")


# ---------------------------------------------------------------------------- who it was


def test_an_approval_says_which_key_signed_it(forges: LocalForges, tmp_path: Path) -> None:
    ben = key("ben", tmp_path)
    forges.signers = {"ben": ben}
    request = opened(forges)
    forges.as_user("ben").approve(1, request.head)
    (found,) = forges.as_user("ada").consents(1)
    assert found.signed_by == ben.public_key.fingerprint
    assert found.reference == str(forges.repository.references[f"{REQUESTS}1"].target)


def test_what_is_merged_takes_only_an_approval_that_is_let_in_and_keeps_the_others(
    forges: LocalForges,
) -> None:
    request, ben = opened(forges), forges.as_user("ben")
    ben.approve(1, request.head, (("fair", "sha256:1"), ("shop", "sha256:2")), "p")
    forges.as_user("ada").merge(1, request.head)
    now = (("fair", "sha256:3"),)
    with pytest.raises(UsageError, match="it is merged"):
        ben.approve(1, request.head, now, "p")
    with pytest.raises(WaitingError, match="last commit"):
        ben.approve(1, "a" * 40, now, "p", late=True)
    ben.approve(1, request.head, now, "p", late=True)
    (found,) = ben.consents(1)
    assert found.plans == (("fair", "sha256:3"), ("shop", "sha256:2"))
    ben.approve(1, request.head, now, "other", late=True)
    (found,) = ben.consents(1)
    assert found.plans == now, "what was agreed to by other policies holds for nothing"
    with pytest.raises(UsageError, match="it is merged"):
        ben.unapprove(1)


def test_a_forged_approval_is_told_without_a_key_and_takes_nobodys_away(
    forges: LocalForges, tmp_path: Path
) -> None:
    forges.signers = {"ben": key("ben", tmp_path)}
    request = opened(forges)
    forges.as_user("ben").approve(1, request.head)
    forge_event(forges, approved(request))
    forge_event(forges, approved(request), signer=key("eve", tmp_path))
    found = forges.as_user("ada").consents(1)
    assert {one.by.email for one in found} == {"ben@example.com"}
    assert [one.signed_by for one in found] == [
        key("ben", tmp_path).public_key.fingerprint,
        "",
        key("eve", tmp_path).public_key.fingerprint,
    ]


def test_a_signature_of_something_else_is_no_signature(forges: LocalForges, tmp_path: Path) -> None:
    request = opened(forges)
    ben = key("ben", tmp_path)
    other = with_signature(b"tree x\n\nother", ben.sign(b"tree x\n\nother"))
    signature = other[other.index(b"gpgsig ") + 7 : other.index(b"\n\n")]
    made = forge_event(forges, approved(request))
    repository = forges.repository
    raw = repository.odb.read(pygit2.Oid(hex=made))[1]
    head, blank, words = raw.partition(b"\n\n")
    forged = head + b"\ngpgsig " + signature + blank + words
    repository.references[f"{REQUESTS}1"].set_target(
        repository.odb.write(pygit2.enums.ObjectType.COMMIT, forged)
    )
    ada = forges.as_user("ada")
    assert ada.consents(1) == ()
    assert len(ada.merge_request(1).odd) == 1


def test_an_author_who_is_not_the_one_it_speaks_of_is_not_believed(forges: LocalForges) -> None:
    request = opened(forges)
    forge_event(forges, approved(request), author=Who("Eve", "eve@example.com", 0))
    ada = forges.as_user("ada")
    assert ada.consents(1) == ()
    assert "author" in ada.merge_request(1).odd[0]


def test_nobody_has_an_id_that_a_forge_did_not_check(forges: LocalForges) -> None:
    request = opened(forges)
    refs = MergeRequestRefs(forges.path, "", None, None, verify)
    claims = LocalForge(refs, Person("Ben", "ben@example.com", 1001), Clock())
    claims.approve(1, request.head)
    assert claims.me().forge_id is None
    assert [one.by.forge_id for one in claims.consents(1)] == [None]


def test_without_a_name_nothing_is_written(forges: LocalForges) -> None:
    request = opened(forges)
    refs = MergeRequestRefs(forges.path, "", None, None, verify)
    nobody = LocalForge(refs, Person("", ""), Clock())
    assert nobody.merge_request(1) == request
    with pytest.raises(UsageError, match="nobody knows"):
        nobody.say(1, "hello")


def test_only_its_writer_rewrites_a_note(forges: LocalForges) -> None:
    opened(forges)
    note = forges.as_user("ada").say(1, "mine")
    with pytest.raises(UsageError, match="somebody else"):
        forges.as_user("ben").rewrite(1, note.id, "yours")
    forge_event(forges, kinds.Rewritten(note=note.id, text="yours"), "ben")
    (found,) = forges.as_user("ada").notes(1)
    assert found.text == "mine"


# ----------------------------------------------------------------------- hostile chains


def test_nonsense_changes_nothing_and_is_told(forges: LocalForges) -> None:
    request = opened(forges)
    forge_event(forges, kinds.Closed(), change=lambda _data: b"{}")
    forge_event(forges, kinds.Closed(), change=lambda data: data + b" ")
    forge_event(forges, kinds.Closed(), number=2)
    forge_event(forges, kinds.Settled(thread="a" * 40, resolved=True))
    forge_event(forges, kinds.Rewritten(note="a" * 40, text="x"))
    ada = forges.as_user("ada")
    found = ada.merge_request(1)
    assert (found.state, found.head) == ("open", request.head)
    assert len(found.odd) == 5
    assert all(one.isprintable() for one in found.odd)
    said = [one for one in ada.examine("main", "records") if one.what == "!1"]
    assert [one.good for one in said] == [False]
    ada.say(1, "still alive")
    assert [one.text for one in ada.notes(1)] == ["still alive"]


def test_a_broken_one_hides_no_other(forges: LocalForges) -> None:
    opened(forges, "one")
    second = opened(forges, "two")
    repository = forges.repository
    repository.references[f"{REQUESTS}1"].set_target(forges.tip("main"))
    repository.references.create(f"{REQUESTS}007", forges.tip("main"))
    repository.references.create(f"{REQUESTS}999999999", forges.tip("main"))
    repository.references.create(f"{REQUESTS}x", forges.tip("main"))
    ada = forges.as_user("ada")
    assert [one.number for one in ada.open_ones("main")] == [second.number]
    with pytest.raises(ReconcilerError, match="cannot be read"):
        ada.merge_request(1)
    assert opened(forges, "three").number == 3
    # ... and nobody has to guess that there is one
    told = {one.number: one.why for one in ada.unreadable()}
    assert set(told) == {1, 999999999}
    assert "cannot be read" in told[1]


def test_a_forged_merge_is_not_believed(forges: LocalForges) -> None:
    request = opened(forges)
    forge_event(forges, kinds.Merged(head=request.head, commit=forges.tip("main")))
    forge_event(forges, kinds.Merged(head="a" * 40, commit="b" * 40))
    ada = forges.as_user("ada")
    assert ada.merge_request(1).state == "open"
    assert [one.number for one in ada.open_ones("main")] == [1]
    commit = ada.merge(1, request.head)
    forge_event(forges, kinds.Reopened())
    forge_event(forges, kinds.Closed())
    now = ada.merge_request(1)
    assert (now.state, now.merged) == ("merged", commit)


def test_a_secret_is_not_written(forges: LocalForges) -> None:
    from tests.core.secrets.samples import filled

    opened(forges)
    ada = forges.as_user("ada")
    tip = forges.repository.references[f"{REQUESTS}1"].target
    with pytest.raises(UsageError) as failed:
        ada.say(1, f"use {filled('glpat-<W20>')}")
    assert "glpat" not in failed.value.message
    assert forges.repository.references[f"{REQUESTS}1"].target == tip


@contextmanager
def shared(tmp_path: Path, *, server: bool) -> Iterator[LocalForges]:
    """Clones of a server, or of a folder on this disk."""
    if not server:
        path = tmp_path / "bare.git"
        pygit2.init_repository(str(path), bare=True, initial_head="main")
        yield cloned(path, str(path), tmp_path)
        return
    with serving(tmp_path / "served") as found:
        yield cloned(found.root / "r.git", found.url(), tmp_path)


@pytest.mark.parametrize("server", [False, True])
def test_a_chain_that_was_rewritten_is_not_read_by_whoever_saw_it(
    tmp_path: Path, *, server: bool
) -> None:
    with shared(tmp_path, server=server) as forges:
        request = opened(forges)
        ben = forges.as_user("ben")
        ben.approve(1, request.head)
        ben.unapprove(1)
        assert ben.consents(1) == ()
        # somebody cuts off that it was taken back
        name = f"{REQUESTS}1"
        taken_back = forges.repository.references[name].target
        assert str(ben._refs._home.references[name].target) == str(taken_back)
        approval = forges.repository[taken_back].peel(pygit2.Commit).parent_ids[0]
        forges.repository.references[name].set_target(approval)
        (lost,) = forges.as_user("ben").unreadable()
        assert (lost.number, "update-ref -d" in lost.hint) == (1, True)
        for ask in (ben.consents, forges.as_user("ben").merge_request, ben.unapprove):
            with pytest.raises(ReconcilerError) as failed:
                ask(1)
            assert failed.value.reason == "merge-request-rewritten"
            assert "update-ref -d" in failed.value.hint
        forges.as_user("ben")._refs._home.references.delete(name)
        assert len(forges.as_user("ben").consents(1)) == 1


# ------------------------------------------------------------------------------- taking back


def test_only_the_key_that_signed_an_approval_takes_it_back(
    forges: LocalForges, tmp_path: Path
) -> None:
    request = opened(forges)
    ben_key = key("ben", tmp_path)
    forges.signers = {"ben": ben_key}
    forges.as_user("ben").approve(1, request.head)
    forge_event(forges, kinds.Unapproved(), "ben")
    forge_event(forges, kinds.Unapproved(), "ben", signer=key("eve", tmp_path))
    found = forges.as_user("ada")
    assert [one.signed_by for one in found.consents(1)] == [ben_key.public_key.fingerprint]
    odd = found.merge_request(1).odd
    assert len(odd) == 2
    assert all("signed with another key" in one for one in odd)
    # who lost the key is told that it stands
    forges.signers = {}
    with pytest.raises(UsageError, match="signed with another key"):
        forges.as_user("ben").unapprove(1)
    forges.as_user("ben").approve(1, request.head)
    with pytest.raises(UsageError, match="of yours of !1 stands"):
        forges.as_user("ben").unapprove(1)
    forges.signers = {"ben": ben_key}
    forges.as_user("ben").unapprove(1)
    assert forges.as_user("ada").consents(1) == ()


def test_a_key_takes_back_what_was_not_signed(forges: LocalForges, tmp_path: Path) -> None:
    request = opened(forges)
    forges.as_user("ben").approve(1, request.head)
    forges.signers = {"ben": key("ben", tmp_path)}
    forges.as_user("ben").unapprove(1)
    assert forges.as_user("ada").consents(1) == ()


# ------------------------------------------------------------------------------- merging


def test_nothing_is_merged_beside_what_it_was_not_judged_with(forges: LocalForges) -> None:
    request = opened(forges)
    judged = forges.tip("main")
    forges.push("main", {"meanwhile.txt": "m"})
    ada = forges.as_user("ada")
    with pytest.raises(WaitingError, match="`main` moved while !1 was checked") as failed:
        ada.merge(1, request.head, onto=judged)
    assert failed.value.reason == "target-moved"
    assert ada.merge(1, request.head, onto=forges.tip("main")) == forges.tip("main")


def test_killed_before_it_is_noted_the_next_one_finds_it_merged(
    forges: LocalForges, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = opened(forges)
    forges.push("main", {"meanwhile.txt": "m"})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LocalForge, "_note_merged", killed)
        with pytest.raises(KeyboardInterrupt):
            forges.as_user("ada").merge(1, request.head)
    commit = forges.tip("main")
    forges.push("main", {"later.txt": "l"})
    ben = forges.as_user("ben")
    now = ben.merge_request(1)
    assert (now.state, now.merged, now.head) == ("merged", commit, request.head)
    assert list(ben.open_ones("main")) == []
    assert ben.merge(1, request.head) == commit
    forges.delete_branch("feature")
    assert ben.merge_request(1).merged == commit
    with pytest.raises(UsageError, match="merged"):
        ben.close(1)


def test_what_somebody_merged_by_hand_is_merged(forges: LocalForges) -> None:
    request = opened(forges)
    forges.repository.references["refs/heads/main"].set_target(request.head)
    assert forges.as_user("ada").merge_request(1).state == "merged"


def test_a_branch_set_back_to_where_it_began_is_not_merged(forges: LocalForges) -> None:
    opened(forges)
    forges.repository.references["refs/heads/feature"].set_target(forges.tip("main"))
    assert forges.as_user("ada").merge_request(1).state == "open"


def test_nothing_new_is_no_merge_request(forges: LocalForges) -> None:
    forges.repository.references.create("refs/heads/same", forges.tip("main"))
    with pytest.raises(UsageError, match="everything"):
        forges.as_user("ada").open(Proposal("x", "", "same", "main"))


def test_a_merge_has_both_parents_and_says_which_merge_request(
    forges: LocalForges, tmp_path: Path
) -> None:
    forges.signers = {"ada": key("ada", tmp_path)}
    request = opened(forges)
    before = forges.tip("main")
    commit = forges.repository[forges.as_user("ada").merge(1, request.head)].peel(pygit2.Commit)
    assert [str(one) for one in commit.parent_ids] == [before, request.head]
    assert commit.message.splitlines()[0] == "Merge !1: A change"
    assert commit.message.endswith("\n\nMerge-Request: 1\n")
    assert (commit.author.email, commit.gpg_signature[0] is not None) == ("ada@example.com", True)


def test_a_merge_says_nothing_that_a_screen_obeys(forges: LocalForges) -> None:
    forges.push("feature", {"a.txt": "a"})
    ada = forges.as_user("ada")
    bad = "x\x1b[2J\u202e\ud800\0"
    made = ada.open(Proposal(bad, f"{bad}\n\nMerge-Request: 9", "feature", "main"))
    said = forges.message(ada.merge(made.number, made.head, f"{bad}\r\nmore"))
    assert said.replace("\n", "").isprintable()
    assert said.splitlines()[1] == "more"
    assert said.endswith("\n\nMerge-Request: 1\n")


def test_only_the_key_that_signed_a_note_rewrites_it(forges: LocalForges, tmp_path: Path) -> None:
    forges.signers = {"ada": key("ada", tmp_path)}
    opened(forges)
    ada = forges.as_user("ada")
    note = ada.say(1, "mine")
    forge_event(forges, kinds.Rewritten(note=note.id, text="forged"), "ada")
    assert [one.text for one in ada.notes(1)] == ["mine"]
    assert ada.rewrite(1, note.id, "still mine")
    forges.signers = {}
    with pytest.raises(UsageError, match="that key"):
        forges.as_user("ada").rewrite(1, note.id, "without")


def test_a_branch_that_somebody_works_on_is_not_moved(tmp_path: Path) -> None:
    forges = bare(tmp_path / "bare.git")
    request = opened(forges)
    work = tmp_path / "work"
    forges.repository.add_worktree(
        "work", str(work), forges.repository.references["refs/heads/main"]
    )
    with pytest.raises(ReconcilerError) as failed:
        forges.as_user("ada").merge(1, request.head)
    assert failed.value.reason == "target-checked-out"
    assert forges.tip("main") != request.head


# --------------------------------------------------------------------- several at a time

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from reconciler.adapters.local_forge import LocalForge
from reconciler.adapters.merge_request_refs import MergeRequestRefs
from reconciler.adapters.ssh_keys import verify
from reconciler.model.approval import Person
from reconciler.model.merge_request import Proposal
home, remote, name, count = sys.argv[1:]
refs = MergeRequestRefs(Path(home), remote, None, None, verify)
forge = LocalForge(refs, Person(name, f"{name}@example.com"), lambda: datetime.now(UTC))
for number in range(int(count)):
    forge.say(1, f"{name} {number}")
    forge.labelled(1, [f"{name}-{number}"], [])
print(forge.open(Proposal("Of all", "", "other", "main")).number)
print(forge.open(Proposal("Mine", "", name, "main")).number)
"""


def both(homes: list[Path], remote: str, count: int) -> list[list[str]]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home), remote, name, f"{count}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for home, name in zip(homes, ("ada", "ben", "bot"), strict=False)
    ]
    found = []
    for one in running:
        out, said = one.communicate(timeout=300)
        assert one.returncode == 0, said
        found.append(out.split())
    return found


def all_there(forges: LocalForges, names: list[str], count: int, numbers: list[list[str]]) -> None:
    ada = forges.as_user("ada")
    texts = [one.text for one in ada.notes(1)]
    for name in names:
        assert [one for one in texts if one.startswith(name)] == [
            f"{name} {number}" for number in range(count)
        ]
    request = ada.merge_request(1)
    assert len(request.labels) == len(texts) == count * len(names)
    assert request.odd == ()
    assert len({shared for shared, _ in numbers}) == 1
    assert len({own for _, own in numbers}) == len(names)
    assert len(list(ada.open_ones("main"))) == 2 + len(names)


def test_processes_at_one_merge_request_lose_nothing(forges: LocalForges) -> None:
    opened(forges)
    names = ["ada", "ben", "bot"]
    for branch in ("other", *names):
        forges.push(branch, {f"{branch}.txt": "x"})
    numbers = both([forges.path] * 3, "", 10)
    all_there(forges, names, 10, numbers)


def test_processes_at_one_server_lose_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "served") as server:
        forges = cloned(server.root / "r.git", server.url(), tmp_path)
        opened(forges)
        names = ["ada", "ben"]
        for branch in ("other", *names):
            forges.push(branch, {f"{branch}.txt": "x"})
        homes = [forges.home(name) for name in names]
        all_there(forges, names, 3, both(homes, "origin", 3))


def test_one_ref_is_made_by_one_of_many(forges: LocalForges) -> None:
    program = """
import sys
from pathlib import Path
from reconciler.adapters.git_refs import GitRefs
refs = GitRefs(Path(sys.argv[1]), "things")
sys.stdin.readline()
print(*(n for n in range(200) if refs.move(f"refs/x/{n}", "", sys.argv[2], durable=False)))
"""
    commits = [forges.push(f"b{number}", {"x": f"{number}"}) for number in range(3)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(forges.path), commit],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for commit in commits
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    made = [int(number) for one in running for number in one.communicate(timeout=300)[0].split()]
    assert sorted(made) == list(range(200))
