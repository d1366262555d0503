"""`reconciler mr`, as people use it: clones of one bare repository, with the whole check before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.cli.main import main
from tests.check.project import PORTAL, quiet, warm
from tests.done import Done
from tests.repos import AUTHOR, GitRepo, edited, write
from tests.verify.history import files_of, key

PEOPLE = {"ada": "Ada Berg", "tom": "Tom Weber", "ines": "Ines Duarte", "eve": "Eve"}


@dataclass
class Place:
    """A bare repository, and a clone for each person."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def bare(self) -> GitRepo:
        path = self.folder / "r.git"
        return GitRepo(path, pygit2.Repository(str(path)))

    def tip(self, branch: str) -> str:
        return str(self.bare.repository.references[f"refs/heads/{branch}"].target)

    def home(self, name: str) -> pygit2.Repository:
        path = self.folder / name
        if not path.exists():
            made = pygit2.clone_repository(str(self.folder / "r.git"), str(path))
            made.config["user.name"] = PEOPLE[name]
            made.config["user.email"] = f"{name}@example.com"
        return pygit2.Repository(str(path))

    def change(self, name: str, branch: str, path: str, text: str, words: str = "Change") -> str:
        """On a branch in somebody's clone, pushed."""
        home = self.home(name)
        if branch not in home.branches:
            home.branches.create(branch, home.head.peel(pygit2.Commit))
        home.checkout(f"refs/heads/{branch}")
        write(Path(home.workdir or ""), {path: text})
        home.index.add(path)
        home.index.write()
        who = pygit2.Signature(PEOPLE[name], f"{name}@example.com", AUTHOR.time, 0)
        made = home.create_commit(
            "HEAD", who, who, words, home.index.write_tree(), [home.head.target]
        )
        home.remotes["origin"].push([f"refs/heads/{branch}"])
        return str(made)

    def run(self, name: str, *argv: str, signed: bool = True) -> Done:
        home = self.home(name)
        self.monkeypatch.chdir(str(home.workdir))
        if signed:
            key(name, self.folder)
            self.monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(self.folder / f"key-{name}"))
        else:
            self.monkeypatch.delenv("RECONCILER_SIGNING_KEY", raising=False)
        self.capsys.readouterr()
        try:
            main(["mr", *argv])
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        said = self.capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "bug:" not in said.err
        return Done(code, said.out, said.err)


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    found = EmbeddedEngine(10, 1)
    yield found
    found.close()


