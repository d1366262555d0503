"""The shipped blueprints, for every stage, isolation, rollout and size, and for odd parameters."""

from __future__ import annotations

import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.blueprints.cases import (
    PROVIDER_FACTS,
    REPOSITORY,
    REQUIRED,
    TRACKS,
    TRIM,
    Case,
    Render,
    Terraform,
)

STAGES = ("dev", "staging", "production")
ISOLATIONS = ("shared", "dedicated-vpc", "dedicated-account")
SIZES = ("small", "medium", "large")
STRATEGIES = {
    "serverless-demo": ("rolling",),
    "web-service": ("rolling", "blue-green"),
    "platform-core": ("rolling", "canary"),
}
PROTECTED = '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_COMMIT_REF_PROTECTED == "true"'
LONG_NAME = "shop-with-a-very-long-name-x"
HOSTILE = {
    "A": 'a "quote" and ${local.name}',
    "LONGER_NAME": "%{if true}\nline\\n",
    "C": "\u202e$$${x}",
}
CANARY = {"canary_image": REQUIRED["platform-core"]["image"]}

CORNERS = (
    Case("serverless-demo", ttl="72h", labels={"zone": "a b", "a": "1"}),
    Case(
        "serverless-demo",
        name=LONG_NAME,
        parameters={
            "alarm_email": "ada@example.com",
            "allowed_origins": ["https://a.example.com", "https://b.example.com"],
            "architecture": "x86_64",
            "authorization": "NONE",
            "environment_variables": HOSTILE,
        },
    ),
    Case("serverless-demo", region="us-gov-west-1"),
    Case(
        "web-service",
        stage="production",
        strategy="blue-green",
        name=LONG_NAME,
        parameters={
            "alarm_email": "ada@example.com",
            "allowed_cidrs": ["0.0.0.0/0", "10.1.0.0/16"],
            "container_protocol": "HTTPS",
            "environment_variables": HOSTILE,
            "hosted_zone_id": "Z0123456789ABC",
            "test_cidrs": ["10.2.0.0/16"],
            "web_acl_arn": "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/shop/0f1e",
        },
    ),
    Case(
        "web-service", parameters={"desired_count": 9, "max_count": 3, "zone_suffixes": ["a", "c"]}
    ),
    Case(
        "platform-core", stage="staging", strategy="canary", parameters={**CANARY, "canary_step": 0}
    ),
    Case(
        "platform-core",
        stage="production",
        isolation="dedicated-account",
        strategy="canary",
        name=LONG_NAME,
        parameters={
            **CANARY,
            "alarm_email": "ada@example.com",
            "allowed_cidrs": ["10.0.0.0/8"],
            "canary_step": 2,
            "environment_variables": HOSTILE,
        },
    ),
    # Beyond the profile's last step: the last step holds.
    Case("platform-core", strategy="canary", parameters={**CANARY, "canary_step": 20}),
    Case("platform-core", parameters={**CANARY, "canary_step": 1}),
    Case("platform-core", isolation="dedicated-account", parameters={"account_baseline": False}),
)

# Terraform is slow, so it sees only cases that differ in their resources.
VALIDATED = (
    Case("serverless-demo", ttl="48h"),
    Case("web-service"),
    Case("platform-core", stage="production", isolation="dedicated-vpc"),
    *(case for case in CORNERS if case.parameters and "canary_step" not in case.parameters),
    *(case for case in CORNERS if case.parameters.get("canary_step") in (0, 2)),
)


def cases_of(blueprint: str) -> list[Case]:
    grid = itertools.product(STAGES, ISOLATIONS, STRATEGIES[blueprint], SIZES)
    return [
        *(
            Case(blueprint, stage, isolation, strategy, parameters={"size": size})
            for stage, isolation, strategy, size in grid
        ),
        *(case for case in CORNERS if case.blueprint == blueprint),
    ]


