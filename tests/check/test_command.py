"""`reconciler check` and `explain` as a person, a hook and a pipeline meet them."""

from __future__ import annotations

import html
import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pygit2
import pytest

from reconciler.cli import check_command, explain_command
from reconciler.cli.check_command import FORMATS
from reconciler.cli.main import main
from tests.check.project import ADA, PITCH, PORTAL, SARA, SERVERLESS, Project, Warm, without
from tests.check.test_change import BIGGER, BUCKET, PUBLIC, TOO_BIG, waiver
from tests.core.secrets.samples import sample
from tests.done import Done
from tests.repos import Files, edited, write

TOKEN = sample("secret-github-token")
NOW = ("--now", "2026-11-21T12:00:00Z")


Run = Callable[..., Done]


@pytest.fixture
def clone(tmp_path: Path, ports: Warm, files: Files, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A clone with main checked out, by Sara."""
    project = Project.make(tmp_path / "repo", ports, bare=False)
    main_at = project.commit(files)
    repository = project.repo.repository
    repository.references.create("refs/heads/main", pygit2.Oid(hex=main_at))
    repository.config["user.name"] = SARA.name
    repository.config["user.email"] = SARA.email
    write(project.repo.path, files)
    monkeypatch.chdir(project.repo.path)
    monkeypatch.delenv("RECONCILER_SECRET_KEY", raising=False)
    return project


@pytest.fixture
def run(ports: Warm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(check_command, "build", lambda: ports)
    monkeypatch.setattr(explain_command, "build", lambda: ports)

    def call(*argv: str) -> Done:
        capsys.readouterr()
        try:
            main(list(argv))
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "bug:" not in said.err
        assert TOKEN not in said.out + said.err
        return Done(code, said.out, said.err)

    return call


def branch(project: Project, name: str, files: Files, author: pygit2.Signature = SARA) -> str:
    repository = project.repo.repository
    parent = str(repository.references["refs/heads/main"].target)
    made = project.commit(files, parent, author)
    repository.references.create(f"refs/heads/{name}", pygit2.Oid(hex=made), force=True)
    return made


# -------------------------------------------------------------------------------- exit codes


def test_exit_codes_and_the_verdict_first(clone: Project, run: Run, files: Files) -> None:
    for name, changed, author, code, words in (
        ("fine", edited(files, *BIGGER), SARA, 0, "ALLOW: 1 environment touched"),
        ("big", edited(files, *TOO_BIG), SARA, 10, "DENY: 1 environment touched"),
        ("rules", edited(files, PORTAL, "count: 4", "count: 5"), ADA, 10, "DENY: "),
        ("gone", without(files, PITCH), SARA, 11, "NEEDS APPROVAL: 1 environment"),
    ):
        branch(clone, name, changed, author)
        done = run("check", "--base", "main", "--head", name, *NOW)
        assert done.code == code, done.out
        assert done.out.startswith(words), done.out
        assert run("check", "--base", "main", "--head", name, *NOW).out == done.out
    done = run("check", "--base", "main", "--head", "main", *NOW)
    assert (done.code, done.out.partition(":")[0]) == (0, "ALLOW")
    assert run("check", "--all", *NOW).code == 0


def test_what_nobody_can_say_is_13(clone: Project, run: Run) -> None:
    write(clone.repo.path, {SERVERLESS + "terraform/override.tf": "locals {}\n"})
    done = run("check", "--all", *NOW)
    assert done.code == 13
    assert done.out.startswith("INDETERMINATE: 11 environments checked, 3 indeterminate, 8 allowed")
    assert "override.tf: Terraform reads such a file" in done.out
    done = run("check", *NOW)
    assert done.code == 10  # who adds it may not: it is the platform's
    assert done.out.startswith("DENY: 3 environments touched")
    assert "AUT002" in done.out


@pytest.mark.parametrize(
    "argv,says",
    [
        (("--base", "nowhere"), "does not name one commit"),
        (("--head", "nowhere"), "does not name one commit"),
        (("--all", "--base", "main"), "compares with nothing"),
        (("--env", "nobody"), "there is no environment `nobody`"),
        (("--now", "soon"), "--now"),
        (("--report", "sarif"), "is not FORMAT=FILE"),
        (("--report", "odd=x"), "is not FORMAT=FILE"),
        (("--format", "odd"), "--format"),
    ],
)
def test_wrong_usage_is_2(clone: Project, run: Run, argv: tuple[str, ...], says: str) -> None:
    done = run("check", *argv)
    assert done.code == 2
    assert says in done.err
    assert clone.repo.path.exists()


# ---------------------------------------------------------------------- what is compared


def test_the_files_as_they_lie_there(clone: Project, run: Run, files: Files) -> None:
    assert run("check", *NOW).out.startswith("ALLOW: nothing is touched")
    write(clone.repo.path, edited(files, *TOO_BIG))
    done = run("check", "--format", "json", *NOW)
    assert done.code == 10
    assert done.json["head"] == "working tree"
    (one,) = [one for one in done.json["decisions"] if one["environment"]]
    assert "COST004" in {found["rule"] for found in one["findings"]}
    write(clone.repo.path, {**files, "environments/demo/notes.txt": TOKEN})
    done = run("check", *NOW)
    assert done.code == 10
    assert "secret-github-token" in done.out


def test_an_author_without_a_team_is_told_before_the_commit(
    clone: Project, run: Run, files: Files
) -> None:
    clone.repo.repository.config["user.email"] = "eve@elsewhere.example.com"
    write(clone.repo.path, edited(files, *BIGGER))
    done = run("check", *NOW)
    assert done.code == 10
    assert "AUT008" in done.out


def test_what_is_committed_and_what_is_not_count_together(
    clone: Project, run: Run, files: Files
) -> None:
    made = branch(clone, "work", edited(files, *BIGGER))
    clone.repo.repository.set_head("refs/heads/work")
    after = edited(edited(files, *BIGGER), "environments/demo/trade-fair.yaml", "10d", "9d")
    write(clone.repo.path, after)
    (clone.repo.path / "reconciler.yaml").unlink()
    done = run("check", "--base", "main", "--format", "json", *NOW)
    names = {one["environment"] for one in done.json["touched"]}
    assert names == {"pitch-acme", "trade-fair"}
    (whole,) = [one for one in done.json["decisions"] if one["environment"] is None]
    assert "missing-settings" in {one["rule"] for one in whole["findings"]}
    assert made


def test_the_target_is_the_one_of_the_settings_as_last_fetched(
    clone: Project, run: Run, files: Files
) -> None:
    repository = clone.repo.repository
    fine = branch(clone, "fine", edited(files, *BIGGER))
    said = run("check", "--head", "fine", "--format", "json", *NOW).json
    assert said["base"] == str(repository.references["refs/heads/main"].target)
    repository.references.create("refs/remotes/origin/main", pygit2.Oid(hex=fine))
    said = run("check", "--head", "fine", "--format", "json", *NOW).json
    assert (said["base"], said["decisions"]) == (fine, [])
    write(clone.repo.path, edited(files, "reconciler.yaml", "target: main", "target: release"))
    done = run("check", "--format", "json", *NOW)
    assert done.json["base"] == fine, "what lies here is judged, and names no judge"


def test_a_change_does_not_name_its_own_judge(clone: Project, run: Run, files: Files) -> None:
    repository = clone.repo.repository
    at = repository.references["refs/heads/main"].target
    repository.references.create("refs/remotes/origin/main", at)
    repository.references.create("refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    loose = edited(files, "reconciler.yaml", "target: main", "target: evil")
    made = branch(clone, "evil", loose)
    repository.references.create("refs/remotes/origin/evil", pygit2.Oid(hex=made))
    branch(clone, "change", edited(loose, *TOO_BIG))
    done = run("check", "--head", "change", "--format", "json", *NOW)
    assert done.json["base"] == str(at)
    assert done.code == 10


def test_nor_where_nobody_said_which_branch_of_origin_is_the_first(
    clone: Project, run: Run, files: Files
) -> None:
    """As a clone of one branch has it: what is checked out would name itself."""
    repository = clone.repo.repository
    at = repository.references["refs/heads/main"].target
    loose = edited(files, "reconciler.yaml", "target: main", "target: evil")
    made = branch(clone, "evil", edited(loose, *TOO_BIG))
    repository.remotes.create("origin", "https://git.example.com/environments.git")
    repository.references.create("refs/remotes/origin/evil", pygit2.Oid(hex=made))
    repository.checkout("refs/heads/evil", strategy=pygit2.enums.CheckoutStrategy.FORCE)
    refused = run("check", *NOW)
    assert (refused.code, "which branch of origin judges" in refused.err) == (2, True)
    assert "git remote set-head origin --auto" in refused.err
    repository.references.create("refs/remotes/origin/main", at)
    done = run("check", "--format", "json", *NOW)
    assert (done.json["base"], done.code) == (str(at), 10)


def test_a_bare_repository(tmp_path: Path, clone: Project, run: Run, files: Files) -> None:
    branch(clone, "big", edited(files, *TOO_BIG))
    bare = tmp_path / "bare.git"
    subprocess.run(
        ["git", "clone", "-q", "--bare", str(clone.repo.path), str(bare)],
        check=True, capture_output=True,
    )  # fmt: skip
    here = ("-C", str(bare), *NOW)
    assert run("check", *here, "--base", "main", "--head", "big").code == 10
    assert run("check", *here).code == 0
    assert run("check", *here, "--all").code == 0
    assert run("check", *here, "--all", "--head", "big", "--env", "pitch-acme").code == 10
    assert run("check", *here, "--all", "--head", "big", "--env", "identity").code == 0


def test_the_time_is_an_input(clone: Project, run: Run, files: Files) -> None:
    before = {**files, **waiver("SEC001", "tracks: [demo]", "2026-12-01"), BUCKET: PUBLIC}
    repository = clone.repo.repository
    old = repository.references["refs/heads/main"]
    old.set_target(pygit2.Oid(hex=clone.commit(before, str(old.target))))
    branch(clone, "fine", edited(before, *BIGGER))
    arguments = ("check", "--base", "main", "--head", "fine", "--format", "json")
    for now, code in (("2026-11-21", 0), ("2026-12-01", 0), ("2026-12-02", 10)):
        done = run(*arguments, "--now", now)
        assert done.code == code
        assert done.json["now"].startswith(now)


# ------------------------------------------------------------------------------- reports


def test_every_report_says_the_same_and_the_same_again(
    clone: Project, run: Run, files: Files, tmp_path: Path
) -> None:
    bad = edited(files, *TOO_BIG)
    branch(clone, "big", {**bad, "a.txt": f"{TOKEN}\n"})
    arguments = ["check", "--base", "main", "--head", "big", *NOW]
    for form in FORMATS:
        arguments += ["--report", f"{form}={tmp_path / 'reports' / form}"]
    done = run(*arguments)
    assert done.code == 10
    first = {form: (tmp_path / "reports" / form).read_text() for form in FORMATS}
    for form, text in first.items():
        printed = run("check", "--base", "main", "--head", "big", "--format", form, *NOW)
        assert printed.code == 10
        assert printed.out.strip() == text.strip()
        assert TOKEN not in text
    decided = json.loads(first["json"])
    found = {
        (one["rule"], one["path"]) for each in decided["decisions"] for one in each["findings"]
    }
    assert {("COST004", PITCH), ("secret-github-token", "a.txt")} <= found
    sarif = json.loads(first["sarif"])["runs"][0]["results"]
    places = {
        (one["ruleId"], one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for one in sarif
    }
    assert places == found
    quality = json.loads(first["gitlab-codequality"])
    assert {(one["check_name"], one["location"]["path"]) for one in quality} == found
    secrets = json.loads(first["gitlab-secret"])["vulnerabilities"]
    assert [one["location"]["file"] for one in secrets] == ["a.txt"]
    suite = ET.fromstring(first["junit"])  # noqa: S314  # our own
    assert suite.get("failures") == "2"
    assert {case.get("name") for case in suite} == {"pitch-acme", "the change itself"}
    assert first["markdown"].startswith("## ❌ DENY")
    for rule, _ in found:
        assert rule in done.out
        assert rule in html.unescape(first["markdown"])
        assert rule in first["junit"]


def test_the_text_tells_place_reason_and_what_to_do_the_worst_first(
    clone: Project, run: Run, files: Files
) -> None:
    changed = edited(edited(files, *TOO_BIG), "environments/demo/trade-fair.yaml", "10d", "9d")
    branch(clone, "big", {**changed, "environments/demo/hackathon-booking.yaml": "a: 1\n"})
    lines = run("check", "--base", "main", "--head", "big", *NOW).out.splitlines()
    assert lines[0].startswith("DENY: 3 environments touched, 2 denied, 1 allowed")
    verdicts = [line.split("  ")[0] for line in lines if line[:1].isalpha()][1:]
    assert verdicts.index("DENY") < verdicts.index("ALLOW")
    findings = [line for line in lines if line.startswith("  ✗ ")]
    assert len(findings) >= 2
    assert sum(line.startswith("      at   ") for line in lines) == len(findings)
    told = sum(line.startswith(("      want ", "      do   ")) for line in lines)
    assert told == len(findings), "each says what is wanted, or what to do"
    assert lines[-1].startswith("by  policy: embedded (regorus")


# ------------------------------------------------------------------------------- explain


def test_the_story_of_a_finding(clone: Project, run: Run, files: Files) -> None:
    branch(clone, "open", {**files, BUCKET: PUBLIC}, ADA)
    span = ("--base", "main", "--head", "open", *NOW)
    said = run("check", *span, "--format", "json").json
    marks = {
        one["fingerprint"]: (decision["environment"], one)
        for decision in said["decisions"]
        for one in decision["findings"]
        if one["rule"] == "SEC001"
    }
    assert len(marks) == 3
    for mark, (name, one) in marks.items():
        done = run("explain", mark[:12].upper(), *span)
        assert done.code == 0
        assert done.out.startswith("SEC001")
        assert name in done.out
        assert "security is hard by the profile demo" in done.out
        assert f"> {one['line']:>5} " in done.out
        story = run("explain", mark, *span, "--format", "json").json
        assert story["finding"]["fingerprint"] == mark
        text = story["waiver"].replace("a-team", "team-security").replace("a-name", "w")
        assert f"environments: [{name}]" in text
    of_rule = run("explain", "sec001", *span)
    assert of_rule.code == 2
    assert "3 findings are of the rule `sec001`" in of_rule.err
    assert all(mark in of_rule.err for mark in marks)
    (name, *_) = (name for name, _ in marks.values())
    only = run("explain", "SEC001", *span, "--env", name)
    assert (only.code, only.out.startswith("SEC001")) == (0, True), only.err
    wrong = run("explain", "fedcba98", *span)
    assert wrong.code == 2
    assert "has no finding" in wrong.err
    assert run("explain", "abc", *span).code == 2
    assert "at least four" in run("explain", "abc", *span).err


def test_the_waiver_that_the_story_shows_excepts_it(clone: Project, run: Run, files: Files) -> None:
    branch(clone, "open", {**files, BUCKET: PUBLIC}, ADA)
    span = ("--base", "main", "--head", "open", *NOW)
    said = run("check", *span, "--format", "json").json
    (decision,) = [one for one in said["decisions"] if one["environment"] == "pitch-acme"]
    (mark,) = [one["fingerprint"] for one in decision["findings"] if one["rule"] == "SEC001"]
    text = run("explain", mark, *span, "--format", "json").json["waiver"]
    text = text.replace("a-team", "team-security").replace("a-name", "mine")
    repository = clone.repo.repository
    reference = repository.references["refs/heads/main"]
    before = {**files, "policies/waivers/mine.yaml": text}
    reference.set_target(pygit2.Oid(hex=clone.commit(before, str(reference.target))))
    branch(clone, "open", {**before, BUCKET: PUBLIC}, ADA)
    said = run("check", *span, "--format", "json").json
    (decision,) = [one for one in said["decisions"] if one["environment"] == "pitch-acme"]
    assert [one["waivedBy"] for one in decision["findings"] if one["rule"] == "SEC001"] == ["mine"]
    assert decision["verdict"] == "ALLOW"


def test_a_story_shows_no_secret(clone: Project, run: Run, files: Files) -> None:
    secret = f'resource "aws_db_instance" "x" {{\n  password = "{TOKEN}"\n}}\n'
    branch(clone, "leak", {**files, SERVERLESS + "terraform/x.tf": secret, "a.txt": TOKEN}, ADA)
    span = ("--base", "main", "--head", "leak", *NOW)
    said = run("check", *span, "--format", "json").json
    marks = [
        (one["gate"], one["fingerprint"])
        for decision in said["decisions"]
        for one in decision["findings"]
    ]
    assert {gate for gate, _ in marks} >= {"policy", "secrets"}
    for _, mark in marks:
        assert run("explain", mark, *span).code == 0  # `run` looks for the secret


def test_more_than_one_finding_of_a_beginning_is_refused(
    clone: Project, run: Run, files: Files
) -> None:
    # Enough findings that two begin alike: 16^4 beginnings, some 500 of them.
    tf = "".join(
        f'resource "aws_s3_bucket" "b{n}" {{\n  bucket = "x{n}"\n  acl = "public-read"\n}}\n'
        for n in range(60)
    )
    branch(clone, "many", {**files, SERVERLESS + "terraform/x.tf": tf}, ADA)
    span = ("--base", "main", "--head", "many", *NOW)
    said = run("check", *span, "--format", "json").json
    marks = sorted({one["fingerprint"] for each in said["decisions"] for one in each["findings"]})
    twins = [a for a, b in pairwise(marks) if a[:4] == b[:4]]
    assert twins, "the sample is fixed, so this holds"
    done = run("explain", twins[0][:4], *span)
    assert done.code == 2
    assert "findings begin with" in done.err
    assert run("explain", twins[0], *span).code == 0
