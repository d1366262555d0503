"""What could not be told is never a pass, and never a traceback."""

from __future__ import annotations

import gzip
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters import regorus_engine
from reconciler.adapters.checkov import Checkov
from reconciler.adapters.tools import Toolbox
from reconciler.errors import IndeterminateError, ReconcilerError, UsageError
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Verdict
from reconciler.wiring import Ports
from tests.check.project import (
    DEMO,
    FAIR,
    NOW,
    PITCH,
    QUIET,
    SARA,
    SERVERLESS,
    SETTINGS,
    Project,
    Warm,
    about,
    every,
    rules,
    without,
)
from tests.check.test_change import waiver
from tests.core.secrets.samples import sample
from tests.repos import Files, edited

TF = SERVERLESS + "terraform/"
CI = SERVERLESS + "pipeline/.gitlab-ci.yml"
TOKEN = sample("secret-github-token")


def touch(project: Project, files: Files) -> CheckReport:
    """A harmless change of one environment."""
    return project.change(files, edited(files, PITCH, "with ACME", "with Acme"), SARA)


def unsure(project: Project, files: Files) -> Decision:
    """The decision about a harmless change, which nobody could come to."""
    decision = about(touch(project, files), "pitch-acme")
    assert decision.verdict is Verdict.INDETERMINATE, decision
    assert decision.reasons
    return decision


# ------------------------------------------------------------------------ what is rendered


@pytest.mark.parametrize(
    "path,text,says",
    [
        (TF + "bad.tf", 'resource "x" {', "is not HCL"),
        (TF + "bad.tf", "resource = = 1\n", "bad.tf:1 is not HCL"),
        (TF + "more.tf.json", "{}", "more.tf.json: Terraform reads such a file"),
        (TF + "override.tf", "locals {}\n", "override.tf: Terraform reads such a file"),
        (TF + "main_override.tf", "locals {}\n", "main_override.tf: Terraform reads"),
        (TF + "a.auto.tfvars", "a = 1\n", "a.auto.tfvars: Terraform reads such a file"),
        (TF + "terraform.tfvars.json", "{}", "Terraform reads such a file"),
        (TF + "x.tofu", "locals {}\n", "Terraform reads such a file"),
        (TF + "action.tf", 'action "local_command" "x" {}\n', "what a block `action` does"),
        (CI, "job: {script: [echo]\n", "cannot be read"),
        (CI, "a: &a [x]\nb: *c\n", "cannot be read"),
        (CI, "- a\n", "a pipeline is a map of jobs"),
        (CI, "job: {script: !reference [.a, script]}\n", "cannot be read"),
        (CI, "job: {script: [a]}\n---\njob: {script: [b]}\n", "cannot be read"),
        (CI, "a: {script: [x], extends: a}\n", "the chain of `extends`"),
        (CI, "x: [" + "1, " * 21_000 + "1]\n", "cannot be read"),
        (CI, "".join(f".j{n}: {{extends: .j{n + 1}}}\n" for n in range(40)) + "j: {extends: .j0}\n",
         "the chain of `extends`"),
    ],
)  # fmt: skip
def test_files_that_no_rule_could_read(
    project: Project, files: Files, path: str, text: str, says: str
) -> None:
    decision = unsure(project, {**without(files, CI + ".j2" if path == CI else path), path: text})
    assert any(says in why for why in decision.reasons), decision.reasons
    assert any("reconciler render pitch-acme" in why for why in decision.reasons)


def test_extends_of_extends_costs_what_it_is_long(project: Project, files: Files) -> None:
    many = "".join(f".j{n}: {{extends: [{', '.join([f'.j{n + 1}'] * 20)}]}}\n" for n in range(9))
    files = without(files, CI + ".j2")
    report = touch(project, {**files, CI: many + ".j9: {script: [echo]}\njob: {extends: .j0}\n"})
    assert about(report, "pitch-acme").verdict in (Verdict.ALLOW, Verdict.NEEDS_APPROVAL)