def write(files: dict[str, str], folder: Path) -> Path:
    """Write the Terraform files of a case and say where they are."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder / "terraform"


def pipeline_of(render: Render, case: Case) -> dict[str, Any]:
    return parsed(render(case)["pipeline/.gitlab-ci.yml"])


@cache
def parsed(text: str) -> dict[str, Any]:
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


def jobs_of(pipeline: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The jobs, with what they take over by `extends`."""
    for name, job in pipeline.items():
        if isinstance(job, dict) and name not in ("workflow", "default", "variables"):
            full = job
            parent = job.get("extends")
            while parent:
                base = pipeline[parent]
                variables = {**base.get("variables", {}), **full.get("variables", {})}
                full = {**base, **full, "variables": variables}
                parent = base.get("extends")
            if not name.startswith("."):
                yield name, full


# ------------------------------------------------------------------------------- Terraform


@pytest.mark.parametrize("blueprint", TRACKS)
def test_rendered_source_is_as_terraform_formats_it(
    blueprint: str, render: Render, terraform: Terraform, tmp_path: Path
) -> None:
    for number, case in enumerate(cases_of(blueprint)):
        files = render(case)
        untidy = re.compile(r"\n\n\n|\n\n\}|\n\n\Z|[^\n]\Z")
        assert not [path for path, text in files.items() if untidy.search(text)], case
        write(files, tmp_path / str(number))
    done = terraform(tmp_path, "fmt", "-check", "-diff", "-recursive")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", VALIDATED, ids=str)
def test_terraform_accepts_the_source(
    case: Case, render: Render, terraform: Terraform, tmp_path: Path
) -> None:
    folder = write(render(case), tmp_path)
    done = validate(terraform, folder)
    assert done["valid"], done["diagnostics"]
    assert not done["diagnostics"]
    # Validation takes names and types; a plan evaluates every expression too.
    planned = terraform(folder, "plan", "-input=false", "-lock=false", "-no-color")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert " to change, 0 to destroy." in planned.stdout


@pytest.mark.parametrize("blueprint", ["web-service", "platform-core"])
def test_long_names_fit(
    blueprint: str, render: Render, terraform: Terraform, tmp_path: Path
) -> None:
    folder = write(render(Case(blueprint, name=LONG_NAME, region="ap-southeast-2")), tmp_path)
    validate(terraform, folder)
    planned = terraform(folder, "plan", "-input=false", "-lock=false", "-out=plan.bin")
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(terraform(folder, "show", "-json", "plan.bin").stdout)
    resources = plan["planned_values"]["root_module"]["resources"]
    names = {one["address"]: one.get("values", {}) for one in resources}
    limits = {
        "aws_lb": ("name", 32),
        "aws_lb_target_group": ("name", 32),
        "aws_s3_bucket": ("bucket", 63),
    }
    for address, values in names.items():
        key, limit = limits.get(address.partition(".")[0], ("", 0))
        if key:
            assert len(values[key]) <= limit, values[key]
            assert "--" not in values[key]


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("  billing_mode ", "  billing_mood ", "Unsupported argument"),
        ('= "PAY_PER_REQUEST"', "= [1]", "Incorrect attribute value type"),
        ('    type = "S"\n', "", "Missing required argument"),
        ("  ttl {", "  tll {", "Unsupported block type"),
        ('resource "aws_dynamodb_table"', 'resource "aws_dynamo_table"', "Invalid resource type"),
    ],
)
def test_the_schema_provider_notices(
    old: str, new: str, message: str, render: Render, terraform: Terraform, tmp_path: Path
) -> None:
    files = render(Case("serverless-demo"))
    data = files["terraform/data.tf"]
    assert old in data
    done = validate(
        terraform, write({**files, "terraform/data.tf": data.replace(old, new)}, tmp_path)
    )
    assert message in {one["summary"] for one in done["diagnostics"]}


