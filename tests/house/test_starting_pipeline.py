"""The pipeline of a new environments repository: who gets credentials, and what its scripts do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from reconciler.app.init import starting_files
from reconciler.model.affected import Affected, Effect
from reconciler.report.jobs import gitlab_apply, names
from tests.house.test_gitlab_ci import SCHEMA, jobs_of
from tests.repos import GitRepo, small

Job = dict[str, Any]
CHANGES: Final = [
    Affected("shop", "environments/shop.yaml", Effect.CHANGED, ()),
    Affected("new-shop", "environments/new-shop.yaml", Effect.ADDED, ()),
    Affected("old-shop", "environments/old-shop.yaml", Effect.REMOVED, ()),
    Affected("still-shop", "environments/still-shop.yaml", Effect.REJUDGED, ()),
    Affected("$(reboot)", "environments/$(reboot).yaml", Effect.ADDED, (), broken=True),
    Affected("-rf", "environments/-rf.yaml", Effect.ADDED, (), broken=True),
]


@pytest.fixture(scope="module")
def pipeline() -> Job:
    loaded = yaml.safe_load(starting_files([])[".gitlab-ci.yml"])
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def jobs(pipeline: Job) -> dict[str, Job]:
    return jobs_of(pipeline)


def rules(job: Job) -> list[tuple[str, str]]:
    return [(one["if"], one.get("when", "")) for one in job.get("rules", ())]


def test_never_two_pipelines_for_one_push(pipeline: Job) -> None:
    assert rules({"rules": pipeline["workflow"]["rules"]}) == [
        ('$CI_PIPELINE_SOURCE == "merge_request_event"', ""),
        ("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", ""),
    ]


def test_every_job_is_in_a_stage(pipeline: Job, jobs: dict[str, Job]) -> None:
    assert {job["stage"] for job in jobs.values()} == set(pipeline["stages"])


def test_only_planning_and_applying_get_a_token(jobs: dict[str, Job]) -> None:
    assert {name for name, job in jobs.items() if "id_tokens" in job} == {"plan"}
    assert not [name for name, job in jobs.items() if "secrets" in job]
    assert jobs["plan"]["id_tokens"] == {"AWS_ID_TOKEN": {"aud": "$AWS_AUDIENCE"}}


def test_a_fork_gets_no_token(jobs: dict[str, Job]) -> None:
    first, *_ = rules(jobs["plan"])
    assert first == ("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID", "never")


def test_only_the_protected_default_branch_applies(jobs: dict[str, Job]) -> None:
    for name in ("applies", "apply"):
        first, _, last = rules(jobs[name])
        assert first == ('$CI_COMMIT_REF_PROTECTED != "true"', "never")
        assert last == ("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "")
    for name, job in jobs.items():
        assert "reconciler apply" not in str(job.get("script")), name


def test_one_at_a_time_and_never_cut_off(jobs: dict[str, Job]) -> None:
    assert jobs["apply"]["resource_group"] == "production"
    assert jobs["apply"]["interruptible"] is False
    assert jobs["apply"]["trigger"]["strategy"] == "depend"
    (include,) = jobs["apply"]["trigger"]["include"]
    assert include["artifact"] in jobs["applies"]["artifacts"]["paths"]
    assert include["job"] == "applies"


def test_all_that_is_changed_is_applied_each_by_itself() -> None:
    found = json.loads(gitlab_apply(CHANGES))
    assert found["workflow"]["rules"] == [{"if": '$CI_COMMIT_REF_PROTECTED == "true"'}]
    made = {name: job for name, job in found.items() if name.startswith("apply ")}
    assert list(made) == ["apply new-shop", "apply shop"]
    for name, job in made.items():
        environment = name.removeprefix("apply ")
        assert job["resource_group"] == environment
        assert job["environment"] == {"name": environment}
        assert job["script"][-1] == f"reconciler apply {environment} --yes"
    assert names(CHANGES) == "new-shop\nshop\n"


def test_a_push_that_changes_nothing_is_a_pipeline_all_the_same() -> None:
    found = json.loads(gitlab_apply(CHANGES[2:]))
    assert found["nothing to apply"]["script"]
    assert names(CHANGES[2:]) == ""


def test_the_child_is_valid_by_gitlabs_own_schema() -> None:
    folder = os.environ.get("RECONCILER_GITLAB_SCHEMAS")
    if not folder:
        pytest.skip(f"set RECONCILER_GITLAB_SCHEMAS to the folder that holds GitLab's {SCHEMA}")
    schema = json.loads((Path(folder) / SCHEMA).read_text(encoding="utf-8"))
    for changes in (CHANGES, []):
        jsonschema.Draft7Validator(schema).validate(json.loads(gitlab_apply(changes)))


# -- the scripts, run by a shell as a runner runs them --------------------------------------------

STUB: Final = """\
#!/bin/sh
echo "$*" >> "$LOG"
case "$1" in
  affected) printf '%s' "$NAMES" ;;
  plan) code=$(printf '%s' "$CODES" | sed -n "s/^$2=//p"); exit "$code" ;;
