"""Several writers, crashes, lost answers and rewritten history, against a list."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.adapters.record_store import GitRecords, record_store
from reconciler.app.records import Records
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.git import ObjectKind
from reconciler.model.record import Draft, Elsewhere, RecordKind
from tests.records import drafts
from tests.records.chains import clone, git, ids, whole
from tests.records.git_server import Handler, Server, serving
from tests.repos import ROOT, GitRepo

KINDS = [kind.value for kind in RecordKind]
NAMES = ("box-one", "shop", "acme-portal")


class Died(Exception):  # noqa: N818  # a process does not raise when it dies
    """The process is no more."""


class Mortal:
    """A store whose process dies, or whose answer is lost, where a test says."""

    def __init__(self, inner: GitRecords) -> None:
        self.inner = inner
        self.fate = ""

    def _meet(self, where: str) -> None:
        if self.fate == where:
            self.fate = ""
            raise Died

    def tip(self, *, fresh: bool = False) -> str:
        return self.inner.tip(fresh=fresh)

    def read(self, oid: str) -> tuple[str, bytes]:
        return self.inner.read(oid)

    def write(self, kind: ObjectKind, data: bytes) -> str:
        if kind == "tree":
            self._meet("writing")
        return self.inner.write(kind, data)

    def drop(self) -> None:
        self.inner.drop()

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        if self.fate == "between":
            flush = self.inner._flush

            def die() -> None:
                flush()
                self._meet("between")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(self.inner, "_flush", die)
                return self.inner.advance(old, new, durable=durable)
        self._meet("before")
        moved = self.inner.advance(old, new, durable=durable)
        if self.fate == "lost" and moved:
            self.fate = ""
            raise TransientError("records-away", "the answer was lost")
        if self.fate == "unsure" and moved:
            self.fate = ""
            return False  # a proxy asked twice, and gave us the second answer
        self._meet("after")
        return moved

    def seen(self) -> str:
        return self.inner.seen()

    def saw(self, commit: str) -> None:
        self.inner.saw(commit)

    def elsewhere(self) -> Elsewhere | None:
        return self.inner.elsewhere()

    def others(self) -> Mapping[str, str]:
        return self.inner.others()

    def tags(self, prefix: str) -> Mapping[str, str]:
        return self.inner.tags(prefix)

    def tag(self, name: str, data: bytes) -> None:
        self.inner.tag(name, data)


class Writers(RuleBasedStateMachine):
    """What was answered is there, once, in order; what was not is there whole or not at all."""

    SIZE = 3

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.number = 0
        self.model: list[str] = []
        self.stores: list[Mortal] = []
        self.writers: list[Records] = []
        self.batches: dict[int, list[Draft]] = {}
        """What a writer does not know to be written."""
        self.dead: set[int] = set()

    def path(self) -> Path:
        return self.root / "r.git"

    def open(self, writer: int) -> GitRecords:
        del writer
        return GitRecords(self.path(), "records")

    @initialize()
    def begin(self) -> None:
        GitRepo.make(self.path())
        for writer in range(self.SIZE):
            self.stores.append(Mortal(self.open(writer)))
            self.writers.append(Records(self.stores[writer]))

    def teardown(self) -> None:
        self.folder.cleanup()

    def drafted(self, kinds: list[str], name: str) -> list[Draft]:
        made = []
        for kind in kinds:
            self.number += 1
            where = "" if kind in drafts.WIDE else name
            made.append(drafts.draft(kind, self.number, environment=where))
        return made

    def settle(self, batch: list[Draft], *, ours: bool) -> None:
        """An unanswered batch is there whole or not at all; it may not be torn."""
        found = ids(self.path())
        new = [one.id for one in batch]
        if ours:
            assert all(found.count(one) == 1 for one in new)
        assert found == self.model or [one for one in found if one not in new] == self.model
        self.model = found

    @rule(
        writer=st.integers(0, SIZE - 1),
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
        name=st.sampled_from(NAMES),
        fate=st.sampled_from(
            ["", "", "", "lost", "unsure", "writing", "before", "between", "after"]
        ),
        durable=st.booleans(),
    )
    def append(self, writer: int, kinds: list[str], name: str, fate: str, *, durable: bool) -> None:
        if writer in self.batches:
            return  # it has to find out what became of the last ones first
        batch = self.drafted(kinds, name)
        self.stores[writer].fate = fate
        try:
            done = self.writers[writer].append(batch, durable=durable)
        except (Died, TransientError) as err:
            self.batches[writer] = batch
            if isinstance(err, Died):
                self.dead.add(writer)
                self.stores[writer] = Mortal(self.open(writer))
                self.writers[writer] = Records(self.stores[writer])
            arrived = fate in {"lost", "after"}
            self.model += [one.id for one in batch] if arrived else []
        else:
            self.model += [one.id for one in batch]
            assert [one.sequence for one in done] == list(
                range(len(self.model) - len(batch), len(self.model))
            )

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), more=st.lists(st.sampled_from(KINDS), max_size=2))
    def try_again(self, data: st.DataObject, more: list[str]) -> None:
        writer = data.draw(st.sampled_from(sorted(self.batches)))
        batch = self.batches.pop(writer)
        extra = self.drafted(more, "shop")
        dead = writer in self.dead
        self.dead.discard(writer)
        done = self.writers[writer].append([*batch, *extra], again=dead)
        known = set(self.model)
        self.model += [one.id for one in (*batch, *extra) if one.id not in known]
        assert [self.model[one.sequence] for one in done] == [one.id for one in (*batch, *extra)]

    @rule(writer=st.integers(0, SIZE - 1))
    def look(self, writer: int) -> None:
        assert self.writers[writer].status("nobody") == {}

    @rule()
    def gather(self) -> None:
        git(self.path(), "gc", "--quiet", "--prune=now")

    @rule()
    def pack_refs(self) -> None:
        git(self.path(), "pack-refs", "--all")

    @precondition(lambda self: len(self.model) > 1)
    @rule(writer=st.integers(0, SIZE - 1), back=st.booleans())
    def rewrite(self, writer: int, *, back: bool) -> None:
        """Somebody forces the branch back or away: whoever saw it goes no further."""
        records = self.writers[writer]
        tip = git(self.path(), "rev-parse", "records").strip()
        records.append(extra := self.drafted(["expiry"], "shop"))
        self.model += [one.id for one in extra]
        last = git(self.path(), "rev-parse", "records").strip()
        if back:
            git(self.path(), "update-ref", "refs/heads/records", tip)
        else:
            git(self.path(), "update-ref", "-d", "refs/heads/records")
        with pytest.raises(ReconcilerError) as caught:
            records.append(self.drafted(["expiry"], "shop"))
        assert caught.value.reason == "records-rewritten"
        git(self.path(), "update-ref", "refs/heads/records", last)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if self.writers:
            assert ids(self.path()) == self.model


class Pushers(Writers):
    """The same over one remote; each has a clone, and two share one."""

    server: Server
    stop: Callable[[], object]

    def open(self, writer: int) -> GitRecords:
        home = self.root / f"clone-{writer % 2}"
        if not home.exists():
            clone(home, self.server.url())
        store = record_store(home, "records", "origin")
        assert isinstance(store, GitRecords)
        return store

    @initialize()
    def begin(self) -> None:
        context = serving(self.root)
        self.server = context.__enter__()
        self.stop = lambda: context.__exit__(None, None, None)
        super().begin()

    def teardown(self) -> None:
        if hasattr(self, "stop"):
            self.stop()
        super().teardown()

    @rule(
        writer=st.integers(0, Writers.SIZE - 1),
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=2),
        late=st.booleans(),
    )
    def cut(self, writer: int, kinds: list[str], *, late: bool) -> None:
        """The connection goes before or after the push was taken."""
        if writer in self.batches:
            return
        at = ("after " if late else "") + "/r.git/git-receive-pack"

        def fault(handler: Handler, path: str) -> bool:
            return path.startswith(at) and handler.cut()

        self.writers[writer].append([])  # whatever else there is to know is known
        batch = self.drafted(kinds, "box-one")
        self.server.fault = fault
        with pytest.raises(TransientError):
            self.writers[writer].append(batch)
        self.server.fault = None
        self.batches[writer] = batch
        self.model += [one.id for one in batch] if late else []


TestWriters = Writers.TestCase
TestWriters.settings = settings(max_examples=8, stateful_step_count=14, deadline=None)
TestPushers = Pushers.TestCase
TestPushers.settings = settings(max_examples=3, stateful_step_count=8, deadline=None)


# ------------------------------------------------------------------------------- real processes

WRITER = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from reconciler.adapters import record_store
from reconciler.app.records import Records
from tests.records import drafts

path, name, many, dies, durable = sys.argv[1:]
store = record_store.GitRecords(Path(path), "records")
records = Records(store)
left = int(dies)

def step(function):
    def stepped(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
        return function(*args, **kwargs)
    return stepped

if left:
    # every write of an object, every rename of a pack, every move of a ref, before and after
    own = store._odb
    store._odb = SimpleNamespace(
        write=step(own.write), read=own.read, read_header=own.read_header
    )
    Path.rename = step(Path.rename)
    Path.write_bytes = step(Path.write_bytes)
    store._moved = step(store._moved)
    store.saw = step(store.saw)
for number in range(int(many)):
    size = 12 if number % 3 == 2 else 1
    batch = [
        drafts.draft("expiry", number, id=f"{name}{number:04d}{each:02d}".ljust(32, "0"))
        for each in range(size)
    ]
    records.append(batch, durable=durable == "yes")
    print(number, flush=True)
"""