def test_an_environment_that_cannot_be_rendered_is_denied(project: Project, files: Files) -> None:
    bad = {**files, TF + "bad.tf.j2": "{{ nothing }}\n"}
    report = touch(project, bad)
    # It was so before, and stays so; whoever touches it has to mend it.
    assert about(report, "pitch-acme").verdict is Verdict.DENY
    assert about(report, "pitch-acme").risk == "L3"


# ----------------------------------------------------------------------------- the policies


@pytest.mark.parametrize(
    "path,text,says",
    [
        ("policies/cost/bad/bad.rego", "package x\n\nviolations contains", "problems"),
        ("policies/cost/bad/notes.txt", "words", "only Rego files"),
        ("policies/cost/bad/bad.rego", b"\xff\xfe", "UTF-8"),
    ],
)
def test_broken_policies_judge_nothing(
    project: Project, files: Files, path: str, text: str | bytes, says: str
) -> None:
    bad: dict[str, str | bytes] = {**files, path: text}
    base = project.commit(bad)
    head = project.commit({**bad, PITCH: files[PITCH].replace("ACME", "Acme")}, base, SARA)
    decision = about(project.check(base, head), "pitch-acme")
    assert decision.verdict is Verdict.INDETERMINATE
    assert any(says in why for why in decision.reasons), decision.reasons


def test_no_policies_judge_nothing(project: Project, files: Files) -> None:
    unsure(project, without(files, "policies"))
    only_waivers = {path: text for path, text in files.items()
                    if not path.startswith("policies/") or path.endswith(".yaml")}  # fmt: skip
    unsure(project, only_waivers)
    assert project.all(project.commit(only_waivers)).verdict is not Verdict.ALLOW


def test_two_rules_of_one_id_judge_nothing(project: Project, files: Files) -> None:
    rule = "policies/cost/cost_estimate/cost_estimate.rego"
    decision = unsure(project, edited(files, rule, "id: COST002", "id: COST001"))
    assert any("COST001" in why for why in decision.reasons)


LOOP = """\
violations contains lib.violation({"message": "never"}) if {
	most := FIRST
	some a in numbers.range(1, most)
	some b in numbers.range(1, most)
	some c in numbers.range(1, most)
	a + b + c < 0
}
"""
RULE = "policies/cost/cost_estimate/cost_estimate.rego"


def test_a_policy_that_never_ends_is_no_verdict(project: Project, files: Files) -> None:
    loop = LOOP.replace("FIRST", '{"pitch-acme": 2000}[input.environment.name]')
    slow = edited({**files, RULE: files[RULE] + "\n" + loop}, SETTINGS, "10s", "1s")
    decision = unsure(project, slow)
    assert any("took longer than 1 s" in why for why in decision.reasons), decision.reasons


def test_a_policy_that_never_ends_whatever_it_is_asked_is_no_verdict(
    project: Project, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regorus_engine, "_LOADING", 2.0)
    slow = {**files, RULE: files[RULE] + "\n" + LOOP.replace("FIRST", "2000")}
    with pytest.raises(IndeterminateError, match="took longer than 2 s"):
        touch(project, slow)


