"""The whole loop as a person meets it: sandbox, plan, apply, drift, state, destroy."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pygit2
import pytest

from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.app.records import Records
from reconciler.cli.main import main
from reconciler.model.record import ApplyEnded
from tests.check.project import PORTAL, Warm, warm
from tests.done import Done
from tests.repos import GitRepo, edited, shipped
from tests.terraform.lab import SERVICE, TEMPLATE, Lab, lab, remains, whole
from tests.terraform.test_runs import StateServer, served, wait_for

HACK = "environments/demo/hackathon-booking.yaml"

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="session")
def ports(kept: Path) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(kept, engine)
    engine.close()


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    state = tmp_path_factory.mktemp("state")
    cloud = Cloud(state / "sandbox")
    files = lab()
    repo = GitRepo.make(tmp_path_factory.mktemp("lab") / "repo.git")
    repo.commit(dict(files))
    yield Lab(repo, state, cloud.start(), files)
    cloud.stop()


@pytest.fixture
def run(
    laboratory: Lab,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Lab:
    return laboratory.inside(ports, capsys, monkeypatch)


def addresses(found: list[dict[str, Any]]) -> list[str]:
    return [str(one["address"]) for one in found]


# --- the sandbox


def test_the_sandbox_starts_says_what_it_holds_and_stops(
    run: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path))

    def sandbox(verb: str, *more: str) -> str:
        assert run._said is not None
        run._said.readouterr()
        main(["sandbox", verb, *more])
        return str(run._said.readouterr().out)

    assert "does not run" in sandbox("status")
    try:
        assert "SIMULATED" in sandbox("start")
        said = json.loads(sandbox("status", "--format", "json"))
        assert (said["kind"], said["running"]) == ("Sandbox", True)
        assert said["endpoint"].startswith("http://127.0.0.1:")
        left = tmp_path / "some-repository" / "sandbox-of-a-cloud-that-is-gone"
        left.mkdir(parents=True)
        assert json.loads(sandbox("start", "--format", "json"))["endpoint"] == said["endpoint"]
        assert not left.exists()
    finally:
        assert "is stopped" in sandbox("stop")
    refused = run("plan", "pitch-acme")
    assert refused.code == 1
    assert "`reconciler sandbox start`" in refused.err


# --- the loop, with a sample as it is shipped


@pytest.fixture(scope="session")
def samples(laboratory: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    repo = GitRepo.make(tmp_path_factory.mktemp("samples") / "repo.git")
    files = whole()
    repo.commit(dict(files))
    return Lab(repo, laboratory.state, laboratory.endpoint, files)


def test_the_loop_of_a_sample(
    samples: Lab,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = samples.inside(ports, capsys, monkeypatch)
    planned = run("plan", "pitch-acme", "--format", "json")
    assert planned.code == 0, planned.err
    plan = planned.json
    assert (plan["kind"], plan["simulated"], plan["empty"]) == ("Plan", True, False)
    assert plan["decision"]["verdict"] == "ALLOW"
    assert {one["kind"] for one in plan["changes"]} == {"create"}

    applied = run("apply", "pitch-acme", "--plan", plan["digest"], "--yes", "--format", "json")
    assert applied.code == 0, applied.err
    outcome = applied.json
    assert (outcome["kind"], outcome["result"], outcome["simulated"]) == ("Outcome", "done", True)
    assert sorted(outcome["done"]) == sorted(addresses(plan["changes"]))
    made = run.aws.tagged("pitch-acme")
    assert len(made) > 5

    holds = sandbox_holds(run)
    kinds = Counter(one["type"] for one in plan["changes"])
    assert holds["aws_lambda_function"] >= 1
    assert all(holds[kind] >= number for kind, number in kinds.items()), (kinds, holds)
    assert all(kind.startswith(("aws_", "terraform_data")) for kind in holds), "no word of moto's"

    again = run("plan", "pitch-acme")
    assert (again.code, "nothing to do" in again.out) == (0, True)
    assert "SIMULATED" in again.out

    _tamper(run)
    drift = run("drift", "pitch-acme", "--imports")
    assert drift.code == 12
    for words in (
        "SIMULATED",
        "aws_dynamodb_table.items",
        "tags.owner: want ",
        'have "mallory"',
        "aws_lambda_function.api",
        "timeout: want 10, have 29",
        "aws_cloudwatch_metric_alarm.errors is gone",
        "pitch-acme-stray carries our tags",
        "{to: aws_sns_topic.pitch_acme_stray, id: ",
    ):
        assert words in drift.out, (words, drift.out)
    document = run("drift", "pitch-acme", "--record", "--format", "json").json
    assert document["kind"] == "Drift"
    assert document["environments"][0]["digest"][:19] in drift.out, "the same drift twice"

    mended = run("apply", "pitch-acme", "--yes")
    assert mended.code == 0, mended.err
    _take_away_stray(run)
    assert run("drift", "pitch-acme").code == 0

    held = run("state", "pitch-acme", "--format", "json").json
    assert held["kind"] == "State"
    assert set(addresses(held["resources"])) >= set(outcome["done"])
    assert "aws_dynamodb_table.items" in run("state", "pitch-acme").out

    kept = run("destroy", "pitch-acme", typed="pitch\n")
    assert (kept.code, "Nothing was destroyed" in kept.out) == (1, True)
    assert "DATA IS LOST" in kept.out
    assert run.tables("pitch") == ["pitch-acme-items"]
    assert "nothing to destroy" in run("destroy", "trade-fair", "--yes").out
    holds = sandbox_holds(run)
    gone = run("destroy", "pitch-acme", typed="pitch-acme\n")
    assert (gone.code, "Its document still declares it" in gone.out) == (0, True), gone.err
    assert Counter(holds) - Counter(sandbox_holds(run)) == kinds
    assert not [arn for arn in run.aws.tagged("pitch-acme") if ":kms:" not in arn]
    assert run("state", "pitch-acme", "--format", "json").json["resources"] == []
    assert run.runs("pitch-acme") == [run.runs("pitch-acme")[0]], "no run directory is left"

    _nothing_secret_is_kept(run, drift.out + mended.out)


def sandbox_holds(run: Lab) -> dict[str, int]:
    assert run._said is not None
    run._said.readouterr()
    main(["sandbox", "status", "--format", "json"])
    found: dict[str, int] = json.loads(run._said.readouterr().out)["holds"]
    return found


def _nothing_secret_is_kept(run: Lab, said: str) -> None:
    assert PASSWORD not in said
    repository = run.repo.repository
    objects = [repository[oid] for oid in repository]
    kept = [one.data for one in objects if isinstance(one, pygit2.Blob)]
    assert any(b"DB_PASSWORD" in one for one in kept)
    assert not [one for one in kept if PASSWORD.encode() in one or KEY_ID.encode() in one]
    assert audited(run, "verify").code == 0, "what was masked is no break"


PASSWORD: Final = "Vt7qLm2ZxR9pQw"
KEY_ID: Final = "AKIA" + "Q7RT4WZN5LKXVB3D"


def _tamper(run: Lab) -> None:
    (table,) = [arn for arn in run.aws.tagged("pitch-acme") if ":table/" in arn]
    run.aws.client("dynamodb").tag_resource(
        ResourceArn=table, Tags=[{"Key": "owner", "Value": "mallory"}]
    )
    run.aws.client("lambda").update_function_configuration(
        FunctionName="pitch-acme",
        Timeout=29,
        Description=f"the key is {KEY_ID}",
        Environment={"Variables": {"DB_PASSWORD": PASSWORD}},
    )
    run.aws.client("cloudwatch").delete_alarms(AlarmNames=["pitch-acme/errors"])
    tags = [
        {"Key": "managed-by", "Value": "reconciler"},
        {"Key": "environment", "Value": "pitch-acme"},
    ]
    run.aws.client("sns").create_topic(Name="pitch-acme-stray", Tags=tags)


def _take_away_stray(run: Lab) -> None:
    (arn,) = [one for one in run.aws.tagged("pitch-acme") if one.endswith("-stray")]
    run.aws.client("sns").delete_topic(TopicArn=arn)


def test_what_an_apply_made_and_no_state_knows_is_taken_over_where_it_is_declared(
    run: Lab,
) -> None:
    assert run("apply", "lab-lost", "--yes").code == 0
    state = run.state_file("lab-lost")
    held = json.loads(state.read_text())
    held["resources"] = [one for one in held["resources"] if one["type"] != "aws_dynamodb_table"]
    held["serial"] += 1
    state.write_text(json.dumps(held))
    assert run("state", "lab-lost", "--accept", "--because", "restored").code == 0
    drift = run("drift", "lab-lost", "--imports")
    assert drift.code == 12
    assert "it is declared as aws_dynamodb_table.items" in drift.out
    entry = "  imports:\n    - {to: aws_dynamodb_table.items, id: lab-lost-items}\n"
    assert entry in drift.out
    # As it stands there, in the document: nothing else is needed.
    path = "environments/demo/lab-lost.yaml"
    rev = run.commit(edited(lab(), path, "spec:\n", f"spec:\n{entry}"), "taken-over")
    plan = run("plan", "lab-lost", "--rev", rev, "--format", "json").json
    assert [(one["address"], one["importing"]) for one in plan["changes"]] == [
        ("aws_dynamodb_table.items", "lab-lost-items")
    ]


# --- asking, and the plan that was agreed to


def test_what_is_to_be_run_next_finds_the_same_target(
    run: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECONCILER_SANDBOX")
    link = tmp_path / "a clone"
    link.symlink_to(run.repo.path)
    monkeypatch.chdir(tmp_path)
    run.commit(edited(lab(), TEMPLATE, "= 14", "= 30"), "other-days")
    target = ("--repo", "a clone", "--sandbox", "--rev", "other-days")

    def said(*argv: str) -> Done:
        return run(*argv, *target)

    *_, last = said("plan", "lab-again").out.splitlines()
    command = shlex.split(last)
    assert command[-2] == "--plan"
    assert (command[2], command[command.index("--repo") + 1]) == ("lab-again", "a clone"), command
    applied = run(*command[1:])
    assert (applied.code, "APPLIED" in applied.out) == (0, True), applied.err
    days = run.aws.client("logs").describe_log_groups(logGroupNamePrefix="/lab/lab-again")
    assert days["logGroups"][0]["retentionInDays"] == 30, "the commit that was planned"
    run.aws.client("sns").delete_topic(
        TopicArn=next(one for one in run.aws.tagged("lab-again") if ":sns:" in one)
    )
    drift = said("drift", "lab-again")
    assert drift.code == 12
    assert "`reconciler apply lab-again --repo 'a clone' --rev other-days --sandbox`" in drift.out
    run.state_file("lab-again").unlink()
    refused = said("plan", "lab-again")
    assert refused.code == 1
    assert "`reconciler state lab-again --repo 'a clone' --rev other-days --sand" in refused.err


def test_an_apply_asks_and_takes_only_the_plan_that_was_agreed_to(run: Lab) -> None:
    no = run("apply", "lab-one", typed="n\n")
    assert (no.code, "Nothing was applied" in no.out) == (1, True)
    assert "Apply this to lab-one?" in no.err
    silent = run("apply", "lab-one")
    assert (silent.code, "nobody to ask" in silent.err) == (2, True)
    for more in ((), ("--yes",)):
        other = run("apply", "lab-one", "--plan", "sha256:" + "0" * 64, *more, typed="y\n")
        assert (other.code, "another plan" in other.err) == (1, True)
        assert f"`reconciler plan lab-one --repo {run.repo.path} --sandbox`" in other.err
        assert "Apply this" not in other.err
    assert run("apply", "lab-one", "--format", "json").code == 2
    assert run.aws.tagged("lab-one") == set()
    *_, last = run("plan", "lab-one").out.splitlines()
    program, *command = shlex.split(last)
    assert program == "reconciler"
    assert command[:2] == ["apply", "lab-one"]
    before = len(run.runs("lab-one"))
    for wrong in (command[-1][:19], command[-1].upper(), command[-1].removeprefix("sha256:"), ""):
        done = run(*command[:-1], wrong)
        assert (done.code, "no digest of a plan" in done.err) == (2, True), done.err
        assert len(run.runs("lab-one")) == before
    assert run.aws.tagged("lab-one") == set()
    yes = run(*command)  # there is nobody to ask, and nothing is left to be asked
    assert (yes.code, "APPLIED" in yes.out) == (0, True), yes.err
    assert len(run.aws.tagged("lab-one")) == 3
    once_more = run(*command)
    assert once_more.code == 0, once_more.err
    assert "The plan that you named was applied already" in once_more.err
    for form in ((), ("--format", "json")):
        never = run("apply", "lab-one", "--plan", "sha256:" + "0" * 64, *form)
        assert (never.code, "it was never applied" in never.err) == (1, True), never.err
    assert "named" not in run("apply", "lab-one", "--yes").err
    nothing = run("apply", "lab-one", "--yes", "--format", "json")
    assert nothing.code == 0
    assert (nothing.json["kind"], nothing.json["done"]) == ("Outcome", [])


# --- what never reaches terraform


def frozen(files: dict[str, str], name: str) -> dict[str, str]:
    text = f"""\