def validate(terraform: Terraform, folder: Path) -> dict[str, Any]:
    started = terraform(folder, "init", "-backend=false", "-input=false", "-no-color")
    assert started.returncode == 0, started.stdout + started.stderr
    done = json.loads(terraform(folder, "validate", "-json").stdout)
    assert isinstance(done, dict)
    return done


def test_the_provider_facts_hold_what_the_blueprints_use() -> None:
    trim = runpy.run_path(str(TRIM))
    facts = json.loads(PROVIDER_FACTS.read_text(encoding="utf-8"))
    used = trim["used_types"](REPOSITORY / "templates")
    assert {section: set(facts[section]) for section in used} == used
    assert PROVIDER_FACTS.read_text(encoding="utf-8") == trim["trimmed"](facts, used)


@pytest.mark.parametrize("blueprint", TRACKS)
def test_every_source_pins_the_provider_and_tags_everything(blueprint: str, render: Render) -> None:
    main = render(Case(blueprint, labels={"purpose": "trial"}))["terraform/main.tf"]
    assert re.search(r'source  = "hashicorp/aws"\n +version = "6.25.0"', main)
    assert 'allowed_account_ids = ["111122223333"]' in main
    assert re.search(r'"purpose" +=', main)


@pytest.mark.parametrize("blueprint", TRACKS)
def test_no_data_source_module_or_provisioner(blueprint: str, render: Render) -> None:
    for case in cases_of(blueprint):
        text = "\n".join(render(case).values())
        assert not re.search(r'^\s*(data|module|provisioner|import) "', text, re.MULTILINE)
        assert not re.search(r"\b(file|templatefile|filebase64)\(", text)


# -------------------------------------------------------------------------------- pipelines


@pytest.mark.parametrize("blueprint", TRACKS)
def test_gitlab_accepts_the_pipeline(blueprint: str, render: Render) -> None:
    folder = os.environ.get("RECONCILER_GITLAB_SCHEMAS")
    if not folder:
        pytest.skip("RECONCILER_GITLAB_SCHEMAS does not name a folder with GitLab's schemas")
    path = Path(folder) / "app_assets_javascripts_editor_schema_ci.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    check = jsonschema.validators.validator_for(schema)(schema)
    seen: list[dict[str, Any]] = []
    for case in cases_of(blueprint):
        pipeline = pipeline_of(render, case)
        if pipeline not in seen:
            seen.append(pipeline)
            assert not [error.message for error in check.iter_errors(pipeline)], case


@pytest.mark.parametrize("blueprint", TRACKS)
def test_every_job_says_when_where_and_what(blueprint: str, render: Render) -> None:
    for case in cases_of(blueprint):
        pipeline = pipeline_of(render, case)
        jobs = dict(jobs_of(pipeline))
        assert {"validate", "plan", "applied", "smoke"} <= jobs.keys()
        for name, job in jobs.items():
            assert job["stage"] in pipeline["stages"], name
            assert job["script"], name
            assert job["rules"], name
            assert set(job.get("needs", ())) <= jobs.keys(), name
        assert pipeline["default"]["image"] == REQUIRED[blueprint]["ci_image"]


@pytest.mark.parametrize("blueprint", TRACKS)
def test_merge_requests_only_read(blueprint: str, render: Render) -> None:
    for case in cases_of(blueprint):
        pipeline = pipeline_of(render, case)
        assert pipeline["variables"]["READ_ROLE_ARN"].endswith(":111122223333:role/reconciler-read")
        for name, job in jobs_of(pipeline):
            script = "\n".join(job["script"])
            assert not re.search(r"terraform (apply|destroy|import|state)\b", script), name
            assert not re.search(r"\|\s*(ba)?sh\b|\beval\b", script), name
            if name not in ("validate", "plan"):
                assert [rule["if"] for rule in job["rules"]] == [PROTECTED], name
            role = job.get("variables", {}).get("AWS_ROLE_ARN")
            assert role in (None, "$READ_ROLE_ARN") or name.startswith("release-"), name


