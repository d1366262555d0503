"""What the provider refuses, marks, replaces and survives, seen through the real terraform."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.sandbox import mirror
from reconciler.adapters.sandbox.configuration import ConfigurationError, loopback
from tests.sandbox.conftest import Aws, Work, Workspace, changes, drifted

ACCOUNT = "210987654321"
REGION = "eu-west-1"
HEAD = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "6.25.0" }
  }
}

provider "aws" {
  region              = "eu-west-1"
  allowed_account_ids = ["210987654321"]

  default_tags {
    tags = { environment = "%s" }
  }
}
"""
TOPIC = 'resource "aws_sns_topic" "it" { name = "%s" }\n'
GROUPS = """
resource "aws_cloudwatch_log_group" "many" {
  for_each = toset(["a", "b", "c"])
  name     = "%s-${each.key}"
}
"""


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of this test's own: the cloud is shared."""
    return str(request.node.name).replace("_", "-").replace("[", "-").replace("]", "")


@pytest.fixture
def aws(endpoint: str) -> Aws:
    return Aws(endpoint, ACCOUNT, REGION)


def errors(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout
    return " ".join(done.stderr.replace("│", " ").split())


def started(work: Work, name: str, text: str) -> Workspace:
    return work(HEAD % name + text).init()


# ------------------------------------------------------------------------------ what it refuses


def test_an_unknown_attribute_is_terraforms_own_error(work: Work, name: str) -> None:
    text = 'resource "aws_sns_topic" "it" { nome = "x" }'
    done = started(work, name, text).run("validate", check=False)
    assert "Unsupported argument" in errors(done)


@pytest.mark.parametrize(
    "endpoint_url",
    [
        "",
        "https://sts.amazonaws.com",
        "http://169.254.169.254:80",
        "http://0.0.0.0:4566",
        "http://localhost.example.com:80",
        "http://127.0.0.1@example.com:80",
        "http://127.0.0.1",
        "https://127.0.0.1:4566",
        "http://localhost:4566",
        "http://[::ffff:8.8.8.8]:80",
        "http://127.0.0.1:port",
    ],
)
def test_other_addresses_are_not_loopback(endpoint_url: str) -> None:
    with pytest.raises(ConfigurationError, match="only talks to a sandbox"):
        loopback(endpoint_url)


@pytest.mark.parametrize("endpoint_url", ["http://127.0.0.1:4566", "http://[::1]:4566"])
def test_loopback(endpoint_url: str) -> None:
    assert loopback(endpoint_url) == endpoint_url


def test_only_a_cloud_on_loopback(work: Work) -> None:
    workspace = started(work, "x", TOPIC % "x")
    workspace.extra["AWS_ENDPOINT_URL"] = "https://sts.amazonaws.com"
    said = errors(workspace.run("plan", "-no-color", check=False))
    assert "only talks to a sandbox" in said


def test_another_account_is_refused(work: Work, name: str, aws: Aws) -> None:
    workspace = started(work, name, TOPIC % name)
    workspace.extra["RECONCILER_SANDBOX_ACCOUNT"] = "999999999999"
    said = errors(workspace.run("apply", "-auto-approve", "-no-color", check=False))
    assert "AWS account ID not allowed: 999999999999" in said
    assert not aws.tagged(name)


@pytest.mark.soak
def test_the_account_of_credentials_counts(work: Work, name: str, aws: Aws) -> None:
    role = "arn:aws:iam::{}:role/reconciler"
    workspace = started(work, name, TOPIC % name)
    for account, answer in ((ACCOUNT, 0), ("999999999999", 1)):
        given = aws.client("sts").assume_role(
            RoleArn=role.format(account), RoleSessionName="someone"
        )["Credentials"]
        workspace.extra["AWS_ACCESS_KEY_ID"] = given["AccessKeyId"]
        workspace.extra["AWS_SECRET_ACCESS_KEY"] = given["SecretAccessKey"]
        assert workspace.run("plan", "-no-color", check=False).returncode == answer


@pytest.mark.soak
def test_accounts_are_apart(work: Work, name: str, aws: Aws, endpoint: str) -> None:
    workspace = started(work, name, TOPIC % name)
    workspace.plan()
    workspace.apply()
    assert aws.tagged(name) == {f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"}
    assert not Aws(endpoint, "999999999999", REGION).tagged(name)


# ------------------------------------------------------------------------ what it marks and does


def test_passwords_are_marked_as_sensitive(work: Work, name: str) -> None:
    text = """
resource "aws_db_instance" "it" {
  identifier          = "%s"
  engine              = "postgres"
  engine_version      = "17"
  instance_class      = "db.t4g.micro"
  allocated_storage   = 20
  username            = "someone"
  password            = "correct-horse-battery"
  skip_final_snapshot = true
}
"""
    workspace = started(work, name, text % "secret-db")
    planned = workspace.run("plan", "-no-color", "-out=plan.bin").stdout
    assert "correct-horse" not in planned
    assert "(sensitive value)" in planned
    (change,) = json.loads(workspace.run("show", "-json", "plan.bin").stdout)["resource_changes"]
    assert change["change"]["after_sensitive"]["password"] is True
    workspace.apply()
    assert not changes(workspace.plan())
    workspace.destroy()


@pytest.mark.soak
def test_a_change_that_cannot_be_made_in_place_replaces(work: Work, name: str) -> None:
    workspace = started(work, name, TOPIC % name)
    workspace.plan()
    workspace.apply()
    (workspace.folder / "main.tf").write_text(HEAD % name + TOPIC % f"{name}-2")
    plan = workspace.plan()
    assert changes(plan) == {"aws_sns_topic.it": ["delete", "create"]}
    assert plan["resource_changes"][0]["change"]["replace_paths"] == [["name"]]
    workspace.apply()
    workspace.destroy()


@pytest.mark.soak
def test_what_exists_is_imported(work: Work, name: str, aws: Aws) -> None:
    arn = aws.client("sns").create_topic(Name=name)["TopicArn"]
    block = f'\nimport {{\n  to = aws_sns_topic.it\n  id = "{arn}"\n}}\n'
    workspace = started(work, name, TOPIC % name + block)
    (one,) = workspace.plan()["resource_changes"]
    assert one["change"]["importing"] == {"id": arn}
    # Nothing differs but the tags that every resource gets.
    before, after = one["change"]["before"], one["change"]["after"]
    assert {key for key in after if before[key] != after[key]} <= {"tags_all"}
    workspace.apply()
    assert not changes(workspace.plan())
    workspace.destroy()


@pytest.mark.soak
def test_what_no_state_knows_is_found_by_its_tag(work: Work, name: str, aws: Aws) -> None:
    workspace = started(work, name, TOPIC % name)
    workspace.plan()
    workspace.apply()
    tags = [{"Key": "environment", "Value": name}]
    rogue = aws.client("sns").create_topic(Name=f"{name}-rogue", Tags=tags)["TopicArn"]
    known = {one["values"]["arn"] for one in workspace.state()}
    assert aws.tagged(name) - known == {rogue}
    assert not changes(workspace.plan())


@pytest.mark.soak
def test_an_emptied_cloud_is_all_drift(work: Work, name: str, aws: Aws) -> None:
    workspace = started(work, name, GROUPS % name)
    workspace.plan()
    workspace.apply()
    for one in workspace.state():
        aws.client("logs").delete_log_group(logGroupName=one["values"]["name"])
    plan = workspace.plan()
    assert set(map(tuple, drifted(plan).values())) == {("delete",)}
    assert set(map(tuple, changes(plan).values())) == {("create",)}


# -------------------------------------------------------------------------------- faults on demand


def fault(operation: str, **more: Any) -> str:
    return json.dumps({"errors": [{"operation": operation, **more}]})


@pytest.mark.parametrize(
    "kind, said",
    [
        ("error", "InternalError"),
        pytest.param("throttle", "ThrottlingException", marks=pytest.mark.soak),
    ],
)
def test_an_apply_that_partly_fails(kind: str, said: str, work: Work, name: str, aws: Aws) -> None:
    workspace = started(work, name, GROUPS % name)
    workspace.plan()
    workspace.extra["RECONCILER_SANDBOX_FAULTS"] = fault("logs:CreateLogGroup", nth=2, kind=kind)
    done = workspace.run("apply", "-no-color", "plan.bin", check=False)
    assert said in errors(done)
    assert len(workspace.state()) == len(aws.tagged(name)) == 2
    workspace.extra.clear()
    assert len(changes(workspace.plan())) == 1
    workspace.apply()
    assert not changes(workspace.plan())
    assert len(aws.tagged(name)) == 3


def test_what_is_half_made_is_known_and_made_again(work: Work, name: str, tmp_path: Path) -> None:
    text = f'resource "aws_cloudwatch_log_group" "it" {{\n  name = "{name}"\n'
    workspace = started(work, name, f"{text}  retention_in_days = 7\n}}\n")
    workspace.plan()
    told = tmp_path / "faults.json"
    told.write_text(fault("logs:PutRetentionPolicy"))
    workspace.extra["RECONCILER_SANDBOX_FAULTS"] = str(told)
    errors(workspace.run("apply", "-no-color", "plan.bin", check=False))
    told.unlink()
    workspace.extra.clear()
    assert changes(workspace.plan()) == {"aws_cloudwatch_log_group.it": ["delete", "create"]}
    workspace.apply()
    assert not changes(workspace.plan())


def test_faults_that_cannot_be_read_are_said(work: Work, name: str) -> None:
    workspace = started(work, name, TOPIC % name)
    workspace.extra["RECONCILER_SANDBOX_FAULTS"] = '{"errors": [{"operation": "sns"}]}'
    said = errors(workspace.run("plan", "-no-color", check=False))
    assert "RECONCILER_SANDBOX_FAULTS cannot be read" in said


@pytest.mark.soak
def test_interrupted_while_something_is_made(work: Work, name: str, aws: Aws) -> None:
    """terraform waits for what is under way, and remembers it."""
    workspace = started(work, name, TOPIC % name)
    workspace.plan()
    faults = json.dumps({"delays": {"aws_sns_topic": 1.5}})
    process = subprocess.Popen(
        [workspace.program, "apply", "-json", "plan.bin"],
        cwd=workspace.folder,
        env={**workspace.environment, "RECONCILER_SANDBOX_FAULTS": faults},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    made = threading.Event()
    with process.stdout:
        for line in process.stdout:
            if json.loads(line)["type"] == "apply_start" and not made.is_set():
                made.set()
                process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert made.is_set()
    assert [one["address"] for one in workspace.state()] == ["aws_sns_topic.it"]
    assert not changes(workspace.plan())
    assert len(aws.tagged(name)) == 1


# ----------------------------------------------------------------------------------------- mirror


def test_a_mirror_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with 'quotes'"
    config = mirror.prepare(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert mirror.prepare(folder) == config
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert before == after
    assert {path.parts[-6] for path in before if path.name.startswith("terraform-provider")} == {
        "registry.opentofu.org",
        "registry.terraform.io",
    }


@pytest.mark.soak
def test_a_mirror_in_an_odd_folder_serves(tmp_path: Path, work: Work, endpoint: str) -> None:
    folder = tmp_path / 'it\'s "odd" $HOME'
    mirror.prepare(folder)
    workspace = work(HEAD % "odd" + TOPIC % "odd")
    workspace.environment.update(mirror.environment(folder, endpoint))
    workspace.init()
    assert list(changes(workspace.plan())) == ["aws_sns_topic.it"]


def test_the_provider_says_what_it_is(sandbox: Path) -> None:
    program = next(iter(sandbox.rglob("terraform-provider-aws_v*")))
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "simulation" in done.stderr