apiVersion: reconciler/v1
kind: Freeze
metadata: {{name: stop-it, owner: team-platform}}
spec:
  scope: {{environment: {name}}}
  reason: It burns money.
  since: 2026-01-01
"""
    return {**files, "policies/freezes/stop-it.yaml": text}


def test_what_the_static_gates_deny_is_never_planned(
    samples: Lab,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = samples.inside(ports, capsys, monkeypatch)
    dear = samples.files | {HACK: samples.files[HACK].replace("size: small", "size: large")}
    rev = run.commit(dear, "dear")
    for verb, more in (("plan", ()), ("apply", ("--yes",))):
        done = run(verb, "hackathon-booking", "--rev", rev, *more)
        assert done.code == 10, done.out + done.err
        assert "DENY" in done.out
        assert ("There is no plan: the gates that come before deny it" in done.out) == (
            verb == "plan"
        )
        document = run(verb, "hackathon-booking", "--rev", rev, "--format", "json", *more).json
        assert (document["kind"], document["decision"]["verdict"]) == ("Refusal", "DENY")
    # Of what was not planned no report says that it would change nothing.
    report = tmp_path / "plan.json"
    written = ("--report", f"terraform={report}")
    assert run("plan", "hackathon-booking", "--rev", rev, *written).code == 10
    assert not report.exists()
    assert run.runs("hackathon-booking") == []


def test_what_cannot_be_rendered_is_never_planned(run: Lab) -> None:
    rev = run.commit(edited(lab(), TEMPLATE, "= 14", "= {{ nobody }}"), "broken")
    for verb, more in (("plan", ()), ("apply", ("--yes",)), ("destroy", ("--yes",)), ("drift", ())):
        done = run(verb, "lab-never", "--rev", rev, *more)
        assert (done.code, "nobody" in done.err) == (1, True), done.out + done.err
    assert run.runs("lab-never") == []


def test_a_frozen_environment_is_neither_planned_nor_applied_nor_destroyed(
    run: Lab, tmp_path: Path
) -> None:
    assert run("apply", "lab-frozen", "--yes").code == 0
    before = run.aws.tagged("lab-frozen")
    (seen,) = run.runs("lab-frozen")
    stamp = seen.stat().st_mtime_ns
    # The same repository, a commit later: what is built there is known by its first commit.
    repo = GitRepo.make(tmp_path / "later.git")
    repo.commit(dict(run.files))
    repo.commit(frozen(run.files, "lab-frozen"))
    later = replace(run, repo=repo)
    for verb in ("plan", "apply", "destroy"):
        more = ("--yes",) if verb != "plan" else ()
        done = later(verb, "lab-frozen", "--format", "json", *more)
        assert done.code == 10, verb
        assert done.json["kind"] == "Refusal"
        assert "frozen by team-platform" in " ".join(done.json["decision"]["reasons"])
    assert seen.stat().st_mtime_ns == stamp, "no run directory was made"
    assert run.aws.tagged("lab-frozen") == before


def test_without_checkov_nothing_that_wants_it_is_judged_planned_or_applied(
    run: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_TOOLS_DIR", str(tmp_path / "none"))
    repo = GitRepo.make(tmp_path / "wants.git")
    repo.commit(dict(shipped()))
    wants = replace(run, repo=repo)
    before = wants.runs("trade-fair")
    for verb, more in (("plan", ()), ("apply", ("--yes",))):
        done = wants(verb, "trade-fair", *more)
        assert done.code == 13, done.out + done.err
        assert "reconciler tools install" in done.out + done.err
    assert wants.runs("trade-fair") == before


# --- the real world


@pytest.fixture
def real(run: Lab) -> Lab:
    return run.real()


def test_an_error_that_all_share_is_told_once(
    real: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "states"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    names = [one["name"] for one in real("list", "--format", "json").json["environments"]]
    told = real("drift", "--all")
    assert told.code == 1
    assert told.err.count("this process has no AWS credentials") == 1
    assert told.err.count("log in") == 1
    for name in names:
        assert name in told.err
    document = real("drift", "--all", "--format", "json").json
    assert document["environments"] == []
    failed = document["failed"]
    assert [one["environment"] for one in failed] == sorted(names)
    assert {one["reason"] for one in failed} == {"credentials"}
    alone = real("drift", "pitch-acme")
    assert (alone.code, alone.err.count("pitch-acme")) == (1, 1)


def test_production_waits_for_agreement_outside_of_the_sandbox(real: Lab) -> None:
    planned = real("plan", "acme-portal")
    assert planned.code == 11, planned.out + planned.err
    assert "SIMULATED" not in planned.out
    applied = real("apply", "acme-portal", "--yes")
    assert applied.code == 11
    assert "Nothing was applied" in applied.out
    assert "In the sandbox" not in applied.out
    assert list(real.known.glob("real/states/acme-portal.tfstate")) == []
    document = real("apply", "acme-portal", "--yes", "--format", "json").json
    assert document["kind"] == "Refusal"
    assert document["decision"]["risk"] == "L2"
    assert document["decision"]["approvals"]


def test_what_is_allowed_is_applied_in_the_real_world(real: Lab, tmp_path: Path) -> None:
    real = real.apart(tmp_path)
    done = real("apply", "acme-portal-dev", "--yes")
    assert done.code == 0, done.err
    assert json.loads(real.state_file("acme-portal-dev", "real").read_text())["resources"]


def test_a_plan_of_what_is_not_merged_says_that_it_has_to_be(real: Lab, tmp_path: Path) -> None:
    real = real.apart(tmp_path)
    more = edited(lab(), PORTAL.replace("portal", "portal-dev"), "count: 1", "count: 2")
    planned = real("plan", "acme-portal-dev", "--rev", real.commit(more, "aside"), "--whole")
    first, second, command = planned.out.splitlines()[-3:]
    assert first.startswith("`main` does not have this yet")
    assert "`reconciler mr open`" in first
    assert second == "Once it is merged, to apply this very plan:"
    assert command.startswith("  reconciler apply acme-portal-dev --")
    *_, heading, _ = real("plan", "acme-portal-dev").out.splitlines()
    assert heading == "To apply this very plan:"


def test_only_what_the_target_branch_had_is_applied_in_the_real_world(
    real: Lab, tmp_path: Path
) -> None:
    """A branch could bring rules of its own; in the sandbox nothing is lost by it."""
    real = real.apart(tmp_path)
    files = edited(lab(), PORTAL, "stage: production", "stage: dev")
    files = edited(files, PORTAL, "  promotedFrom: acme-portal-staging\n", "")
    aside = real.commit(files, "aside")
    for verb in ("apply", "destroy", "apply"):
        done = real(verb, "acme-portal", "--rev", aside, "--yes")
        assert (done.code, "not on the branch `main`" in done.err) == (2, True), done.err
    assert kinds_of(real, "acme-portal") == ["refusal"]  # it is the same bypass each time
    told = audited(real, "log", "acme-portal", sandbox=False)
    assert f"apply acme-portal as {aside[:12]} has it" in told.out

    other = real.commit(edited(files, PORTAL, "stage: dev", "stage: staging"), "further")
    assert real("destroy", "acme-portal", "--rev", other, "--yes").code == 2
    assert kinds_of(real, "acme-portal") == ["refusal", "refusal"]
    assert real("apply", "no-such-portal", "--rev", aside, "--yes").code == 2
    assert kinds_of(real, "no-such-portal") == []
    assert real("drift", "acme-portal", "--rev", aside).code == 2
    assert kinds_of(real, "acme-portal") == ["refusal", "refusal"]
    whole = audited(real, "verify", sandbox=False)
    assert (whole.code, "WHOLE" in whole.out) == (0, True), whole.out + whole.err


def test_what_is_refused_stays_so_when_that_cannot_be_recorded(real: Lab, tmp_path: Path) -> None:
    real = real.apart(tmp_path)
    aside = real.commit(edited(lab(), PORTAL, "stage: production", "stage: dev"), "aside")
    real.repo.repository.references.create("refs/heads/records", aside)  # which is no record
    done = real("apply", "acme-portal", "--rev", aside, "--yes")
    assert done.code == 2
    assert "not on the branch `main`" in done.err
    assert "could not be recorded" in done.err


def test_a_change_does_not_say_where_credentials_are_sent(
    real: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target branch's settings are used; what the change names is never even asked."""
    token = "a-token-of-the-pipeline"
    monkeypatch.setenv("TF_HTTP_PASSWORD", token)
    monkeypatch.setenv("PIPELINE_TOKEN", token)
    with served() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
        settings = edited(lab(), "reconciler.yaml", "backend: local", "backend: http")
        own = f"    backend: http\n    address: {address}\n"
        settings = edited(settings, "reconciler.yaml", "    backend: http\n", own)
        entered = {
            **settings,
            "reconciler.yaml": settings["reconciler.yaml"].rstrip()
            + "\n  aws: {webIdentityFrom: PIPELINE_TOKEN}\n",
        }
        rev = real.commit(entered, "its-own-server")
        planned = real("plan", "acme-portal-dev", "--rev", rev, "--format", "json")
        assert planned.json["kind"] == "Plan", planned.err
        for verb in ("drift", "state", "apply", "destroy"):
            done = real(verb, "acme-portal-dev", "--rev", rev)
            assert (done.code, "nobody agreed to it" in done.err) == (2, True), done.err
        assert StateServer.asked == []

        # Merged, the same settings are used, so it would have been seen.
        monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "states"))
        repo = GitRepo.make(tmp_path / "merged.git")
        repo.commit(dict(settings))
        assert replace(real, repo=repo)("plan", "acme-portal-dev").code in (0, 11)
        path, said = StateServer.asked[0]
        assert path == "/state/acme-portal-dev"
        assert b64decode(said.removeprefix("Basic ")) == f"gitlab-ci-token:{token}".encode()
        StateServer.asked.clear()
        repo.commit(dict(entered))
        refused = replace(real, repo=repo)("plan", "acme-portal-dev")
        assert (refused.code, "cannot be entered to plan" in refused.err) == (1, True), refused.err
        assert {path for path, _ in StateServer.asked} == {"/state"}
        StateServer.asked.clear()

        # Given up again, it is not asked for what was declared in its days either.
        old = repo.repository.references["refs/heads/main"].target
        repo.commit(dict(real.files))
        done = replace(real, repo=repo)("state", "acme-portal-dev", "--rev", str(old))
        assert (done.code, "has no state" in done.out) == (0, True), done.err
        assert StateServer.asked == []


