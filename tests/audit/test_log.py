"""`audit log` and `audit show` on real repositories with real records."""

from __future__ import annotations

import json
from pathlib import Path

import pygit2
import pytest
from rich.console import Console

from reconciler.adapters.record_store import GitRecords
from reconciler.app.audit.log import read_log, story_of
from reconciler.app.audit.reading import Trail, entry
from reconciler.app.records import Kept, Records
from reconciler.core.records.query import Wanted
from reconciler.model.audit import Log, RecordView
from reconciler.model.record import DecisionBody
from reconciler.report import audit_text
from tests.audit.conftest import Run
from tests.audit.story import ADA, CONTROLLER, SCOUT, Told, decision, policy
from tests.repos import GitRepo


def kinds(done_json: dict[str, list[dict[str, str]]]) -> list[str]:
    return [one["kind"] for one in done_json["records"]]


# ----------------------------------------------------------------------------------------- log


def test_all_records_newest_first(run: Run, told: Told) -> None:
    found = run("log", "--format", "json").json
    assert (found["kind"], found["branch"], found["more"], found["broken"]) == (
        "AuditLog", "records", False, None,
    )  # fmt: skip
    assert [one["sequence"] for one in found["records"]] == list(range(told.count))[::-1]
    assert [one["commit"] for one in found["records"]] == [one.commit for one in told.written][::-1]
    lines = run("log").out.splitlines()
    assert len(lines) == told.count + 1
    assert lines[1].startswith("2026-11-05T09:00:00Z  rollback ")
    assert lines[1].endswith(told.written[-1].commit[:12])


@pytest.mark.parametrize(
    "argv, count",
    [
        (["trade-fair"], 4),
        (["--kind", "override", "--kind", "rollback"], 2),
        (["--agent", "scout"], 2),
        (["--agent", "sco"], 0),
        (["--actor", "ADA@example"], 1),
        (["--actor", "9001"], 2),
        (["--actor", "900"], 0),
        (["--since", "2026-11-04"], 2),
        (["--until", "2026-11-01"], 4),
        (["--since", "2026-11-02T12:10:00Z", "--until", "2026-11-02T12:10:00Z"], 1),
        (["acme-portal", "--kind", "decision", "--until", "2026-11-02"], 4),
        (["--since", "3650d"], 16),
        (["--since", "700000d"], 16),
    ],
)
def test_what_is_asked_for_and_nothing_else(
    run: Run, told: Told, argv: list[str], count: int
) -> None:
    assert told.count == 16
    assert len(run("log", *argv, "--format", "json").json["records"]) == count


def test_no_more_than_the_limit(run: Run, told: Told) -> None:
    found = run("log", "--limit", "2", "--format", "json").json
    assert (len(found["records"]), found["more"]) == (2, True)
    assert "There are older ones" in run("log", "--limit", "2").out
    assert not run("log", "--limit", str(told.count), "--format", "json").json["more"]
    assert len(run("log", "--limit", "0", "--format", "json").json["records"]) == told.count


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("value", ["yesterday", "7", "2026-13-01", "999999d"])
def test_a_time_that_is_none_is_wrong_usage(run: Run, value: str) -> None:
    done = run("log", "--since", value)
    assert (done.code, done.out) == (2, "")
    assert "`--since`" in done.err


@pytest.mark.usefixtures("told")
def test_an_unknown_environment_gets_a_suggestion(run: Run) -> None:
    done = run("log", "acme-porta")
    assert done.code == 2
    assert "did you mean `acme-portal`?" in done.err
    assert "there are: acme-portal" in run("log", "zzz").err


@pytest.mark.usefixtures("told")
def test_a_declared_environment_may_have_no_records(run: Run) -> None:
    done = run("log", "identity")
    assert (done.code, done.err) == (0, "")
    assert done.out == "No record about identity on `records` is one of those.\n"


