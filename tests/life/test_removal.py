"""What is there without a document, and may be destroyed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.cli import merge_requests, removal_command
from reconciler.core.expiry import expiry_body
from reconciler.core.removal import Removed, may_remove
from reconciler.settings import ProcessSettings
from tests.chatops.yard import Yard, files_with_keys, make_yard
from tests.check.project import Warm, warm
from tests.repos import GitRepo
from tests.verify.history import World, key

NOW: Final = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
FAIR: Final = "environments/demo/trade-fair.yaml"

REMOVED: Final = st.builds(
    Removed,
    st.uuids().map(str),
    st.just("c" * 40),
    st.sampled_from(["agreed", "over", "not"]),
    st.just("nobody agreed"),
    st.booleans(),
)


@given(
    st.lists(REMOVED, max_size=12),
    st.lists(st.integers(0, 60).map(lambda hours: NOW - timedelta(hours=hours)), max_size=5),
    st.integers(0, 4),
)
def test_nobody_loses_many_by_one_mistake(
    removed: list[Removed], destroyed: list[datetime], limit: int
) -> None:
    may = may_remove(removed, destroyed, limit, NOW)
    assert set(may) == {one.name for one in removed}
    goes = [one for one in removed if not may[one.name]]
    assert all(one.reason != "not" for one in goes), "what nobody agreed to stays"
    alone = [one for one in goes if not one.let]
    recent = [at for at in destroyed if at > NOW - DAY]
    assert len(alone) <= max(limit - len(recent), 0)
    agreed = [one for one in removed if one.reason == "agreed" and not one.let]
    if len(agreed) > limit:
        assert not [one for one in alone if one.reason == "agreed"], "all of a mass waits"
    assert all(not may[one.name] for one in removed if one.let and one.reason != "not")


@given(st.lists(REMOVED, max_size=8), st.integers(0, 4))
def test_one_more_removal_lets_nothing_go_that_waited(removed: list[Removed], limit: int) -> None:
    before = may_remove(removed, (), limit, NOW)
    more = Removed("zzz", "c" * 40, "agreed")
    after = may_remove([*removed, more], (), limit, NOW)
    agreed = [one.name for one in removed if one.reason == "agreed"]
    assert not [name for name in agreed if before[name] and not after[name]]


# -- by the commands, with real merge requests


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(tmp_path_factory.mktemp("kept"), engine)
    engine.close()


class Town:
    """A yard whose environments were applied."""

    def __init__(self, yard: Yard, origin: GitRepo, files: dict[str, str]) -> None:
        self.yard = yard
        self.origin = origin
        self.files = files
        self.world = World(yard.clone, yard.folder, now=datetime.now(UTC) - DAY / 12)

    def applied(self, *names: str) -> None:
        for name in names:
            self.world.applied(name, self.world.recorder(name=""), action="apply")

    def remove(self, *paths: str) -> str:
        """Pushed to the target branch by somebody, without asking."""
        return self._commit("main", paths)

    def _commit(self, branch: str, paths: Sequence[str]) -> str:
        """Omar's, of the team that owns demos."""
        left = {path: text for path, text in self.files.items() if path not in paths}
        repository, ref = self.origin.repository, f"refs/heads/{branch}"
        who = pygit2.Signature("Omar Haddad", "omar@example.com", 1_700_000_000, 0)
        parents = [repository.references[ref].target]
        tree = self.origin.tree(left)
        return str(repository.create_commit(ref, who, who, "Take them out", tree, parents))

    def propose(self, *paths: str) -> None:
        """A merge request that takes them out."""
        first = self.origin.repository.references["refs/heads/main"].target
        self.origin.repository.references.create("refs/heads/out", first)
        self._commit("out", paths)
        subprocess.run(["git", "fetch", "-q"], cwd=self.yard.clone, check=True)
        self.yard.be("Omar Haddad", "omar@example.com", "omar")
        code, _, err = self.yard.run("mr", "open", "--source", "out", "--title", "Take them out")
        assert code == 0, err

    def waits(self) -> tuple[int, str]:
        code, out, err = self.yard.run("removal", "list")
        assert err == ""
        return code, out