def test_states_of_the_two_worlds_never_meet(
    real: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = real.apart(tmp_path)
    assert real("plan", "acme-portal-staging").code in (0, 11)
    monkeypatch.setenv("RECONCILER_SANDBOX", "1")
    assert real("apply", "globex-shop", "--yes").code == 0
    simulated = real.state_file("globex-shop")
    monkeypatch.delenv("RECONCILER_SANDBOX")
    there = real.known / "real/states" / "acme-portal-staging.tfstate"
    shutil.copy(simulated, there)
    for verb, more in (
        ("plan", ()),
        ("state", ()),
        ("state", ("--accept", "--because", "x")),
        ("drift", ()),
    ):
        refused = real(verb, "acme-portal-staging", *more)
        assert refused.code == 1
        assert "the state is one of the sandbox, and this is a real account" in refused.err
    document = json.loads(simulated.read_text())
    document["lineage"] = "11111111-2222-3333-4444-555555555555"
    simulated.write_text(json.dumps(document))
    there.unlink()
    monkeypatch.setenv("RECONCILER_SANDBOX", "1")
    refused = real("destroy", "globex-shop", "--yes")
    assert refused.code == 1
    assert "one of a real account, and this is the sandbox" in refused.err


# --- the decision sees the plan


def test_a_plan_that_loses_data_raises_the_risk(run: Lab, tmp_path: Path) -> None:
    assert run("apply", "lab-data", "--yes").code == 0
    # The key is computed, so the source alone does not show that the table is made anew.
    files = edited(lab(), TEMPLATE, 'hash_key     = "pk"', "hash_key     = local.key")
    files = edited(files, TEMPLATE, '    name = "pk"', "    name = local.key")
    files = {**files, TEMPLATE: files[TEMPLATE] + '\nlocals { key = "p${length("abc")}" }\n'}
    rev = run.commit(files, "data")
    report = tmp_path / "reports" / "plan.json"
    written = ("--report", f"terraform={report}")
    done = run("plan", "lab-data", "--rev", rev, "--format", "json", *written)
    plan = done.json
    assert (done.code, plan["decision"]["risk"]) == (11, "L3")
    # GitLab counts what is made anew on both sides.
    kinds = Counter(one["kind"] for one in plan["changes"])
    assert json.loads(report.read_text()) == {
        "create": kinds["create"] + kinds["replace"],
        "update": kinds["update"],
        "delete": kinds["delete"] + kinds["replace"],
    }
    assert kinds["replace"]
    assert [one["address"] for one in plan["changes"] if one["losesData"]] == [
        "aws_dynamodb_table.items"
    ]
    assert addresses(plan["changes"])[0] == "aws_dynamodb_table.items"
    assert "L3" in plan["decision"]["approvals"][0]["why"]
    assert "DATA IS LOST" in run("plan", "lab-data", "--rev", rev).out
    assert dict(plan["decision"]["inputs"])["plan"] == plan["digest"]


# --- what is sensitive


def test_what_is_sensitive_is_nowhere_but_in_the_state(run: Lab, kept: Path) -> None:
    from hashlib import sha256

    secret = "hush-" + sha256(b"lab-two").hexdigest()
    said = [run("plan", "lab-two", "--whole"), run("plan", "lab-two", "--format", "json")]
    said.append(run("apply", "lab-two", "--yes"))
    assert secret in run.state_file("lab-two").read_text()
    (arn,) = [one for one in run.aws.tagged("lab-two") if ":sns:" in one]
    run.aws.client("sns").set_topic_attributes(
        TopicArn=arn, AttributeName="DisplayName", AttributeValue=secret[::-1]
    )
    said += [run("drift", "lab-two"), run("drift", "lab-two", "--format", "json")]
    assert said[-1].code == 12
    said.append(run("state", "lab-two"))
    assert "(sensitive)" in said[0].out
    for done in said:
        assert secret not in done.out + done.err
        assert secret[::-1] not in done.out + done.err
    assert remains(run.state, secret, ".tfstate", ".backup") == []
    assert [*kept.iterdir()]
    assert remains(kept, secret) == []


# --- faults and proxies


def test_faults_are_for_the_sandboxs_commands_and_no_proxy_is_asked(
    run: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as nobody:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, nobody)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        faults = {"errors": [{"operation": "dynamodb:CreateTable", "times": 0}]}
        monkeypatch.setenv("RECONCILER_SANDBOX_FAULTS", json.dumps(faults))
        failed = run("apply", "lab-fault", "--yes")
        assert (failed.code, "told to fail here" in failed.out) == (1, True), failed.out
        assert "`reconciler apply lab-fault" in failed.out
        monkeypatch.delenv("RECONCILER_SANDBOX_FAULTS")
        assert run("apply", "lab-fault", "--yes").code == 0
        assert run("drift", "lab-fault").code == 0
        assert StateServer.asked == []


# --- two at once


def test_two_environments_at_once(run: Lab) -> None:
    more = {"RECONCILER_CACHE_DIR": "none"}
    both = [run.process("apply", name, "--yes", **more) for name in ("trade-fair", "lab-cut")]
    for process in both:
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert "3 done" in said[0]
    for name in ("trade-fair", "lab-cut"):
        assert len(run.aws.tagged(name)) == 3


WAITS = """
resource "terraform_data" "first" {
  input = "x"
}

resource "terraform_data" "waits" {
  input = terraform_data.first.id

  provisioner "local-exec" {
    command = "touch @MARK@; while [ ! -e @GO@ ]; do sleep 0.02; done"
  }
}

resource "terraform_data" "last" {
  input = terraform_data.waits.id
}
"""


def waiting(mark: Path, go: Path) -> dict[str, str]:
    """A blueprint whose apply waits in its middle."""
    text = WAITS.replace("@MARK@", str(mark)).replace("@GO@", str(go))
    track = "profiles/tracks/customer.yaml"  # a provisioner makes it wait, so it is allowed here
    law = lab()[track].replace("  rules:\n", "  rules:\n    provisioners: [local-exec]\n")
    return {**lab(), SERVICE: text, track: law}


def in_the_middle(
    run: Lab, folder: Path, name: str, terminal: int | None = None
) -> tuple[str, Path, subprocess.Popen[str]]:
    """An apply that waits: of which commit, until what is there, and its process."""
    mark, go = folder / "mark", folder / "go"
    rev = run.commit(waiting(mark, go), "waits")
    command = ("apply", name, "--yes", "--rev", rev)
    if terminal is None:
        process = run.process(*command, RECONCILER_CACHE_DIR="none")
    else:
        process = run.at_a_terminal(terminal, *command, RECONCILER_CACHE_DIR="none")
    wait_for(lambda: mark.exists() or process.poll() is not None, 60)
    if not mark.exists():
        process.kill()
        pytest.fail("it never got there:\n" + "".join(process.communicate()))
    return rev, go, process


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)]
)
def test_a_command_that_is_asked_to_stop_says_what_was_done(
    run: Lab, tmp_path: Path, number: signal.Signals
) -> None:
    name = "globex-shop-staging"
    run = run.apart(tmp_path)
    rev, go, process = in_the_middle(run, tmp_path, name)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert "STOPPED: " in out
    assert "as it was asked to" in out
    assert "error: " not in out + err
    assert f"`reconciler apply {name} --repo {run.repo.path} --rev {rev} --sandbox`" in out
    assert "kept:" not in out, "the state was saved, and is known"
    assert "terraform_data.last" in out
    go.touch()
    again = run("apply", name, "--yes", "--rev", rev)
    assert again.code == 0, again.err
    assert "cut off" not in again.out, "it was told already"
    held = run("state", name, "--format", "json").json
    assert addresses(held["resources"]) == [
        f"terraform_data.{one}" for one in ("first", "last", "waits")
    ]