@pytest.mark.usefixtures("repo")
def test_without_any_records(run: Run) -> None:
    done = run("log")
    assert done.code == 0
    assert done.out == "Nothing is recorded yet: there is no branch `records` here.\n"
    assert run("log", "identity").code == 0
    assert run("log", "nobody").code == 2
    assert run("show", "0").code == 2
    assert "there is no branch `records`" in run("show", "0").err


@pytest.mark.parametrize(
    "command",
    [
        ("log",),
        ("log", "acme-portal", "--format", "json"),
        ("who-did", "acme-portal"),
        ("dora",),
        ("replay", "--all"),
        ("replay", "3"),
        ("show", "3"),
    ],
)
@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_a_branch_that_is_gone_is_no_new_one(
    run: Run, told: Told, command: tuple[str, ...], how: str
) -> None:
    branch = told.path / "refs/heads/records"
    tip = branch.read_text().strip()
    seen = told.path / "refs/reconciler/seen/records"
    seen.parent.mkdir(parents=True, exist_ok=True)
    seen.write_text(f"{tip}\n")
    if how == "deleted":
        branch.unlink()
    else:
        branch.write_text("not a commit\n")
    done = run(*command)
    assert done.code == 1
    said = done.out + done.err
    assert "yet" not in said
    assert "the branch `records` is gone or cannot be read" in said
    assert f"git branch records {tip[:12]}" in said
    assert run("verify").code == 1


def test_the_sandbox_has_records_of_its_own(run: Run, told: Told) -> None:
    own = Told(told.path, "records-sandbox")
    own.write("2026-11-06T08:00:00Z", "", CONTROLLER, policy(told.head))
    assert "`--sandbox`" not in run("log").out
    done = run("log", "--sandbox")
    assert done.out.startswith("SIMULATED: ")
    assert len(done.out.splitlines()) == 3
    assert run("log", "--sandbox", "--format", "json").json["records"][0]["simulated"] is True


def test_what_the_sandbox_did_not_wait_for_is_no_missing_approval(run: Run, repo: GitRepo) -> None:
    own = Told(repo.path, "records-sandbox")
    missing = [{"count": 1, "teams": ["team-web"], "why": "a change of risk L2"}]
    body = decision(own.head, "NEEDS_APPROVAL", missing=missing)
    own.write("2026-11-06T08:00:00Z", "acme-portal", CONTROLLER, body)
    said = run("show", "0", "--sandbox").out
    assert "approvals that are missing, and are not waited for in the sandbox:" in said


def test_where_only_the_sandbox_has_records_it_is_said_how_to_read_them(
    run: Run, repo: GitRepo
) -> None:
    own = Told(repo.path, "records-sandbox")
    own.write("2026-11-06T08:00:00Z", "", CONTROLLER, policy(own.head))
    assert "`--sandbox` reads `records-sandbox`, which is here" in run("log").out
    verified = run("verify")
    assert (verified.code, "`--sandbox` reads `records-sandbox`" in verified.err) == (1, True)


def test_control_characters_are_shown_and_not_obeyed(run: Run, told: Told) -> None:
    bad = ADA.model_copy(update={"name": "Ada\x1b[2J\nEve"})
    body = {"kind": "refusal", "what": "to\x1b]0;x\x07 push", "why": "\u202eno", "commit": None,
            "decision": None}  # fmt: skip
    told.write("2026-11-06T08:00:00Z", "trade-fair", bad, body)
    assert "Ada\\x1b[2J\\nEve" in run("log").out
    shown = run("show", str(told.count - 1)).out
    assert "\\u202eno" in shown
    assert "\x07" not in run("show", str(told.count - 1), "--format", "json").out


