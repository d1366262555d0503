"""Our own pipeline: valid for GitLab, runs what people run, and does nothing privileged."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

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
    return {name: body for name, body in pipeline.items() if name not in KEYWORDS}


def test_valid_by_gitlabs_own_schema(pipeline: dict[str, Any]) -> None:
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
    assert [job["stage"] for job in jobs.values()] == pipeline["stages"]


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