def test_a_terminal_that_is_closed_stops_an_apply_as_sigterm_does(run: Lab, tmp_path: Path) -> None:
    """Nobody reads what is said any more; what was done is recorded all the same."""
    name = "acme-portal-dev"
    run = run.apart(tmp_path)
    ours, theirs = os.openpty()
    _, go, process = in_the_middle(run, tmp_path, name, terminal=theirs)
    os.close(theirs)
    os.close(ours)
    assert process.wait(60) == 1
    go.touch()
    records = Records(GitRecords(run.repo.path, "records-sandbox"))
    ends = [one.record.body for one in records.of_environment(name)]
    assert [one.result for one in ends if isinstance(one, ApplyEnded)] == ["interrupted"]
    assert run("lease", "list", "--format", "json").json["leases"] == []


@pytest.mark.soak  # where reading the state comes to the lock first, it is no plan that is stopped
def test_a_plan_that_is_asked_to_stop_says_what_is_true(run: Lab, tmp_path: Path) -> None:
    """Somebody else holds the state, so planning waits: then it is stopped."""
    name, run = "acme-portal-dev", run.apart(tmp_path)
    assert run("apply", name, "--yes").code == 0
    state, before = run.state_file(name), _plans(run, name)
    with state.open("rb+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        process = run.process("plan", name, RECONCILER_LOCK_SECONDS="60")
        wait_for(lambda: process.poll() is not None or bool(_plans(run, name) - before), 60)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    # Between two of its steps it ends at once, as every command does.
    assert process.returncode in (1, 130), out + err
    assert err.lstrip().startswith(
        (
            f"stopped: planning {name} ended early",
            "stopped; nothing is half done",
        )
    )
    assert "error" not in out + err
    assert run("plan", name).code == 0


def _plans(run: Lab, name: str) -> set[Path]:
    """Runs in which Terraform plans, or did."""
    logs = [path for folder in run.runs(name) for path in folder.glob("home/plan.jsonl")]
    return {path for path in logs if path.stat().st_size}


def test_what_came_of_an_apply_that_was_cut_off_is_told_to_programs_too(
    run: Lab, tmp_path: Path
) -> None:
    name = "acme-portal"
    run = run.apart(tmp_path)
    rev, go, process = in_the_middle(run, tmp_path, name)
    process.kill()
    process.communicate(timeout=60)
    (pid,) = [path.read_text() for folder in run.runs(name) for path in folder.glob("home/pid")]
    go.touch()
    wait_for(lambda: not os.path.lexists(f"/proc/{pid}/exe"), 60)
    again = run("apply", name, "--yes", "--rev", rev, "--format", "json")
    assert again.code == 0, again.err
    (settled,) = again.json["settled"]
    assert (settled["environment"], settled["result"]) == (name, "interrupted")
    assert len(settled["done"]) == 3, "it went on by itself, and ended what it began"
    assert (again.json["result"], again.json["done"]) == ("done", []), "nothing was left to do"
    assert run("apply", name, "--yes", "--rev", rev, "--format", "json").json["settled"] == []


def test_kinds_and_codes_of_what_is_asked_wrongly(run: Lab) -> None:
    for argv in (
        ("drift",),
        ("drift", "lab-one", "--all"),
        ("state", "lab-one", "--accept", "--because", "x", "--unlock", "x"),
        ("plan", "lab-none"),
    ):
        done: Done = run(*argv)
        assert done.code == 2, (argv, done.err)


def test_what_runs_a_program_at_plan_time_never_gets_there(run: Lab) -> None:
    evil = 'data "external" "x" {\n  program = ["touch", "/nowhere"]\n}\n'
    path = TEMPLATE.rpartition("/")[0] + "/evil.tf"
    rev = run.commit({**lab(), path: evil}, "evil")
    for verb, more in (("plan", ()), ("apply", ("--yes",))):
        done = run(verb, "lab-never", "--rev", rev, *more)
        assert done.code == 10, done.out + done.err
        assert "nothing critical reaches Terraform" in done.out
    assert run.runs("lab-never") == []


# ------------------------------------------------------------------------------------- records


def records_of(run: Lab) -> Records:
    return Records(GitRecords(run.repo.path, "records-sandbox"))


def kinds_of(real: Lab, name: str) -> list[str]:
    """What is recorded of an environment of the real world, newest first."""
    records = Records(GitRecords(real.repo.path, "records"))
    return [one.record.body.kind for one in records.of_environment(name)]


def audited(
    run: Lab, verb: str, *argv: str, who: str = "ada@example.com", sandbox: bool = True
) -> Done:
    own = {"RECONCILER_ACTOR_EMAIL": who, "RECONCILER_ACTOR_NAME": "Somebody"}
    own["RECONCILER_SANDBOX"] = "1" if sandbox else "0"
    process = run.process("audit", verb, *argv, **own)
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


def kinds(run: Lab, name: str) -> list[str]:
    """What is recorded of an environment, oldest first."""
    return [str(kept.record.body.kind) for kept in records_of(run).of_environment(name)][::-1]


def test_what_happens_is_recorded(run: Lab) -> None:
    """The decision, the intent before the deed, the outcome; drift once; the end."""
    name = "lab-told"
    assert run("apply", name, "--yes").code == 0
    assert kinds(run, name) == ["decision", "apply-started", "apply-ended"]
    records = records_of(run)
    ended = next(records.of_environment(name)).record
    assert isinstance(ended.body, ApplyEnded)
    assert (ended.body.result, ended.simulated) == ("done", True)
    assert ended.body.counts == {"create": len(ended.body.done)}
    status = records.status(name)
    assert "applying" not in status
    assert status["applied"]["plan"] == status["decision"]["plan"] == ended.body.plan
    rendered = run("render", name, "--rev", "main", "--format", "json").json["files"]
    for one in rendered:
        assert records.file(name, f"applied/{one['path']}") == one["content"].encode()
    assert run("apply", name, "--yes").code == 0, "nothing to do"
    assert run("plan", name).code == 0
    assert kinds(run, name)[3:] == [], "looking is not recorded, and nothing was done"
    (table,) = [arn for arn in run.aws.tagged(name) if ":table/" in arn]
    tags = [{"Key": "owner", "Value": "mallory"}]
    run.aws.client("dynamodb").tag_resource(ResourceArn=table, Tags=tags)
    for _ in range(2):
        assert run("drift", name, "--record").code == 12
    assert kinds(run, name)[3:] == ["drift-seen"], "the same drift is recorded once"
    assert records.file(name, "drift.json") is not None
    assert run("apply", name, "--yes").code == 0
    assert run("drift", name, "--record").code == 0
    assert run("destroy", name, "--yes").code == 0
    told = kinds(run, name)[4:]
    assert told[:3] == ["decision", "apply-started", "apply-ended"]
    assert told[-3:] == ["decision", "apply-started", "apply-ended"]
    assert "applied" not in records.status(name)
    assert records.file(name, "applied/terraform/main.tf") is None
    verified = audited(run, "verify")
    assert verified.code == 0, verified.out
    replayed = audited(run, "replay", "--all", "--format", "json")
    assert replayed.code == 0, replayed.out
    assert all(one["agrees"] for one in replayed.json["decisions"])


def test_an_apply_that_was_killed_is_visible_and_settled_by_the_next(
    run: Lab, tmp_path: Path
) -> None:
    name = "globex-shop"
    run = run.apart(tmp_path)
    rev, go, process = in_the_middle(run, tmp_path, name)
    process.kill()
    process.communicate(timeout=60)
    assert records_of(run).status(name)["applying"]["commit"] == rev
    assert kinds(run, name)[-1] == "apply-started"
    (pid,) = [path.read_text() for folder in run.runs(name) for path in folder.glob("home/pid")]
    go.touch()
    wait_for(lambda: not os.path.lexists(f"/proc/{pid}/exe"), 60)
    assert run("apply", name, "--yes", "--rev", rev).code == 0
    ends = [
        one.record.body
        for one in records_of(run).of_environment(name)
        if isinstance(one.record.body, ApplyEnded)
    ]
    assert [one.result for one in ends] == ["done", "interrupted"]
    assert all(one.started is not None for one in ends)
    assert "applying" not in records_of(run).status(name)
    assert audited(run, "verify").code == 0


def test_an_apply_whose_machine_is_gone_is_settled_by_whoever_has_the_lease_next(
    run: Lab, tmp_path: Path
) -> None:
    name = "acme-portal-dev"
    run = run.apart(tmp_path)
    rev, go, process = in_the_middle(run, tmp_path, name)
    process.kill()
    process.communicate(timeout=60)
    (pid,) = [path.read_text() for folder in run.runs(name) for path in folder.glob("home/pid")]
    go.touch()
    wait_for(lambda: not os.path.lexists(f"/proc/{pid}/exe"), 60)
    for folder in run.runs(name)[:1]:
        shutil.rmtree(folder)  # another machine knows nothing of it
    assert run("apply", name, "--yes", "--rev", rev).code == 0
    ends = [
        one.record.body
        for one in records_of(run).of_environment(name)
        if isinstance(one.record.body, ApplyEnded)
    ]
    assert [one.result for one in ends] == ["done", "interrupted"]
    assert "its holder's lease had ended" in ends[-1].diagnostics[0].detail
    assert audited(run, "settle", name, "--because", "again").code == 2
    assert audited(run, "verify").code == 0


def test_what_is_denied_is_recorded_once(run: Lab) -> None:
    evil = 'data "external" "x" {\n  program = ["touch", "/nowhere"]\n}\n'
    path = TEMPLATE.rpartition("/")[0] + "/evil.tf"
    rev = run.commit({**lab(), path: evil}, "evil-too")
    for _ in range(2):
        assert run("apply", "lab-denied", "--rev", rev, "--yes").code == 10
    assert kinds(run, "lab-denied") == ["decision"]
    assert records_of(run).status("lab-denied")["decision"]["verdict"] == "DENY"


def test_nothing_is_applied_on_a_broken_history(run: Lab) -> None:
    assert run("apply", "lab-broken", "--yes").code == 0
    records = records_of(run)
    tip = records.tip()
    repository = run.repo.repository
    commit = repository[tip].peel(pygit2.Commit)
    forged = repository.create_commit(
        None, commit.author, commit.committer, "nothing happened\n", commit.tree_id, [tip]
    )
    repository.references.create("refs/heads/records-sandbox", forged, force=True)
    refused = run("destroy", "lab-broken", "--yes")
    assert refused.code == 1
    assert "the history of records is" in refused.err
    assert "reconciler audit acknowledge" in refused.err
    broken = audited(run, "verify", "--format", "json")
    assert broken.code == 1
    names = [one["name"] for one in broken.json["breaks"]]
    assert names
    because = ("--because", "it was me, to see what happens")
    nobody = audited(run, "acknowledge", *names, *because, who="mallory@example.com")
    assert nobody.code == 2
    assert "no person of a team" in nobody.err
    done = audited(run, "acknowledge", *names, *because)
    assert done.code == 0, done.err
    verified = audited(run, "verify")
    assert verified.code == 0, verified.out
    assert audited(run, "verify", "--strict").code == 1
    assert run("destroy", "lab-broken", "--yes").code == 0
    assert audited(run, "log", "lab-broken").code == 0


READING = {
    "nested": 'output "z" {\n  value = split("\\u0000", upper(@))\n}\n',
    "local": "locals {\n  z = { a = [{ b = @ }] }\n}\n",
    "heredoc": "locals {\n  z = <<-EOT\n    a ${@}\n  EOT\n}\n",
    "directive": 'locals {\n  z = "%{ if @ != "" }x%{ endif }"\n}\n',
    "for": "locals {\n  z = { for one in [1] : one => @ if true }\n}\n",
    "condition": "locals {\n  z = true ? 1 : length(@)\n}\n",
    "splat": "locals {\n  z = [@][*]\n}\n",
    "dynamic": 'resource "terraform_data" "z" {\n  dynamic "x" {\n    for_each = [@]\n'
    "    content {}\n  }\n}\n",
    "count": 'resource "terraform_data" "z" {\n  count = length(@)\n}\n',
    "lifecycle": 'resource "terraform_data" "z" {\n  lifecycle {\n    precondition {\n'
    '      condition     = @ == ""\n      error_message = @\n    }\n  }\n}\n',
    "provider": 'provider "aws" {\n  alias  = "z"\n  region = @\n}\n',
    "output": 'output "z" {\n  value = 1\n  precondition {\n    condition     = false\n'
    "    error_message = @\n  }\n}\n",
    "check": 'check "z" {\n  assert {\n    condition     = false\n    error_message = @\n  }\n}\n',
    "variable": 'variable "z" {\n  default = 1\n  validation {\n    condition     = false\n'
    "    error_message = @\n  }\n}\n",
    "import": "import {\n  to = aws_sns_topic.news\n  id = @\n}\n",
    "function of a provider": "locals {\n  z = provider::aws::arn_parse(@)\n}\n",
    "built in": "locals {\n  z = core::@\n}\n",
    "beside": 'locals {\n  z = file("${path.module}/../run.json")\n}\n',
    "home": 'locals {\n  z = pathexpand("~")\n}\n',
    "hash": 'locals {\n  z = filesha256("/proc/self/environ")\n}\n',
    "template": 'locals {\n  z = templatefile("/proc/self/environ", {})\n}\n',
}


@pytest.mark.parametrize("form", READING)
def test_what_reads_files_never_gets_there(run: Lab, form: str) -> None:
    text = READING[form].replace("@", 'file("/proc/self/environ")')
    path = TEMPLATE.rpartition("/")[0] + "/evil.tf"
    rev = run.commit({**lab(), path: text}, f"reads-{form.replace(' ', '-')}")
    for verb, more in (("plan", ()), ("apply", ("--yes",))):
        done = run(verb, "lab-never", "--rev", rev, *more)
        assert done.code == 10, done.out + done.err
        assert "nothing critical reaches Terraform: COMP008" in done.out
    assert run.runs("lab-never") == []


@pytest.mark.parametrize(
    "argument",
    [
        'resource "aws_s3_object" "z" {\n  bucket = "b"\n  key    = "k"\n  source = "@"\n}\n',
        'resource "aws_lambda_function" "z" {\n  function_name = "z"\n  filename = "@"\n}\n',
    ],
    ids=["object", "code"],
)
def test_what_uploads_files_of_the_machine_never_gets_there(run: Lab, argument: str) -> None:
    path = TEMPLATE.rpartition("/")[0] + "/evil.tf"
    text = argument.replace("@", "/proc/self/environ")
    kind = argument.split('"')[1]
    rev = run.commit({**lab(), path: text}, f"uploads-{kind}")
    for verb, more in (("plan", ()), ("apply", ("--yes",))):
        done = run(verb, "lab-never", "--rev", rev, *more)
        assert done.code == 10, done.out + done.err
        assert "nothing critical reaches Terraform: COMP009" in done.out
    assert run.runs("lab-never") == []


@pytest.mark.parametrize("form", ["backend", "moved", "odd end"])
def test_what_is_no_source_of_ours_never_gets_there(run: Lab, form: str) -> None:
    text = {
        "backend": 'terraform {\n  backend "local" {\n    path = file("/etc/passwd")\n  }\n}\n',
        "moved": 'moved {\n  from = a.b\n  to   = file("/proc/self/environ")\n}\n',
        # Terraform ends the first text at the odd line, and takes what follows for code.
        "odd end": 'locals {\n  a = <<E\n\u00a0E\n  b = file("/etc/passwd")\n  c = <<E\nE\n}\n',
    }[form]
    path = TEMPLATE.rpartition("/")[0] + "/evil.tf"
    rev = run.commit({**lab(), path: text}, f"no-source-{form.replace(' ', '-')}")
    for verb, more in (("plan", ()), ("apply", ("--yes",))):
        done = run(verb, "lab-never", "--rev", rev, *more)
        assert done.code in (10, 13), done.out + done.err
    assert run.runs("lab-never") == []


def test_faults_that_are_none_are_told_before_terraform_starts(
    run: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_SANDBOX_FAULTS", '{"errors": [{"operation": "x"}]}')
    wrong = run("plan", "lab-never")
    assert (wrong.code, "RECONCILER_SANDBOX_FAULTS" in wrong.err) == (2, True), wrong.err
    assert run.runs("lab-never") == []


def test_what_was_begun_is_named_looked_for_and_not_made_twice(run: Lab) -> None:
    assert run("plan", "lab-twice", "--format", "json").json["doubts"] == []
    doubts = run.runs("lab-twice")[0].parent.parent / "doubts" / "lab-twice.json"
    doubts.write_text('{"addresses": ["aws_sns_topic.news", "aws_dynamodb_table.items"]}')
    tags = [
        {"Key": "managed-by", "Value": "reconciler"},
        {"Key": "environment", "Value": "lab-twice"},
    ]
    topics = run.aws.client("sns")
    topic = topics.create_topic(Name="lab-twice-news", Tags=tags)["TopicArn"]
    plan = run("plan", "lab-twice")
    assert "? aws_sns_topic.news was begun by an earlier apply" in plan.out
    names = run("plan", "lab-twice", "--format", "json").json["doubts"]
    assert names == ["aws_dynamodb_table.items", "aws_sns_topic.news"]
    refused = run("apply", "lab-twice", "--yes")
    assert (refused.code, topic in refused.err) == (1, True), refused.err
    assert "made twice" in refused.err
    assert run.tables("lab-twice") == []
    assert "to: aws_sns_topic.news," in run("drift", "lab-twice", "--imports").out
    wrong = run("apply", "lab-twice", "--yes", "--make-again", "aws_sns_topic.other")
    assert (wrong.code, "not in doubt" in wrong.err) == (2, True), wrong.err
    topics.delete_topic(TopicArn=topic)
    done = run("apply", "lab-twice", "--yes")
    assert (done.code, "SIMULATED APPLIED: " in done.out) == (0, True), done.err
    assert not doubts.exists()
    assert "output hidden: (sensitive)" in done.out
    again = run("apply", "lab-twice", "--yes", "--format", "json").json
    assert again["outputs"] == [{"name": "hidden", "value": {"__sensitive__": ""}}]