def test_records_elsewhere_are_read_where_they_were_fetched(
    run: Run, told: Told, tmp_path: Path
) -> None:
    clone = pygit2.clone_repository(str(told.path), str(tmp_path / "clone"))
    found = run("log", "--repo", clone.workdir, "--format", "json").json
    assert (found["branch"], len(found["records"])) == ("origin/records", told.count)
    # A branch of one's own that fell behind would hide what was written since.
    clone.references.create("refs/heads/records", told.written[3].commit)
    assert (
        run("log", "--repo", clone.workdir, "--format", "json").json["branch"] == "origin/records"
    )
    clone.references.create("refs/remotes/origin/records", told.written[2].commit, force=True)
    found = run("log", "--repo", clone.workdir, "--format", "json").json
    assert (found["branch"], len(found["records"])) == ("records", 4)


def test_only_the_records_were_given(run: Run, told: Told, tmp_path: Path) -> None:
    bare = GitRepo.make(tmp_path / "bare")
    remote = bare.repository.remotes.create("origin", str(told.path))
    remote.fetch(["+refs/heads/records:refs/heads/records"])
    assert len(run("log", "trade-fair", "-C", str(bare.path)).out.splitlines()) == 5


# -------------------------------------------------------------------------------------- broken


def tree_of(told: Told, number: int) -> pygit2.Tree:
    return told.repository[told.written[number].commit].peel(pygit2.Commit).tree


def test_where_a_record_is_damaged_what_is_readable_is_shown(
    run: Run, repo: GitRepo, told: Told
) -> None:
    repo.forget(str(tree_of(told, 6)["record.json"].id))
    done = run("log")
    assert done.code == 1
    assert len([one for one in done.out.splitlines() if one.startswith("2026-")]) == 9
    commit = told.written[6].commit
    assert f"BROKEN: the records cannot be read at {commit[:12]}" in done.out
    assert "reconciler audit verify" in done.out
    assert run("log", "--format", "json").json["broken"]["commit"] == commit
    assert run("show", "2").code == 1
    assert run("show", "15").code == 0


def test_where_a_status_is_damaged_no_traceback(run: Run, repo: GitRepo, told: Told) -> None:
    repo.forget(str(tree_of(told, 4)["environments/acme-portal/status.json"].id))
    done = run("log", "acme-portal")
    assert done.code == 1
    assert "BROKEN" in done.out


def test_a_commit_that_is_no_record(run: Run, told: Told) -> None:
    told.commit({"hello": "x"}, ADA, "2026-11-09T08:00:00Z", "Hello", told.written[-1].commit,
                branch="records")  # fmt: skip
    told.commit({"record.json": "{}"}, ADA, "2026-11-09T08:00:00Z", "No record",
                told.written[-1].commit, branch="records")  # fmt: skip
    for argv in (["log"], ["log", "trade-fair"], ["show", "3"]):
        done = run(*argv)
        assert done.code == 1, argv
        assert "it is no record" in done.out + done.err


@pytest.mark.parametrize("status", ["[]", "{}", '{"record": "x"}', '{"record": 99}',
                                    "[" * 100_000, '{"record": null}'])  # fmt: skip
def test_a_forged_status_leads_nowhere_and_says_so(run: Run, told: Told, status: str) -> None:
    files = {"environments/trade-fair/status.json": status}
    told.commit(files, ADA, "2026-11-09T08:00:00Z", "Evil", told.tip, branch="records")
    assert run("log", "trade-fair").code in (0, 1)


def test_a_forged_decision_is_shown_as_far_as_it_can_be(told: Told) -> None:
    forged = {
        "reasons": 1,
        "agreed": ["x", {"name": 3}],
        "findings": "all",
        "inputs": [],
        "missing": [{"teams": 4}],
    }
    kept = told.records.kept(told.written[1].commit)
    assert isinstance(kept.record.body, DecisionBody)
    body = kept.record.body.model_copy(update={"decision": forged})
    record = kept.record.model_copy(update={"body": body})
    found = Kept(kept.commit, kept.tree, record, kept.data)
    assert story_of(found)[0].startswith("Whether acme-portal may be as commit ")
    with (console := Console()).capture() as capture:
        shown = RecordView("records", entry(found), {}, story_of(found), (), 1)
        audit_text.viewed(console, shown)
    assert "approvals that count" in capture.get()


