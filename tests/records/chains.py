"""Whether the records of a repository are whole, as somebody would find who reads all of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Kept, Records
from reconciler.core.canonical import digest
from reconciler.core.records.standing import STATUS, Status, status_after
from reconciler.core.records.story import status_bytes
from reconciler.core.records.words import message
from reconciler.model.record import DOCUMENT


def git(path: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-C", path, *args], capture_output=True, text=True, check=False, errors="replace"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def clone(home: Path, url: str, name: str = "origin") -> Path:
    """A repository that knows a remote and has nothing of it."""
    subprocess.run(["git", "init", "--quiet", "--bare", home], check=True)
    git(home, "remote", "add", name, url)
    return home


def whole(path: Path, branch: str = "records") -> list[Kept]:
    """All records, oldest first; it fails where anything does not follow."""
    records = Records(GitRecords(path, branch))
    kept = list(records.walk())[::-1]
    statuses: dict[str, Status] = {}
    files: dict[str, str] = {}
    for number, one in enumerate(kept):
        record, before = one.record, kept[number - 1] if number else None
        assert record.chain.sequence == number
        assert record.chain.parent == (before.commit if before else None)
        assert record.chain.previous == (before.digest if before else None)
        jump = record.chain.jump
        assert (jump is None) == (before is None)
        if jump is not None:
            assert kept[jump.sequence].commit == jump.commit
        name = record.environment or ""
        statuses[name] = status_after(statuses.get(name, {}), record)
        for place, mark in record.files.items():
            if mark is None:
                del files[place]
            else:
                files[place] = mark
        own = [place for place in record.files if place.rpartition("/")[2] == STATUS]
        assert [record.files[place] for place in own] == [digest(status_bytes(statuses[name]))]
        raw = records.store.read(one.commit)[1]
        assert raw.partition(b"\n\n")[2] == message(record, one.digest).encode()
    if kept:
        tree = {
            place: digest(records.objects.blob(oid))
            for place, oid in records.objects.files(kept[-1].tree)
        }
        assert tree.pop(DOCUMENT) == kept[-1].digest
        assert tree == files
        assert sorted(records.environments(kept[-1].tree)) == sorted(statuses.keys() - {""})
        for name, status in statuses.items():
            assert records.status(name) == status
            numbers = [one.record.chain.sequence for one in records.of_environment(name)]
            about = [n for n, one in enumerate(kept) if (one.record.environment or "") == name]
            assert numbers == about[::-1]
    return kept


def ids(path: Path, branch: str = "records") -> list[str]:
    return [one.record.id for one in whole(path, branch)]