@pytest.fixture
def place(
    tmp_path: Path,
    engine: EmbeddedEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    for name in ("ACTOR_NAME", "ACTOR_EMAIL", "ACTOR_ID"):
        monkeypatch.delenv(f"RECONCILER_{name}", raising=False)
    keys = {
        name: key(name, tmp_path).public_key.text
        for name in ("ada", "tom", "ines", "eve", "controller")
    }
    repo = GitRepo.make(tmp_path / "r.git")
    repo.commit(quiet(files_of(keys)))
    ports = warm(tmp_path / "kept", engine)
    for module in ("merge_requests", "mr_check_command"):
        monkeypatch.setattr(f"reconciler.cli.{module}.build", lambda: _fresh(ports))
    return Place(tmp_path, monkeypatch, capsys)


def _fresh(ports: Any) -> Any:
    """The process's own settings, as they are at this command."""
    from dataclasses import replace

    from reconciler.settings import ProcessSettings

    return replace(ports, settings=ProcessSettings())


def portal(place: Place, old: str, new: str, branch: str = "more") -> str:
    """Ines changes production."""
    text = (Path(place.home("ines").workdir or "") / PORTAL).read_text(encoding="utf-8")
    after = edited({PORTAL: text}, PORTAL, old, new)[PORTAL]
    return place.change("ines", branch, PORTAL, after, "Give the portal more\n\nIt is slow.")


def test_from_opening_to_merging(place: Place) -> None:
    head = portal(place, "desired_count: 4", "desired_count: 5")
    before = place.tip("main")
    made = place.run("ines", "open", "--description", "It is slow.", "--label", "portal")
    assert made.code == 0, made.err
    assert "!1 is open: Give the portal more" in made.out
    assert made.out.splitlines()[-1] == "Next: reconciler mr check 1"
    assert made.err == ""
    folder = Path(place.home("ines").workdir or "")
    write(folder, {"notes.txt": "not of a kind that anything here is made of"})
    assert place.run("ines", "open", "--label", "portal").err == ""
    write(folder, {"environments/demo/later.yaml": "{}"})
    once_more = place.run("ines", "open", "--label", "portal")
    assert once_more.err == "What is not committed here is not in it.\n"
    again = place.run("ines", "open", "--format", "json").json
    assert (again["number"], again["labels"]) == (1, ["portal"])
    assert "!1" in place.run("tom", "list").out

    # nobody agreed yet, then the author, then somebody without the key
    refused = place.run("ines", "merge", "1")
    assert refused.code == 11, refused.out
    assert "NOT MERGED !1" in refused.out
    assert place.run("ines", "approve", "1").code == 0
    assert place.run("eve", "approve", "1").code == 0
    assert place.run("tom", "approve", "1", signed=False).code == 0
    refused = place.run("ines", "merge", "1", "--format", "json")
    assert (refused.code, refused.json["merged"]) == (11, None)
    assert place.tip("main") == before

    # what is said on it meanwhile is no longer so once it is merged
    assert place.run("ines", "check", "1").code == 11
    assert "reconciler: failed: needs approval" in place.run("ines", "show", "1").out

    # a colleague, with his key
    agreed = place.run("tom", "approve", "1", "--head", head[:12])
    assert agreed.code == 0, agreed.err
    for part in (head, "Tom Weber <tom@example.com>", "signed with SHA256:", "policies  sha256:"):
        assert part in agreed.out
    done = place.run("tom", "merge", "1", "--format", "json")
    assert done.code == 0, done.out
    assert done.json["verdict"] == "ALLOW"
    assert done.json["merged"] == place.tip("main")
    commit = place.bare.repository[place.tip("main")].peel(pygit2.Commit)
    assert [str(one) for one in commit.parent_ids] == [before, head]
    shown = place.run("ines", "show", "1", "--format", "json").json
    assert (shown["state"], shown["merged"]) == ("merged", str(commit.id))
    told = place.run("ines", "show", "1").out
    assert "reconciler: success: allowed" in told
    assert ": failed: " not in told
    twice = place.run("ines", "merge", "1")
    assert twice.code == 0
    assert "!1 was merged into main already" in twice.out
    assert "MERGED" not in twice.out
    assert place.run("ines", "list").out == "No merge request to `main` is open.\n"


def test_what_is_open_already_keeps_what_is_not_named_and_tells_of_its_new_title(
    place: Place,
) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    assert place.run("ines", "open", "--description", "It is slow.").code == 0
    again = place.run("ines", "open")
    assert "!1 was open already: Give the portal more" in again.out
    assert again.err == ""
    other = place.run("ines", "open", "--title", "Another name")
    assert "!1 was open already: Another name" in other.out
    assert "Before: Give the portal more" in other.err
    shown = place.run("ines", "open", "--format", "json").json
    assert (shown["title"], shown["description"]) == ("Another name", "It is slow.")


def test_who_counts_nowhere_is_told_at_once(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    nobody = place.run("eve", "approve", "1")
    assert nobody.code == 0
    assert "It does not count: no team has this person" in nobody.out
    unproven = place.run("tom", "approve", "1", signed=False)
    assert unproven.code == 0
    assert "It does not count: an e-mail address proves nobody" in unproven.out
    assert "does not count" not in place.run("tom", "approve", "1").out


def test_a_push_after_the_approval_asks_again(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    assert place.run("tom", "approve", "1").code == 0
    portal(place, "desired_count: 5", "desired_count: 6")
    refused = place.run("ines", "merge", "1")
    assert refused.code == 11
    assert "another one is judged" in refused.out.replace("\n", " ")
    stale = place.run("ines", "show", "1")
    assert "not the last one any more" in stale.out
    moved = place.run("tom", "approve", "1", "--head", "a" * 40)
    assert (moved.code, "mr diff 1" in moved.err) == (1, True)


def test_an_approval_holds_for_the_policies_it_was_given_under(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    assert place.run("tom", "approve", "1").code == 0
    home = place.home("ada")
    existing = next(Path(home.workdir or "").glob("policies/*/*/*.rego"))
    rule = str(existing.relative_to(home.workdir or ""))
    text = existing.read_text(encoding="utf-8") + "\n# Since today.\n"
    place.change("ada", "main", rule, text)
    refused = place.run("ines", "merge", "1")
    assert refused.code == 11, refused.out
    assert "policies are others since" in refused.out.replace("\n", " ")


def test_what_is_denied_no_approval_merges(place: Place) -> None:
    portal(place, "size: medium", "size: gigantic")
    place.run("ines", "open")
    place.run("tom", "approve", "1")
    refused = place.run("tom", "merge", "1")
    assert refused.code == 10
    assert "NOT MERGED" in refused.out


def test_the_difference_comes_from_git(place: Place) -> None:
    head = portal(place, "desired_count: 4", "desired_count: 5\n    # \x1b[31m red")
    place.run("ines", "open")
    shown = place.run("tom", "diff", "1")
    assert "+    desired_count: 5" in shown.out
    assert "\x1b" not in shown.out
    told = place.run("tom", "diff", "1", "--format", "json").json
    assert (told["head"], told["base"]) == (head, place.tip("main"))
    assert "\x1b[31m red" in told["patch"]


def test_hostile_words_move_no_cursor(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    bad = "x\x1b[2J\u202egpj.exe"
    assert place.run("ines", "open", "--title", bad, "--description", f"a\n{bad}").code == 0
    assert place.run("tom", "comment", "1", f"{bad}\nMERGED !1").code == 0
    whole = ["show", "1", "--format", "json"]
    for argv in (["list"], ["show", "1"], whole):
        assert not set(place.run("tom", *argv).out) & set("\x1b\u202e")
    assert place.run("tom", *whole).json["title"] == bad
    assert "  MERGED !1" in place.run("tom", "show", "1").out


def test_a_conversation_about_a_line(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    assert place.run("tom", "comment", "1", "Why?", "--at", f"{PORTAL}:7").code == 0
    (note,) = place.run("ines", "show", "1", "--format", "json").json["notes"]
    assert note["place"] == {"path": PORTAL, "line": 7}
    answer = ["comment", "1", "So.", "--thread", note["id"][:8], "--settle"]
    assert place.run("ines", *answer).code == 0
    notes = place.run("tom", "show", "1", "--format", "json").json["notes"]
    assert [one["resolved"] for one in notes] == [True, True]
    assert notes[1]["thread"] == note["id"]


@pytest.mark.parametrize(
    "where, why",
    [
        (f"{PORTAL}:999", "lines in the last commit of !1, and no line 999"),
        ("environments/none.yaml:1", "has no file environments/none.yaml"),
        ("environments:1", "has no file environments"),
        ("../x:1", "has no file ../x"),
    ],
)
def test_nothing_is_said_about_a_line_that_is_not_there(place: Place, where: str, why: str) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    refused = place.run("tom", "comment", "1", "Why?", "--at", where)
    assert refused.code == 2
    assert why in " ".join(refused.err.split())
    assert "mr diff 1" in refused.err
    assert place.run("ines", "show", "1", "--format", "json").json["notes"] == []


def test_agreeing_twice_is_agreeing_once_however_the_name_is_spelled(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    assert "agreed already" not in place.run("tom", "approve", "1").out
    place.monkeypatch.setenv("RECONCILER_ACTOR_NAME", "Weber, Tom")
    place.monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "Tom@Example.com")
    again = place.run("tom", "approve", "1")
    assert again.code == 0, again.err
    assert "Tom Weber <tom@example.com> agreed already" in again.out
    assert len(place.run("tom", "show", "1", "--format", "json").json["consents"]) == 1


def test_one_whose_history_was_cut_off_is_told_wherever_it_is_asked_for(
    place: Place, tmp_path: Path
) -> None:
    place.monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    name = "refs/reconciler/merge-requests/1"
    before = place.bare.repository.references[name].target
    place.run("tom", "comment", "1", "No.")
    assert place.run("ada", "show", "1").code == 0
    place.bare.repository.references[name].set_target(before)
    tip = place.tip("main")
    for argv in (["merge", "1"], ["check", "1"], ["check", "--all"], ["list"]):
        told = place.run("ada", *argv)
        assert "the history of !1 is not what it was" in " ".join((told.out + told.err).split())
        assert told.code == (0 if argv == ["list"] else 1), argv
    (lost,) = place.run("ada", "list", "--format", "json").json["unreadable"]
    assert lost["number"] == 1
    assert place.tip("main") == tip


def test_taking_back_closing_and_reopening(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    place.run("tom", "approve", "1")
    assert place.run("tom", "unapprove", "!1").code == 0
    assert place.run("tom", "show", "1", "--format", "json").json["consents"] == []
    assert place.run("ines", "close", "1").code == 0
    refused = place.run("ines", "merge", "1")
    assert refused.code != 0
    assert place.run("ines", "reopen", "1", "--format", "json").json["state"] == "open"


@pytest.mark.parametrize(
    "argv, said",
    [
        (["show", "9"], "there is no merge request !9"),
        (["show", "x"], "a merge request has a number"),
        (["merge", "0"], "a merge request has a number"),
        (["open", "--source", "nothing"], "there is no branch `nothing` at the remote"),
        (["open"], "cannot be merged into itself"),
        (["approve", "1", "--plan", "shop"], "is not ENV=DIGEST"),
        (["comment", "1", "x", "--at", "a"], "is not PATH:LINE"),
        (["comment", "1", "x", "--settle"], "settles a thread"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_wrong_usage_says_what_to_do(place: Place, argv: list[str], said: str) -> None:
    done = place.run("ines", *argv)
    assert (done.code, said in done.err) == (2, True), done.err


def test_what_conflicts_is_told_file_by_file(place: Place) -> None:
    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    text = (Path(place.home("tom").workdir or "") / PORTAL).read_text(encoding="utf-8")
    other = edited({PORTAL: text}, PORTAL, "desired_count: 4", "desired_count: 6")[PORTAL]
    place.change("tom", "main", PORTAL, other)
    place.run("tom", "approve", "1")
    before = place.tip("main")
    refused = place.run("tom", "merge", "1")
    assert refused.code == 10, refused.err
    for part in (PORTAL, "git cannot merge the two", "NOT MERGED !1"):
        assert part in refused.out
    assert place.tip("main") == before


def test_two_that_exceed_a_quota_together_are_not_both_merged(place: Place) -> None:
    """Each keeps to it by itself, and the gates say so before the first is merged."""
    home = Path(place.home("ines").workdir or "")
    text = (home / "environments/demo/hackathon-booking.yaml").read_text(encoding="utf-8")
    for branch in ("a", "b"):
        place.home("ines").checkout("refs/heads/main")
        for n in range(5):
            name = f"{branch}-{n}"
            one = text.replace("hackathon-booking", name)
            place.change("ines", branch, f"environments/demo/{name}.yaml", one)
        assert place.run("ines", "open", "--source", branch).code == 0
    assert place.run("ines", "merge", "1").code == 0
    refused = place.run("ines", "merge", "2", "--format", "json")
    assert (refused.code, refused.json["merged"]) == (10, None)
    shown = place.run("ines", "merge", "2").out
    assert "quota-exceeded" in shown
    assert "team-web has 11 environments on the track demo" in shown.replace("\n", " ")


def test_who_merges_what_somebody_merges_meanwhile_finds_it_merged(place: Place) -> None:
    from reconciler.app.merge import may_merge

    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    place.run("tom", "approve", "1")

    def faster(*given: Any) -> Any:
        found = may_merge(*given)
        place.monkeypatch.setattr("reconciler.cli.mr_merge.may_merge", may_merge)
        assert place.run("tom", "merge", "1").code == 0
        place.home("ada")
        return found

    place.monkeypatch.setattr("reconciler.cli.mr_merge.may_merge", faster)
    done = place.run("ada", "merge", "1", "--format", "json")
    assert (done.code, done.json["merged"]) == (0, place.tip("main")), done.err


@pytest.mark.parametrize("what", ["target", "consent", "push"])
def test_what_moves_during_the_check_is_not_merged(place: Place, what: str) -> None:
    from reconciler.app.merge import may_merge

    portal(place, "desired_count: 4", "desired_count: 5")
    place.run("ines", "open")
    place.run("tom", "approve", "1")

    def meanwhile(*given: Any) -> Any:
        found = may_merge(*given)
        assert found[1]
        if what == "target":
            place.change("ada", "main", "NOTES.md", "hello\n")
        elif what == "push":
            portal(place, "desired_count: 5", "desired_count: 6")
        else:
            place.monkeypatch.setattr("reconciler.cli.mr_merge.may_merge", may_merge)
            assert place.run("tom", "unapprove", "1").code == 0
        place.home("tom")
        return found

    place.monkeypatch.setattr("reconciler.cli.mr_merge.may_merge", meanwhile)
    refused = place.run("ada", "merge", "1")
    assert refused.code == 1, refused.out
    assert "!1" in refused.err
    if what == "target":
        said = " ".join(refused.err.split())
        for part in ("`main` moved: Ada Berg brought", "(Change)", "it was not merged"):
            assert part in said
        assert "reconciler mr merge 1" in said
    assert place.run("ada", "show", "1", "--format", "json").json["state"] == "open"