# ---------------------------------------------------------------------------------------- show


def test_one_record_by_any_of_its_names(run: Run, told: Told) -> None:
    for number in (0, 7, 15):
        made = told.written[number]
        short = (made.commit[:12], made.commit[:7].upper(), made.digest[:19], made.digest[7:19])
        for name in (str(number), f"#{number}", made.commit, made.digest, *short):
            found = run("show", name, "--format", "json").json
            assert (found["commit"], found["digest"]) == (made.commit, made.digest), name


def test_the_document_is_shown_as_it_is_kept(run: Run, told: Told) -> None:
    made = told.written[5]
    found = run("show", "5", "--format", "json").json
    assert found["record"] == json.loads(told.records.kept(made.commit).data)


@pytest.mark.usefixtures("told")
def test_a_decision_leads_to_what_it_allowed_and_back(run: Run) -> None:
    def related(number: int) -> list[tuple[bool, int]]:
        found = run("show", str(number), "--format", "json").json["related"]
        return [(one["earlier"], one["sequence"]) for one in found]

    assert related(5) == [(False, 6), (False, 7)]
    assert related(6) == [(True, 5), (False, 7)]
    assert related(7) == [(True, 5), (True, 6)]
    assert related(4) == []


def test_people_see_what_matters(run: Run, told: Told) -> None:
    out = run("show", "5").out
    for words in (
        "ALLOW to apply",
        "Tom Weber <tom@example.com> (forge id 2002)",
        "1 to change",
        "policy: 0 findings",
        "5 of 0 to 15 on `records`",
        "led to",
        "status.json",
    ):
        assert words in out, words
    assert "1 of team-web: a change of risk L1" in run("show", "4").out
    assert "failed:\n  aws_lambda_function.api" in run("show", "7").out
    for number in range(told.count):
        assert run("show", str(number)).code == 0


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("name", ["16", "zzz", "", "abc", "0" * 40, "main", "sha256:", "9" * 5000,
                                  "HEAD", "-5", "²"])  # fmt: skip
def test_no_such_record(run: Run, name: str) -> None:
    done = run("show", "--", name)
    assert done.code == 2
    assert "no record" in done.err
    assert "from 0 to 15" in done.err


def test_a_commit_elsewhere_is_no_record_of_the_branch(run: Run, told: Told) -> None:
    other = Told(told.path, "others")
    other.write("2026-11-06T08:00:00Z", "", CONTROLLER, policy(told.head))
    assert run("show", other.written[0].commit).code == 2
    assert run("show", told.head).code == 2


def test_an_ambiguous_name(run: Run, told: Told) -> None:
    seen: set[str] = set()
    while (mark := told.written[-1].digest[7:11]) not in seen:  # a few hundred records
        seen.add(mark)
        body = {**policy(told.head), "trees": {"n": str(len(seen))}}
        told.write("2026-11-06T08:00:00Z", "", SCOUT, body)
    done = run("show", f"sha256:{mark}")
    assert done.code == 2
    assert "begins the names of 2 records" in done.err


# --------------------------------------------------------------------------------------- speed


class Counting(GitRecords):
    """A store that counts what is read of it."""

    reads = 0

    def read(self, oid: str) -> tuple[str, bytes]:
        self.reads += 1
        return super().read(oid)


@pytest.mark.parametrize("others", [60, 500])
def test_one_environment_among_many_costs_no_more(told: Told, others: int) -> None:
    for number in range(others):
        told.write("2026-11-06T08:00:00Z", f"other-{number % 400}", CONTROLLER,
                   decision(told.head))  # fmt: skip
    store = Counting(told.path, "records")
    log: Log = read_log(Trail(Records(store), "records"), "trade-fair", Wanted(), None, tuple)
    assert len(log.entries) == 4
    # Of each record: commit, tree, document, status and two or three trees on the way to it; and as
    # many again for each of the few jumps between two of them.
    assert store.reads < 160
