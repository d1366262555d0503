"""Our own pipeline, and the one of a new environments repository.

Valid for GitLab, runs what people run, and does nothing privileged.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.app.init import starting_files
from reconciler.cli.check_command import FORMATS
from reconciler.errors import Exit

ROOT = Path(__file__).parents[2]
SCHEMA = "app_assets_javascripts_editor_schema_ci.json"
KEYWORDS = {"stages", "workflow", "variables", "default", "include", "image", "cache", "spec"}


@pytest.fixture(scope="module")
def pipeline() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def jobs(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return jobs_of(pipeline)


def jobs_of(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The jobs, each with what it extends, merged as GitLab does."""
    return {
        name: merged(pipeline[body["extends"]], body) if "extends" in body else body
        for name, body in pipeline.items()
        if name not in KEYWORDS and not name.startswith(".")
    }


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Maps are merged, everything else is replaced."""
    both = {
        key: merged(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], dict) and isinstance(above[key], dict)
    }
    return {**below, **above, **both}


@pytest.fixture(scope="module")
def starting() -> dict[str, Any]:
    """The pipeline that `reconciler init` writes."""
    loaded = yaml.safe_load(starting_files([])[".gitlab-ci.yml"])
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("which", ["pipeline", "starting"])
def test_valid_by_gitlabs_own_schema(which: str, request: pytest.FixtureRequest) -> None:
    pipeline = request.getfixturevalue(which)
    folder = os.environ.get("RECONCILER_GITLAB_SCHEMAS")
    if not folder:
        pytest.skip(f"set RECONCILER_GITLAB_SCHEMAS to the folder that holds GitLab's {SCHEMA}")
    schema = json.loads((Path(folder) / SCHEMA).read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(pipeline)] == []


def test_runs_what_people_run(jobs: dict[str, dict[str, Any]]) -> None:
    assert jobs["check"]["script"] == ["make check"]
    (test,) = jobs["test"]["script"]
    assert test.split()[:2] == ["make", "test"]


def test_every_job_is_in_a_stage_in_order(
    pipeline: dict[str, Any], jobs: dict[str, dict[str, Any]]
) -> None:
    assert pipeline["stages"] == ["check", "test", "package"]
    found = [job["stage"] for job in jobs.values()]
    assert found == sorted(found, key=pipeline["stages"].index)
    assert set(found) == set(pipeline["stages"])


def test_all_supported_pythons_are_tested(jobs: dict[str, dict[str, Any]]) -> None:
    (matrix,) = jobs["test"]["parallel"]["matrix"]
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for version in matrix["PYTHON_VERSION"]:
        assert f'"Programming Language :: Python :: {version}"' in declared
    assert len(matrix["PYTHON_VERSION"]) == declared.count('"Programming Language :: Python :: 3.')


def test_the_junit_report_is_where_pytest_writes_it(jobs: dict[str, dict[str, Any]]) -> None:
    report = jobs["test"]["artifacts"]["reports"]["junit"]
    assert f"--junitxml={report}" in jobs["test"]["script"][0]
    assert jobs["test"]["artifacts"]["when"] == "always"


@pytest.mark.parametrize(
    "which, names", [("pipeline", "judge"), ("starting", "check")], ids=["own", "starting"]
)
def test_every_commit_is_checked_and_every_report_is_uploaded(
    which: str, names: str, request: pytest.FixtureRequest
) -> None:
    found = jobs_of(request.getfixturevalue(which))
    change, whole = found[f"{names}-change"], found[f"{names}-all"]
    assert change["rules"] == [
        {
            "if": '$CI_PIPELINE_SOURCE == "merge_request_event"',
            "variables": {"RANGE": "--base FETCH_HEAD"},
        }
    ]
    assert whole["rules"] == [
        {"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "variables": {"RANGE": "--all"}}
    ]
    for job in (change, whole):
        *_, command = job["script"]
        written = dict(re.findall(r"--report ([a-z-]+)=(\S+)", command))
        assert set(written) == set(FORMATS) - {"json"}
        assert all(path.startswith("reports/") for path in written.values())
        assert job["artifacts"]["paths"] == ["reports/"]
        assert job["artifacts"]["when"] == "always"
        assert any(line.startswith("git fetch") for line in job["script"])
        uploaded = job["artifacts"]["reports"]
        assert uploaded["junit"] == written["junit"]
        assert uploaded["codequality"] == written["gitlab-codequality"]
    # With --all nothing is asked of secrets, and an empty list is no clean one.
    written = dict(re.findall(r"--report ([a-z-]+)=(\S+)", change["script"][-1]))
    assert change["artifacts"]["reports"]["secret_detection"] == written["gitlab-secret"]
    assert "secret_detection" not in whole["artifacts"]["reports"]


def test_only_what_needs_approval_does_not_fail(
    jobs: dict[str, dict[str, Any]], starting: dict[str, Any]
) -> None:
    needs_approval = {"exit_codes": [int(Exit.APPROVAL_NEEDED)]}
    new = jobs_of(starting)
    for job in (jobs["judge-all"], new["check-change"], new["check-all"]):
        assert job["allow_failure"] == needs_approval
    # Nobody who develops this program is in a team of the samples.
    assert Exit.INDETERMINATE not in jobs["judge-change"]["allow_failure"]["exit_codes"]


def test_never_two_pipelines_for_one_push(pipeline: dict[str, Any]) -> None:
    assert pipeline["workflow"]["rules"] == [
        {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'},
        {"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"},
    ]


def test_a_fork_gets_no_secret_and_no_package(jobs: dict[str, dict[str, Any]]) -> None:
    for name, job in jobs.items():
        assert not {"secrets", "id_tokens", "environment", "release", "trigger"} & set(job), name
    first = jobs["wheel"]["rules"][0]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID" in first["if"]
    assert first["when"] == "never"
