"""`reconciler mr` on GitLab as people use it: each with a token of their own, on one fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.cli import merge_requests, mr_check_command
from reconciler.cli.main import main
from reconciler.settings import ProcessSettings
from tests.check.project import INES, PORTAL, Warm, base_files, warm
from tests.fakes.gitlab.state import DEVELOPER, MAINTAINER, Merge, User
from tests.forge import gitlab_forges as people
from tests.forge.gitlab_forges import GitLabForges
from tests.repos import edited
from tests.review.samples_at_gitlab import samples_at_gitlab

Run = Callable[..., tuple[int, str]]


def bigger(count: int) -> dict[str, str]:
    files = edited(base_files(), PORTAL, "desired_count: 4", f"desired_count: {count}")
    return {PORTAL: files[PORTAL]}


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    found = EmbeddedEngine(10, 1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def warmed(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Warm:
    return warm(tmp_path_factory.mktemp("kept"), engine)


@pytest.fixture
def forges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabForges]:
    monkeypatch.setattr(people, "WHO", INES)
    with samples_at_gitlab(tmp_path / "gitlab", base_files(), tmp_path / "work") as made:
        made.lab.user("ines", DEVELOPER, id=2001, name="Ines Duarte")
        made.lab.user("tom", MAINTAINER, id=2002, name="Tom Weber")
        made.lab.user("eve", DEVELOPER)
        yield made


@pytest.fixture
def merge(forges: GitLabForges) -> Merge:
    """Ines wants more in production; that takes somebody of her team."""
    forges.push("more", bigger(5))
    ines = forges.lab.users[2001]
    return forges.lab.opened(ines, "more", "main", "Give the portal more")


@pytest.fixture
def run(
    forges: GitLabForges,
    warmed: Warm,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`run(who, ...)`: `reconciler mr ...` with that person's token."""
    del forges

    def build() -> Warm:
        return Warm(ProcessSettings(), warmed.kept, warmed.workers, warmed.engine)

    for module in (merge_requests, mr_check_command):
        monkeypatch.setattr(module, "build", build)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_REPO", str(tmp_path / "work"))
    monkeypatch.delenv("RECONCILER_SIGNING_KEY", raising=False)

    def called(who: str, *words: str) -> tuple[int, str]:
        monkeypatch.setenv("GITLAB_TOKEN", f"glpat-{who}")
        capsys.readouterr()
        code = 0
        try:
            main(["mr", *words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "our fault" not in said.out + said.err
        return code, said.out + said.err

    return called


def shown(run: Run, who: str = "bot") -> Any:
    code, out = run(who, "show", "1", "--format", "json")
    assert code == 0, out
    return json.loads(out)


def agreed(run: Run) -> list[str]:
    return [one["by"]["name"] for one in shown(run)["consents"]]


def test_what_was_looked_at_and_agreed_to_is_merged(
    forges: GitLabForges, merge: Merge, run: Run
) -> None:
    assert run("bot", "check", "1")[0] == 11
    code, out = run("tom", "approve", "1", "--head", merge.head[:10])
    assert code == 0, out
    assert agreed(run) == ["Tom Weber"]
    code, out = run("bot", "merge", "1", "--message", "Give it")
    assert code == 0, out
    assert merge.state == "merged"
    assert forges.tip("main")[:12] in out
    assert forges.behind("main", merge.head)
    assert forges.message(forges.tip("main")).startswith("Give it")
    code, out = run("bot", "merge", "1")
    assert (code, forges.tip("main")[:12] in out) == (0, True)


def test_what_nobody_agreed_to_is_not_merged(forges: GitLabForges, merge: Merge, run: Run) -> None:
    before = forges.tip("main")
    assert run("tom", "approve", "1")[0] == 0  # nothing was shown yet
    assert run("bot", "merge", "1")[0] == 11
    assert run("bot", "check", "1")[0] == 11
    assert run("eve", "approve", "1")[0] == 0  # of no team
    assert run("ines", "approve", "1")[0] == 0  # her own
    code, out = run("bot", "merge", "1")
    assert code == 11, out
    assert (merge.state, forges.tip("main")) == ("opened", before)


def test_an_agreement_that_is_taken_back_counts_no_more(merge: Merge, run: Run) -> None:
    run("bot", "check", "1")
    run("tom", "approve", "1")
    code, out = run("tom", "unapprove", "1")
    assert (code, "not agreed to by you" in out) == (0, True), out
    assert agreed(run) == []
    assert run("tom", "unapprove", "1")[0] == 0
    assert run("bot", "merge", "1")[0] == 11
    assert run("tom", "approve", "1")[0] == 0
    assert run("bot", "merge", "1")[0] == 0
    assert merge.state == "merged"


def test_another_commit_is_not_agreed_to(forges: GitLabForges, merge: Merge, run: Run) -> None:
    seen = merge.head
    run("bot", "check", "1")
    forges.push("more", bigger(6))
    code, out = run("tom", "approve", "1", "--head", seen)
    assert (code, "and not" in out) == (1, True), out
    assert agreed(run) == []


def test_a_push_after_the_agreement_asks_again(
    forges: GitLabForges, merge: Merge, run: Run
) -> None:
    forges.lab.patience = 1000  # GitLab has not taken it away yet
    run("bot", "check", "1")
    run("tom", "approve", "1")
    forges.push("more", bigger(6))
    assert run("bot", "merge", "1")[0] == 11
    assert run("bot", "check", "1")[0] == 11
    assert run("tom", "approve", "1")[0] == 0
    assert run("bot", "merge", "1")[0] == 0
    assert merge.state == "merged"


def test_closing_and_taking_up_again(merge: Merge, run: Run) -> None:
    assert run("ines", "close", "1")[0] == 0
    assert merge.state == "closed"
    run("bot", "check", "1")
    code, out = run("bot", "merge", "1")
    assert code != 0, out
    code, out = run("ines", "reopen", "1")
    assert code == 0, out
    assert merge.state == "opened"
    assert run("ines", "reopen", "1")[0] == 0
    assert shown(run)["state"] == "open"
    run("bot", "check", "1")
    run("tom", "approve", "1")
    assert run("bot", "merge", "1")[0] == 0
    code, out = run("ines", "reopen", "1")
    assert (code, "open a new one" in out) == (2, True), out
    assert merge.state == "merged"


def test_who_may_not_merge_is_told_what_is_missing(
    forges: GitLabForges, merge: Merge, run: Run
) -> None:
    run("bot", "check", "1")
    run("tom", "approve", "1")
    bot = next(one for one in forges.lab.users.values() if one.username == "bot")
    bot.level = DEVELOPER
    forges.lab.project.protected["main"] = {
        "merge_access_levels": [{"access_level": MAINTAINER}],
        "push_access_levels": [{"access_level": 0}],
    }
    code, out = run("bot", "merge", "1")
    assert (code, "Protected branches" in out) == (1, True), out
    assert run("nobody", "merge", "1")[0] == 1
    assert merge.state == "opened"


def test_what_conflicts_is_told_file_by_file(forges: GitLabForges, merge: Merge, run: Run) -> None:
    forges.push("main", bigger(7))
    run("bot", "check", "1")
    run("tom", "approve", "1")
    code, out = run("bot", "merge", "1")
    assert code == 10, out
    assert PORTAL in out
    assert merge.state == "opened"


# --- more than one account


def named(forges: GitLabForges, *users: User) -> None:
    """The target branch says who speaks for us, and the clone has it."""
    text = forges.file("main", "reconciler.yaml") or ""
    accounts = f"    accounts: {[one.id for one in users]}\n    webhookSecretFrom"
    after = text.replace("    webhookSecretFrom", accounts)
    assert after != text
    forges.push("main", {"reconciler.yaml": after})
    pygit2.Repository(str(forges.folder.parent / "work")).remotes["origin"].fetch()


def person(forges: GitLabForges, name: str) -> User:
    return next(one for one in forges.lab.users.values() if one.username == name)


def stickies(merge: Merge) -> list[tuple[str, str]]:
    return [
        (note.author.username, note.body)
        for one in merge.discussions
        for note in one.notes
        if "<!-- reconciler:note " in note.body
    ]


def test_two_accounts_that_know_of_each_other_share_one_note(
    forges: GitLabForges, merge: Merge, run: Run
) -> None:
    named(forges, person(forges, "bot"), person(forges, "ben"))
    assert run("bot", "check", "1")[0] == 11
    head = forges.push("more", bigger(6))
    assert run("ben", "check", "1")[0] == 11
    ((by, body),) = stickies(merge)
    assert by == "bot"
    assert head[:12] in body
    assert run("bot", "check", "1")[0] == 11
    assert stickies(merge) == [(by, body)]
    run("tom", "approve", "1")
    assert run("ben", "merge", "1")[0] == 0, "what the other one showed counts"


def test_one_that_may_not_edit_the_others_note_says_no_second_one(
    forges: GitLabForges, merge: Merge, run: Run
) -> None:
    named(forges, person(forges, "bot"), person(forges, "ben"))
    run("bot", "check", "1")
    before = stickies(merge)
    forges.push("more", bigger(6))
    person(forges, "ben").level = DEVELOPER
    _, out = run("ben", "check", "1")
    assert "another account of ours" in " ".join(out.split())
    assert stickies(merge) == before
    run("bot", "check", "1")
    assert len(stickies(merge)) == 1
    assert stickies(merge) != before


def test_who_is_not_named_is_not_believed(forges: GitLabForges, merge: Merge, run: Run) -> None:
    """Not with the very words of ours."""
    run("bot", "check", "1")
    ((_, body),) = stickies(merge)
    merge.discussions.clear()
    forges.lab.said(merge, person(forges, "eve"), body)
    named(forges, person(forges, "bot"), person(forges, "ben"))
    run("tom", "approve", "1")
    assert run("bot", "merge", "1")[0] == 11
    run("bot", "check", "1")
    assert [by for by, _ in stickies(merge)] == ["eve", "bot"]
    assert stickies(merge)[0][1] == body


def test_doctor_tells_an_account_that_is_not_named(
    forges: GitLabForges,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del run
    named(forges, person(forges, "bot"))
    told = {}
    for name in ("bot", "ben"):
        monkeypatch.setenv("GITLAB_TOKEN", f"glpat-{name}")
        with pytest.raises(SystemExit):
            main(["doctor", "--repo", str(tmp_path / "work"), "--format", "json"])
        parts = json.loads(capsys.readouterr().out)["parts"]
        (forge,) = (one for one in parts if one["name"].startswith("forge"))
        told[name] = [one["verdict"] for one in forge["findings"] if one["what"] == "accounts"]
    assert told == {"bot": ["good"], "ben": ["bad"]}