def test_production_releases_wait_for_a_person(render: Render) -> None:
    for stage in ("staging", "production"):
        jobs = dict(jobs_of(pipeline_of(render, Case("web-service", stage, strategy="blue-green"))))
        rule = jobs["release-shift"]["rules"][0]
        assert (rule["when"], rule["allow_failure"]) == ("manual", False)
        assert "release-shift" in jobs["smoke"]["needs"]
    in_dev = dict(jobs_of(pipeline_of(render, Case("web-service", strategy="blue-green"))))
    assert "release-shift" not in in_dev
    rolling = dict(jobs_of(pipeline_of(render, Case("web-service"))))
    assert not [name for name in rolling if name.startswith("release")]


@pytest.mark.parametrize("step, traffic", [(1, "5"), (2, "25"), (3, "100"), (9, "100")])
def test_the_canary_follows_the_profiles_steps(step: int, traffic: str, render: Render) -> None:
    case = Case("platform-core", strategy="canary", parameters={**CANARY, "canary_step": step})
    assert f"canary_traffic = {traffic}\n" in render(case)["terraform/compute.tf"]


@pytest.mark.parametrize("blueprint", TRACKS)
def test_scripts_are_shell(blueprint: str, render: Render, tmp_path: Path) -> None:
    scripts = {
        "\n".join([*job.get("before_script", ()), *job["script"], *job.get("after_script", ())])
        for case in cases_of(blueprint)
        for _, job in jobs_of(pipeline_of(render, case))
    }
    for number, script in enumerate(sorted(scripts)):
        path = tmp_path / f"{number}.sh"
        path.write_text(script, encoding="utf-8")
        done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, script + done.stderr


def test_the_plan_report_counts_changes(render: Render, tmp_path: Path) -> None:
    if shutil.which("python3") is None:
        pytest.skip("python3 is not on PATH")
    plan = dict(jobs_of(pipeline_of(render, Case("serverless-demo"))))["plan"]
    (script,) = (line for line in plan["script"] if line.startswith("python3"))
    actions = [["create"], ["delete", "create"], ["update"], ["no-op"], ["read"]]
    changes = [{"change": {"actions": one}} for one in actions]
    (tmp_path / "plan.json").write_text(json.dumps({"resource_changes": changes}), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "CI_PROJECT_DIR": str(tmp_path)}
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, check=True, timeout=30)
    report = json.loads((tmp_path / plan["artifacts"]["reports"]["terraform"]).read_text())
    assert report == {"create": 2, "update": 1, "delete": 1}


@pytest.mark.parametrize(
    "isolation, baseline, made",
    [
        ("dedicated-account", True, True),
        ("dedicated-account", False, False),
        ("dedicated-vpc", True, False),
    ],
)
def test_only_the_owner_of_an_account_sets_it_up(
    isolation: str, *, baseline: bool, made: bool, render: Render
) -> None:
    parameters = {"account_baseline": baseline}
    text = "\n".join(
        render(Case("platform-core", isolation=isolation, parameters=parameters)).values()
    )
    assert ('resource "aws_guardduty_detector"' in text) is made
    assert ('resource "aws_cloudtrail"' in text) is made
    assert ("TrailWritesLogs" in text) is made
    assert ("EncryptTrail" in text) is made


def test_a_demo_is_closed_when_its_time_is_up(render: Render) -> None:
    jobs = dict(jobs_of(pipeline_of(render, Case("serverless-demo", ttl="48h"))))
    assert jobs["applied"]["environment"]["auto_stop_in"] == "48 hours"
    assert jobs["applied"]["environment"]["on_stop"] == "stop"
    assert jobs["stop"]["environment"]["action"] == "stop"
    without = dict(jobs_of(pipeline_of(render, Case("serverless-demo"))))
    assert "auto_stop_in" not in without["applied"]["environment"]