esac
"""


class Runner:
    """A clone of a repository with a target branch and a change, and a `reconciler` that notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.log = folder / "log"
        origin = GitRepo.make(folder / "origin.git")
        self.first = str(origin.commit(small()))
        git = ["git", "-c", "protocol.file.allow=always"]
        subprocess.run(
            [*git, "clone", "-q", str(folder / "origin.git"), str(self.folder)], check=True
        )
        stub = folder / "bin" / "reconciler"
        stub.parent.mkdir()
        stub.write_text(STUB, encoding="utf-8")
        stub.chmod(0o755)
        self.path = f"{stub.parent}:{os.environ['PATH']}"

    def run(self, job: Job, **variables: str) -> int:
        script = "set -eo pipefail\n" + "\n".join(job["script"])
        environment = {"PATH": self.path, "LOG": str(self.log), "HOME": str(self.folder)}
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environment | variables, check=False
        )
        return done.returncode

    @property
    def said(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize(
    "codes, worst",
    [
        ({"one": 0, "two": 0}, 0),
        ({"one": 11, "two": 0}, 11),
        ({"one": 0, "two": 11}, 11),
        ({"one": 10, "two": 11}, 1),
        ({"one": 11, "two": 13}, 1),
        ({"one": 1, "two": 0}, 1),
        ({}, 0),
    ],
)
def test_every_environment_is_planned_and_the_worst_counts(
    codes: dict[str, int], worst: int, jobs: dict[str, Job], runner: Runner
) -> None:
    code = runner.run(
        jobs["plan"],
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
        CI_COMMIT_SHA=runner.first,
        NAMES="".join(f"{name}\n" for name in codes),
        CODES="".join(f"{name}={code}\n" for name, code in codes.items()),
    )
    assert code == worst
    planned = [one.split() for one in runner.said if one.startswith("plan ")]
    assert [one[1] for one in planned] == list(codes)
    (report,) = [jobs["plan"]["artifacts"]["reports"]["terraform"]]
    for one in planned:
        assert one[2:4] == ["--rev", runner.first]
        written = one[-1].removeprefix("terraform=")
        assert re.fullmatch(report.replace("*", ".*"), written)
    assert worst in (0, 1, *jobs["plan"]["allow_failure"]["exit_codes"])


@pytest.mark.parametrize("before", ["", "0" * 40, "known"])
def test_what_a_push_changed_is_told_also_where_gitlab_does_not_know_it(
    before: str, jobs: dict[str, Job], runner: Runner
) -> None:
    base = runner.first if before in ("", "known") else before
    code = runner.run(jobs["applies"], CI_COMMIT_BEFORE_SHA=base, CI_COMMIT_SHA="HEAD", NAMES="{}")
    assert code == 0
    (said,) = runner.said
    assert said == f"affected --base {runner.first} --head HEAD --format gitlab-apply"
    assert (runner.folder / "reports/apply.yml").read_text(encoding="utf-8") == "{}"


def test_secrets_are_looked_for_in_every_commit_of_the_change(
    jobs: dict[str, Job], runner: Runner
) -> None:
    code = runner.run(
        jobs["secrets"], CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main", CI_COMMIT_SHA="abc"
    )
    assert code == 0
    assert runner.said == ["scan --range FETCH_HEAD..abc"]