@pytest.fixture
def town(
    tmp_path: Path,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Town:
    files = files_with_keys(tmp_path)
    path = "profiles/teams/team-sales.yaml"
    for name in ("sara", "omar"):
        text = key(name, tmp_path).public_key.text
        files[path] = re.sub(
            rf'keys: \["[^"]+ {name}@example\.com"\]', f'keys: ["{text}"]', files[path]
        )
    files["reconciler.yaml"] += "  controller: {removalLimit: 2}\n"
    yard, origin = make_yard(tmp_path, files, capsys, monkeypatch)

    def build() -> Warm:
        return Warm(ProcessSettings(), ports.kept, ports.workers, ports.engine)

    monkeypatch.setattr(removal_command, "build", build)
    monkeypatch.setattr(merge_requests, "build", build)
    yard.be("Ada Berg", "ada@example.com", "ada")
    return Town(yard, origin, files)


def test_what_has_a_document_does_not_wait(town: Town) -> None:
    town.applied("trade-fair")
    assert town.waits() == (0, "Nothing is there without a document.\n")


def test_a_removal_that_nobody_agreed_to_waits(town: Town) -> None:
    town.applied("trade-fair")
    commit = town.remove(FAIR)
    code, out = town.waits()
    assert code == 11
    assert out.startswith("WAITS trade-fair")
    assert commit[:12] in out
    assert "no merge request brought" in out, out
    assert "NEEDS_APPROVAL" in out


def test_a_removal_goes_when_who_has_to_agreed_to_it(town: Town) -> None:
    town.applied("trade-fair")
    town.propose(FAIR)
    town.yard.be("Sara Lind", "sara@example.com", "sara")
    code, _, err = town.yard.run("mr", "approve", "1")
    assert code == 0, err
    code, out, err = town.yard.run("mr", "merge", "1")
    assert (code, err) == (0, ""), out
    code, out = town.waits()
    assert (code, out.splitlines()[0]) == (0, "GOES trade-fair"), out


def test_what_has_come_to_its_end_needs_nobody(town: Town) -> None:
    town.applied("trade-fair")
    recorder = town.world.recorder(name="")
    recorder.happened("trade-fair", town.world.head, expiry_body(NOW, "ended"))
    town.remove(FAIR)
    code, out = town.waits()
    assert (code, out.splitlines()[0]) == (0, "GOES trade-fair"), out


def test_what_was_applied_anew_has_an_end_of_its_own(town: Town) -> None:
    town.applied("trade-fair")
    recorder = town.world.recorder(name="")
    recorder.happened("trade-fair", town.world.head, expiry_body(NOW, "ended"))
    town.world.applied("trade-fair", recorder, action="destroy")
    town.applied("trade-fair")
    town.remove(FAIR)
    assert town.waits()[0] == 11


def test_a_human_of_its_team_lets_a_mass_go_and_nobody_else(town: Town) -> None:
    paths = sorted(path for path in town.files if path.startswith("environments/demo/"))
    town.applied(*(Path(path).stem for path in paths))
    recorder = town.world.recorder(name="")
    for path in paths:
        recorder.happened(Path(path).stem, town.world.head, expiry_body(NOW, "ended"))
    town.remove(*paths)
    code, out = town.waits()
    assert (code, out.count("GOES"), out.count("WAITS")) == (11, 2, 1)
    last = Path(paths[-1]).stem
    words = ("removal", "allow", last, "--because", "the fair is over")
    code, _, err = town.yard.run(*words)
    assert code == 10, err
    assert "ask somebody of that team" in err
    town.yard.be("Sara Lind", "sara@example.com", "sara")
    code, out, err = town.yard.run(*words)
    assert (code, err) == (0, "")
    assert out.startswith(f"GOES {last}")
    assert town.yard.recorded[-1].startswith(f"override({last})")
    assert town.yard.run("audit", "verify")[0] == 0