@pytest.mark.parametrize("url", ["", "    url: http://127.0.0.1:9\n"])
def test_an_engine_that_is_not_there(
    project: Project, files: Files, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    away = edited(files, SETTINGS, "    engine: auto\n", "    engine: opa\n" + url)
    if url:
        unsure(project, away)
    else:
        with pytest.raises(IndeterminateError, match="no `opa` on PATH"):
            touch(project, away)


# --------------------------------------------------------------------------------- Checkov


class Without(Warm):
    """A program on a machine without tools."""

    nowhere = Path()

    @property
    def checkov(self) -> Checkov:
        return Checkov(Toolbox(self.nowhere, {}), 5, 1)


def test_checkov_is_missed_where_a_stage_asks_for_it(
    project: Project, files: Files, ports: Warm, tmp_path: Path
) -> None:
    Without.nowhere = tmp_path
    bare = Project(project.repo, Without(ports.settings, ports.kept, ports.workers, ports.engine))
    asks = edited(files, DEMO, QUIET, "scanners: {dev: [], staging: [checkov], production: []}")
    base = bare.commit(asks)
    changed = edited(edited(asks, PITCH, "with ACME", "with Acme"), FAIR, "10d", "9d")
    report = bare.check(base, bare.commit(changed, base, SARA))
    assert about(report, "pitch-acme").verdict is Verdict.ALLOW
    fair = about(report, "trade-fair")
    assert fair.verdict is Verdict.INDETERMINATE
    assert any("checkov" in why and "tools install" in why for why in fair.reasons), fair.reasons
    moved = edited(asks, FAIR, "stage: staging", "stage: dev")
    report = bare.check(base, bare.commit(moved, base, SARA))
    assert about(report, "trade-fair").verdict is Verdict.INDETERMINATE  # the law that it leaves
    assert bare.all(base).verdict is Verdict.INDETERMINATE


# --------------------------------------------------------------------------------- secrets


def scan(project: Project, files: Files, *steps: dict[str, str | bytes]) -> CheckReport:
    """A change of several commits, each with files of its own."""
    head = base = project.commit(files)
    for step in steps:
        head = project.commit({**files, **step}, head, SARA)
    return project.check(base, head)


def test_a_secret_that_is_gone_again_is_found_where_it_was(project: Project, files: Files) -> None:
    report = scan(project, files, {"a.txt": f"x\n{TOKEN}\n"}, {"b.txt": "y\n"})
    decision = about(report)
    (found,) = [one.finding for one in decision.findings if one.level == "hard"]
    assert decision.verdict is Verdict.DENY
    assert (found.rule, found.location.path, found.location.line) == (
        "secret-github-token", "a.txt", 2,
    )  # fmt: skip
    assert found.location.commit
    assert TOKEN not in repr(report)


def test_a_secret_in_an_environment_denies_the_environment(project: Project, files: Files) -> None:
    bad = edited(files, PITCH, "with ACME", f"with {TOKEN}")
    report = project.change(files, bad, SARA)
    assert about(report, "pitch-acme").verdict is Verdict.DENY
    assert "secret-github-token" in rules(about(report, "pitch-acme"))


def test_a_secret_in_a_message_is_found(project: Project, files: Files) -> None:
    base = project.commit(files)
    head = project.commit(edited(files, PITCH, "with", "for"), base, SARA, f"Use {TOKEN}")
    assert about(project.check(base, head)).verdict is Verdict.DENY


def test_what_cannot_be_scanned_wants_a_waiver_by_its_fingerprint(
    project: Project, files: Files
) -> None:
    packed = gzip.compress(b"x" * 1000, mtime=0)
    report = scan(project, files, {"a.gz": packed})
    decision = about(report)
    assert decision.verdict is Verdict.INDETERMINATE
    (why,) = decision.reasons
    assert "a.gz" in why
    mark = why.rpartition("fingerprint ")[2].rstrip(")")

    def again(more: Files) -> Verdict:
        head = base = project.commit({**files, **more})
        head = project.commit({**files, **more, "a.gz": packed}, head, SARA)
        return project.check(base, head).verdict

    # The key of fingerprints is the repository's.
    assert again({}) is Verdict.INDETERMINATE
    assert again(waiver("unscanned", f"fingerprints: [{mark}]")) is Verdict.ALLOW
    late = waiver("unscanned", f"fingerprints: [{mark}]", "2026-11-20")
    assert again(late) is Verdict.INDETERMINATE
    other = waiver("unscanned", f"fingerprints: ['{'0' * 40}']")
    assert again(other) is Verdict.INDETERMINATE
    narrow = waiver("unscanned", f"fingerprints: [{mark}], environments: [pitch-acme]")
    assert again(narrow) is Verdict.INDETERMINATE
    assert again(waiver("SEC001", f"fingerprints: [{mark}]")) is Verdict.INDETERMINATE


def test_a_waiver_of_the_unscanned_excepts_no_secret(project: Project, files: Files) -> None:
    text: dict[str, str | bytes] = {"a.txt": TOKEN}
    (found,) = [one.finding for one in every(scan(project, files, text))]
    mark = f"fingerprints: [{found.fingerprint}]"
    for rule, verdict in (
        ("unscanned", Verdict.DENY),
        ("secret-github-token", Verdict.ALLOW),
    ):
        assert scan(project, {**files, **waiver(rule, mark)}, text).verdict is verdict
    wrong = waiver("secret-github-token", "tracks: [demo]")
    assert scan(project, {**files, **wrong}, text).verdict is Verdict.DENY


def test_a_huge_file_and_a_binary_are_told(project: Project, files: Files) -> None:
    huge = os.urandom(1024) * (50 * 1024)
    report = scan(project, files, {"huge.bin": huge})
    assert about(report).verdict is Verdict.INDETERMINATE
    (why,) = about(report).reasons
    assert "huge.bin" in why
    assert scan(project, files, {"small.bin": bytes(range(256))}).verdict is Verdict.ALLOW
    assert scan(project, files, {PITCH: b"\0" + huge}).verdict is Verdict.DENY


# ---------------------------------------------------------------------------------- history


def test_a_range_without_a_beginning_is_refused(project: Project, files: Files) -> None:
    one, other = project.commit(files), project.commit(without(files, PITCH), message="Other")
    with pytest.raises(UsageError, match="no commit in common") as err:
        project.check(one, other)
    assert "unshallow" in err.value.hint


def test_a_history_that_is_cut_off_is_no_pass(
    tmp_path: Path, project: Project, files: Files
) -> None:
    source = Project.make(tmp_path / "whole.git", project.ports)
    first = source.commit(files)
    second = source.commit(edited(files, PITCH, "with ACME", f"with {TOKEN}"), first, SARA)
    third = source.commit(edited(files, PITCH, "with ACME", "with Acme"), second, SARA)
    for name, at in (("main", first), ("change", third)):
        source.repo.repository.references.create(f"refs/heads/{name}", pygit2.Oid(hex=at))
    for depth in (1, 2):
        clone = tmp_path / f"depth-{depth}"
        arguments = ["--bare", "--no-single-branch", "--depth", str(depth)]
        subprocess.run(
            ["git", "clone", "-q", *arguments, source.repo.path.as_uri(), str(clone)],
            check=True,
            capture_output=True,
        )
        cut = pygit2.Repository(str(clone))
        shallow = Project(replace(source.repo, path=clone, repository=cut), source.ports)
        try:
            report = shallow.check("main", "change")
        except ReconcilerError as err:
            assert err.hint  # noqa: PT017  # one of two ways to say no
        else:
            assert report.verdict in (Verdict.DENY, Verdict.INDETERMINATE)


def test_a_missing_object_is_no_pass(tmp_path: Path, project: Project, files: Files) -> None:
    own = Project.make(tmp_path / "own.git", project.ports)
    base = own.commit(files)
    head = own.commit({**files, "a.txt": "one\n"}, base, SARA)
    own.repo.forget(str(own.repo.blob("one\n")))
    decision = about(own.check(base, head))
    assert decision.verdict is Verdict.INDETERMINATE
    assert any("history is incomplete" in why for why in decision.reasons)


def test_nobody_and_no_settings(project: Project, files: Files) -> None:
    files = without(files, SETTINGS)
    report = touch(project, files)
    assert report.verdict is Verdict.ALLOW  # it was missing before
    assert project.all(project.commit(files)).verdict is Verdict.DENY
    assert report.now == NOW


def test_the_ports_are_the_program_s_own() -> None:
    assert issubclass(Warm, Ports)
