"""Controllers that share one remote, and what people take out of it in earnest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pygit2
import pytest

from tests.controller.conftest import Make
from tests.controller.real import PATIENCE, WHOLE, Real, document
from tests.controller.shared import machine, person, sharing

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


def fetched(real: Real) -> None:
    subprocess.run(["git", "fetch", "-q"], cwd=real.repo.path, check=True)


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.soak)])
def test_several_controllers_make_everything_once(make: Make, tmp_path: Path, count: int) -> None:
    names = tuple(f"env-{number}" for number in range(count + 1))
    remote = make(*names, more=sharing(tmp_path))
    machines = [machine(remote, number) for number in range(count)]
    passes = [one.start("run", "--once", "--jobs", "2") for one in machines]
    for one in passes:
        _, err = one.communicate(timeout=PATIENCE)
        assert one.returncode in (0, 1), err
        assert "Traceback" not in err
    last = machines[-1].once()
    assert last.returncode == 0, last.stderr
    fetched(machines[0])
    assert {name: machines[0].begun(name) for name in names} == dict.fromkeys(names, 1)
    machines[0].whole(names)


def taken_out(remote: Real, at: Real, *names: str) -> None:
    """Omar proposes it, Sara agrees, and it is merged."""
    repository = remote.repo.repository
    main = repository.references["refs/heads/main"].target
    repository.references.create("refs/heads/out", main)
    gone = {document(name) for name in names}
    left = {path: text for path, text in remote.files.items() if path not in gone}
    who = pygit2.Signature("Omar Haddad", "omar@example.com", 1_700_000_000, 0)
    tree = remote.repo.tree(left)
    repository.create_commit("refs/heads/out", who, who, "Take them out", tree, [main])
    fetched(at)
    for person_, argv in (
        ("omar", ("mr", "open", "--source", "out", "--title", "Take them out")),
        ("sara", ("mr", "approve", "1")),
        ("sara", ("mr", "merge", "1")),
    ):
        done = at.does(*argv, **person(remote.top, person_))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.soak
def test_a_mass_deletion_destroys_nothing_before_a_human_says_so(
    make: Make, tmp_path: Path
) -> None:
    gone, names = ("one", "two", "three"), ("one", "two", "three", "stays")
    remote = make(*names, more=sharing(tmp_path))
    at = machine(remote, 0)
    first = at.once("--jobs", "4")
    assert first.returncode == 0, first.stdout + first.stderr
    taken_out(remote, at, *gone)
    kept = at.once()
    assert kept.returncode == 10, kept.stderr
    assert {name: at.made(name) for name in names} == dict.fromkeys(names, WHOLE)
    assert not [one for one in at.recorded() if one.startswith("destroy")]
    allowed = at.does(
        "removal", "allow", "two", "--because", "the fair is over", **person(tmp_path, "sara")
    )
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    last = at.once("--jobs", "4")
    assert last.returncode == 0, last.stderr
    assert [at.made(name) for name in gone] == [{}, {}, {}]
    at.whole(["stays"])
