"""What was made beside the state: taken over where it is the environment's own, and never else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.sandbox.cloud import Cloud
from tests.check.project import DEMO, warm
from tests.remediation.test_sandbox import NAME, PATH, Sandbox
from tests.repos import GitRepo, edited
from tests.terraform.lab import TEMPLATE, Lab, lab

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

TABLE = f"{NAME}-items"
ADDRESS = "aws_dynamodb_table.items"


@pytest.fixture
def sandbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    engine, cloud = EmbeddedEngine(10, 1), Cloud(tmp_path / "state" / "sandbox")
    (tmp_path / "state").mkdir(exist_ok=True)
    ports = warm(tmp_path / "kept", engine)
    repo = GitRepo.make(tmp_path / "repo.git")
    files = edited(lab(), DEMO, "mode: automated", "mode: assisted")
    repo.commit(dict(files))
    made = Lab(repo, tmp_path / "state", cloud.start(), files)
    yield Sandbox(made.inside(ports, capsys, monkeypatch), ports)
    cloud.stop()
    engine.close()


def make(sandbox: Sandbox, owner: str) -> Any:
    """A table as somebody made it by hand, with something in it."""
    tables = sandbox.run.aws.client("dynamodb")
    tables.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[
            {"Key": "managed-by", "Value": "reconciler"},
            {"Key": "environment", "Value": owner},
        ],
    )
    tables.put_item(TableName=TABLE, Item={"pk": {"S": "kept"}})
    return tables


def tags_of(tables: Any) -> dict[str, str]:
    arn = tables.describe_table(TableName=TABLE)["Table"]["TableArn"]
    found = tables.list_tags_of_resource(ResourceArn=arn)["Tags"]
    return {one["Key"]: one["Value"] for one in found}


def test_what_is_the_environments_own_is_taken_over_and_made_only_once(sandbox: Sandbox) -> None:
    tables = make(sandbox, NAME)
    assert sandbox.looks() == ()
    (request,) = sandbox.open
    assert request.title == f"Drift of {NAME}: aws_dynamodb_table unmanaged"
    assert ADDRESS in request.description
    assert "Merging takes it over" in request.description
    sandbox.merge(request.source)
    after = sandbox.forges.file("main", PATH)
    assert after is not None
    assert f"to: {ADDRESS}" in after
    assert f"id: {TABLE}" in after

    planned = sandbox.run("plan", NAME, "--format", "json").json
    decision = planned["decision"]
    assert (decision["verdict"], decision["risk"]) == ("NEEDS_APPROVAL", "L2")
    (taken,) = [one for one in planned["changes"] if one["importing"]]
    assert (taken["address"], taken["importing"]) == (ADDRESS, TABLE)
    sandbox.apply()
    assert tables.scan(TableName=TABLE)["Count"] == 1, "it is the one that was there"
    services = [arn.split(":")[2] for arn in sandbox.run.aws.tagged(NAME)]
    assert sorted(services) == ["dynamodb", "logs", "sns"]
    assert (sandbox.looks(), sandbox.open) == ((), [])
    assert sandbox.run("plan", NAME).code == 0, "the entry is spent, and may stay"


@pytest.mark.parametrize("owner", ["pitch-globex", pytest.param("", marks=pytest.mark.soak)])
def test_what_is_anothers_is_not_taken_over_whoever_asks(sandbox: Sandbox, owner: str) -> None:
    tables = make(sandbox, owner)
    asked = f"  imports:\n    - {{to: {ADDRESS}, id: {TABLE}}}\n"
    files = edited(sandbox.run.files, PATH, "spec:\n", f"spec:\n{asked}")
    sandbox.run.repo.commit(dict(files))
    done = sandbox.run("apply", NAME, "--yes")
    assert done.code == 10, done.out + done.err
    assert "import-not-ours" in done.out + done.err

    block = f'\nimport {{\n  to = {ADDRESS}\n  id = "{TABLE}"\n}}\n'
    files = {**sandbox.run.files, TEMPLATE: sandbox.run.files[TEMPLATE] + block}
    sandbox.run.repo.commit(files)
    done = sandbox.run("plan", NAME, "--format", "json")
    assert done.code == 10, done.err
    assert "import-not-ours" in done.out, "nor by a block of the blueprint"
    assert tags_of(tables)["environment"] == owner
    assert tables.scan(TableName=TABLE)["Count"] == 1