def started(path: Path, name: str, many: int, dies: int, durable: str = "") -> Any:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(many), str(dies), durable],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def batches(found: list[str], name: str) -> dict[int, int]:
    """How many records of each batch of a writer are there; they stand in order."""
    own = [(int(one[1:5]), int(one[5:7])) for one in found if one[0] == name]
    assert own == sorted(set(own))
    counts: dict[int, int] = {}
    for number, _ in own:
        counts[number] = counts.get(number, 0) + 1
    return counts


def test_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    path = GitRepo.make(tmp_path / "r.git").path
    running = [started(path, name, 12, 0) for name in "abcd"]
    for one in running:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    found = ids(path)
    for name in "abcd":
        counts = batches(found, name)
        assert counts == {number: 12 if number % 3 == 2 else 1 for number in range(12)}


@pytest.mark.parametrize("durable", ["", "yes"])
def test_a_process_that_is_killed_leaves_whole_batches_only(tmp_path: Path, durable: str) -> None:
    path = GitRepo.make(tmp_path / "r.git").path
    known: dict[str, int] = {}
    names = "0123456789ab"
    for first in range(0, len(names), 2):
        # two at a time, each killed at a step of its own
        pair = [
            (name, started(path, name, 6, 1 + 4 * (first + at) + at, durable))
            for at, name in enumerate(names[first : first + 2])
        ]
        for name, process in pair:
            out, said = process.communicate(timeout=120)
            assert process.returncode in {-9, 0}, said
            known[name] = len(out.split())
    found = ids(path)
    for name, answered in known.items():
        counts = batches(found, name)
        assert all(size == (12 if number % 3 == 2 else 1) for number, size in counts.items())
        # what was answered is there, and at most one that was not
        assert answered <= len(counts) <= answered + 1
        assert sorted(counts) == list(range(len(counts)))
    assert "missing" not in git(path, "fsck", "--full", "--strict", "--no-dangling")
    records = Records(GitRecords(path, "records"))
    records.append([drafts.draft("expiry", 1)])
    assert len(whole(path)) == len(found) + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_a_writer_that_is_faster_is_built_upon(tmp_path: Path) -> None:
    path = GitRepo.make(tmp_path / "r.git").path
    one, other = (Records(GitRecords(path, "records")) for _ in range(2))
    asked = []

    def check(status: Callable[[str], dict[str, Any]]) -> None:
        asked.append(status("box-one").get("record"))
        if len(asked) < 4:
            other.append([drafts.draft("expiry", len(asked))])

    (done,) = one.append([drafts.draft("drift-seen", 9)], check=check)
    assert asked == [None, 0, 1, 2]
    assert done.sequence == 3
    with pytest.raises(ReconcilerError, match="no"):
        one.append([drafts.draft("expiry", 77)], check=refuse)
    assert len(whole(path)) == 4


def refuse(_status: Any) -> None:
    raise ReconcilerError("no", "no")
