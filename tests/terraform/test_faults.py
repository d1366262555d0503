"""Kills, stops and a cloud that fails, at each phase: what is true is known, nothing is doubled.

The provider is the sandbox's, so what was made is counted in the cloud itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.adapters.aws import AwsCloud, AwsSession
from reconciler.adapters.sandbox import mirror
from reconciler.app.doubt import sure_of
from reconciler.app.drift import look_for_drift
from reconciler.app.terraform import Site, apply, planning
from reconciler.core.backend import backend
from reconciler.core.imports import imports_file
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.environment import Import
from reconciler.model.settings import HttpState
from tests.sandbox.conftest import Aws, endpoint, sandbox  # noqa: F401  # fixtures
from tests.terraform.conftest import TWO, Machine, source
from tests.terraform.lab import ACCOUNT, REGION
from tests.terraform.test_runs import CHILD, StateServer, run, served, wait_for, zombie

SOURCE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "6.25.0" }
  }
}

provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = ["111111111111"]

  default_tags {
    tags = { environment = "@NAME@", "managed-by" = "reconciler" }
  }
}

resource "aws_sns_topic" "first" { name = "@NAME@-first" }
resource "aws_kms_key" "key" { description = aws_sns_topic.first.name }
resource "aws_sns_topic" "last" { name = "@NAME@-${aws_kms_key.key.description}" }
"""
SLOW_KEY = {"delays": {"aws_kms_key": 1.0}}


class World:
    """One environment in the sandbox, built by a process of its own."""

    def __init__(self, machine: Machine, mirrored: Path, at: str, name: str) -> None:
        self.name = name
        self.machine = machine
        self.variables = mirror.environment(mirrored, at, ACCOUNT)
        self.rendered = source(SOURCE.replace("@NAME@", name), name)
        self.aws = Aws(at, ACCOUNT, REGION)
        self.cloud = AwsCloud(
            AwsSession({**self.variables, "AWS_REGION": REGION}, at, {"x-moto-account-id": ACCOUNT})
        )

    def site(self, faults: dict[str, Any] | None = None) -> Site:
        return replace(self.machine, environment=tuple(self._with(faults).items())).site()

    def _with(self, faults: dict[str, Any] | None) -> dict[str, str]:
        more = {"RECONCILER_SANDBOX_FAULTS": json.dumps(faults)} if faults else {}
        return self.variables | more

    def start(self, faults: dict[str, Any] | None = None) -> subprocess.Popen[str]:
        """Apply in another process."""
        file = self.machine.root / "main.tf"
        file.write_bytes(self.rendered.files[0].content)
        told = json.dumps({"backend": None, "environment": self._with(faults), "name": self.name})
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, str(self.machine.root), str(file), told],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def began(self, address: str) -> bool:
        """Whether terraform has said that it makes something."""
        words = f"{address}: Creating..."
        logs = (self.machine.root / "runs" / self.name).glob("*/home/apply.jsonl")
        return any(words in log.read_text() for log in logs)

    def pid(self) -> int:
        (file,) = (self.machine.root / "runs" / self.name).glob("*/home/pid")
        return int(file.read_text())

    def count(self) -> dict[str, int]:
        """What is there, as the cloud counts it."""
        found: dict[str, int] = {}
        for arn in self.aws.tagged(self.name):
            kind = arn.split(":")[2]
            found[kind] = found.get(kind, 0) + 1
        return found


WHOLE = {"sns": 2, "kms": 1}


@pytest.fixture
def world(
    machine: Machine,
    sandbox: Path,  # noqa: F811
    endpoint: str,  # noqa: F811
    request: pytest.FixtureRequest,
) -> World:
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-40:]
    return World(machine, sandbox, endpoint, name.strip("-").lower())


@contextmanager
def half_way(world: World) -> Iterator[subprocess.Popen[str]]:
    """The key is made in the cloud, and terraform has not heard of it yet."""
    process = world.start(SLOW_KEY)
    try:
        wait_for(lambda: world.began("aws_kms_key.key"))
        wait_for(lambda: world.count().get("kms") == 1)
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def left(world: World) -> list[str]:
    with planning(world.site(), world.rendered) as planned:
        return [one.address for one in planned.plan.changes]


def test_asked_to_stop_half_way_what_is_in_flight_is_saved(world: World) -> None:
    with half_way(world) as process:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0].split()
    assert said == ["interrupted", "aws_sns_topic.first", "aws_kms_key.key"]
    assert left(world) == ["aws_sns_topic.last"]
    assert run(world.site(), world.rendered).result == "done"
    assert world.count() == WHOLE


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)]
)
def test_terraform_asked_to_stop_by_somebody_else(world: World, number: int) -> None:
    with half_way(world) as process:
        os.kill(world.pid(), number)
        said = process.communicate(timeout=60)[0].split()
    assert said == ["failed", "aws_sns_topic.first", "aws_kms_key.key"]
    assert run(world.site(), world.rendered).result == "done"
    assert world.count() == WHOLE


def test_when_we_are_killed_terraform_ends_what_it_does(world: World) -> None:
    with half_way(world) as process:
        process.kill()
        process.wait()
        pid = world.pid()
    wait_for(lambda: zombie(pid), 60)
    with planning(world.site(), world.rendered) as planned:
        (before,) = planned.before
        assert planned.plan.empty
    assert len(before.done) == 3
    assert world.count() == WHOLE


def test_when_terraform_is_killed_what_nobody_knows_is_said(world: World) -> None:
    with half_way(world) as process:
        pid = world.pid()
        os.kill(pid, signal.SIGKILL)
        said = process.communicate(timeout=60)[0].split()
        wait_for(lambda: not alive(pid))
    assert said == ["failed", "aws_sns_topic.first"]
    found = look_for_drift(world.site(), world.rendered, lambda: world.cloud)
    (stray,) = found.unmanaged
    assert ":kms:" in stray.arn
    assert "to: aws_kms_key.key" in stray.importing, "as the source has it"
    assert left(world) == ["aws_kms_key.key", "aws_sns_topic.last"]


def providers(group: int) -> list[int]:
    """What Terraform started, and is in its group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        if fields[2] == str(group) and fields[0] != "Z" and number != group:
            found.append(number)
    return found


def test_when_a_provider_is_killed_what_it_was_making_is_in_doubt(world: World) -> None:
    with half_way(world) as process:
        for number in providers(world.pid()):
            os.kill(number, signal.SIGKILL)
        said = process.communicate(timeout=60)[0].split()
    assert said == ["failed", "aws_sns_topic.first"]
    with planning(world.site(), world.rendered) as planned:
        assert [one.address for one in planned.doubts] == ["aws_kms_key.key"]
        with pytest.raises(ReconcilerError) as caught:
            apply(planned, planned.plan.digest)
        assert caught.value.reason == "in-doubt"
        with pytest.raises(ReconcilerError) as caught:
            sure_of(planned, lambda: world.cloud, ())
        assert caught.value.reason == "made-already"
    assert world.count() == {"sns": 1, "kms": 1}


@pytest.mark.parametrize("whom", ["both", "terraform"])
def test_what_was_begun_and_not_saved_is_not_made_twice(world: World, whom: str) -> None:
    with half_way(world) as process:
        pid = world.pid()
        if whom == "both":
            process.kill()
            process.wait()
        os.killpg(pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: zombie(pid))
    for _ in range(2):
        with planning(world.site(), world.rendered) as planned:
            assert [one.address for one in planned.doubts] == ["aws_kms_key.key"]
            with pytest.raises(ReconcilerError) as caught:
                apply(planned, planned.plan.digest)
            assert caught.value.reason == "in-doubt"
            with pytest.raises(ReconcilerError) as caught:
                sure_of(planned, lambda: world.cloud, ())
            assert caught.value.reason == "made-already"
            assert ":kms:" in caught.value.message
            assert "--imports" in caught.value.hint
            with pytest.raises(ReconcilerError, match="network") as caught:
                sure_of(planned, nobody_answers, ())
            assert caught.value.reason == "in-doubt"
            assert "--make-again 'aws_kms_key.key'" in caught.value.hint
            with pytest.raises(UsageError, match=r"aws_sns_topic.last .*not in doubt"):
                sure_of(planned, lambda: world.cloud, ["aws_sns_topic.last"])
    assert world.count() == {"sns": 1, "kms": 1}
    (stray,) = look_for_drift(world.site(), world.rendered, lambda: world.cloud).unmanaged
    (entry,) = yaml.safe_load(stray.importing)
    taking = imports_file([Import(**entry)]).decode()
    block = source(world.rendered.files[0].content.decode() + taking, world.name)
    with planning(world.site(), block) as planned:
        assert planned.doubts == ()
        assert apply(planned, planned.plan.digest).result == "done"
    assert world.count() == WHOLE
    with planning(world.site(), world.rendered) as planned:
        assert planned.plan.empty
        assert world.site().runs.doubts(world.name) == frozenset()


def nobody_answers() -> AwsCloud:
    raise TransientError("unmanaged-unknown", "there is no network")


def killed_and_gone(world: World) -> None:
    """Begun, not saved; and what was made is deleted by somebody."""
    with half_way(world) as process:
        pid = world.pid()
        process.kill()
        os.killpg(pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: zombie(pid))
    (key,) = [arn for arn in world.aws.tagged(world.name) if ":kms:" in arn]
    world.aws.client("kms").schedule_key_deletion(KeyId=key.rpartition("/")[2])


def test_no_provider_lives_on_when_both_are_killed(world: World) -> None:
    with half_way(world) as process:
        pid = world.pid()
        process.kill()
        os.kill(pid, signal.SIGKILL)  # alone: nobody is left to end what it started
        process.wait()
        wait_for(lambda: not alive(pid))


def test_what_was_begun_and_is_not_there_is_made(world: World) -> None:
    killed_and_gone(world)
    with planning(world.site(), world.rendered) as planned:
        sure = sure_of(planned, lambda: world.cloud, ())
        assert sure == {"aws_kms_key.key": "no resource like it was found"}
        outcome = apply(planned, planned.plan.digest, sure=sure)
    assert outcome.result == "done"


def test_what_was_begun_is_made_again_when_a_person_says_so(world: World) -> None:
    killed_and_gone(world)
    with planning(world.site(), world.rendered) as planned:
        sure = sure_of(planned, nobody_answers, ["aws_kms_key.key"])
        outcome = apply(planned, planned.plan.digest, sure=sure)
        assert planned.run.read()["sure"] == {"aws_kms_key.key": "a person said so"}
    (told,) = outcome.diagnostics
    assert (told.address, told.detail) == ("aws_kms_key.key", "a person said so")
    assert outcome.result == "done"


def alive(group: int) -> bool:
    """Whether any process of a group is there."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            return True
    return False


@pytest.mark.soak
def test_both_killed_at_once(world: World) -> None:
    with half_way(world) as process:
        pid = world.pid()
        process.kill()
        os.killpg(pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: zombie(pid))
    for _ in range(2):
        with planning(world.site(), world.rendered) as planned:
            (before,) = planned.before
            assert before.done == ("aws_sns_topic.first",)
            assert before.unknown == ("aws_kms_key.key",)
            assert before.left == ("aws_sns_topic.last",)
    found = look_for_drift(world.site(), world.rendered, lambda: world.cloud)
    assert [one.arn.split(":")[2] for one in found.unmanaged] == ["kms"]


# --- while it plans, held up by somebody's lock


@pytest.mark.parametrize(
    "whom, number",
    [
        ("us", signal.SIGINT),
        ("us", signal.SIGKILL),
        ("terraform", signal.SIGKILL),
        pytest.param("us", signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("terraform", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("terraform", signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_ended_while_it_plans(machine: Machine, whom: str, number: int) -> None:
    with served() as address:
        state = HttpState.model_validate({"backend": "http", "address": address})
        fields = backend(state, "box", Path())
        StateServer.lock = b'{"ID": "somebody"}'
        file = machine.root / "main.tf"
        file.write_text(TWO)
        child = CHILD.replace("Machine(root,", "Machine(root, limits=PATIENT, engine=")
        child = child.replace("machine =", "PATIENT = Limits(lock=60)\nmachine =")
        child = child.replace(
            "import sys", "import sys\nfrom reconciler.adapters.terraform import Limits"
        )
        told = json.dumps({"backend": fields, "environment": {}})
        process = subprocess.Popen(
            [sys.executable, "-c", child, str(machine.root), str(file), told],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        pids = machine.root / "runs" / "box"
        wait_for(lambda: any(pids.glob("*/home/plan.jsonl")))
        wait_for(lambda: planning_pid(pids) > 0)
        pid = planning_pid(pids)
        os.kill(process.pid if whom == "us" else pid, number)
        words = process.communicate(timeout=60)[1]
        assert process.returncode != 0
        if whom == "us" and number != signal.SIGINT:
            os.killpg(pid, signal.SIGKILL)  # it waits for a lock, and would for a minute
        else:
            assert "ReconcilerError" in words or "StoppedError" in words, words
        wait_for(lambda: zombie(pid))
        StateServer.lock = b""
        site = machine.site(where=lambda _name: fields)
        with planning(site, source(TWO)) as planned:
            assert planned.before == ()
            assert planned.plan.counts.create == 2
            assert [one.name for one in pids.iterdir()] == [planned.run.path.name]


def planning_pid(folder: Path) -> int:
    """The terraform that plans."""
    for file in folder.glob("*/home/pid"):
        pid = int(file.read_text() or 0)
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"plan" in words:
            return pid
    return 0


# --- a cloud that fails


@pytest.mark.parametrize("kind", ["throttle", pytest.param("error", marks=pytest.mark.soak)])
def test_a_cloud_that_fails_half_way(world: World, kind: str) -> None:
    faults = {"errors": [{"operation": "kms:CreateKey", "times": 0, "kind": kind}]}
    outcome = run(world.site(faults), world.rendered)
    assert outcome.result == "failed"
    assert outcome.done == ("aws_sns_topic.first",)
    assert outcome.failed == ("aws_kms_key.key",)
    assert outcome.left == ("aws_sns_topic.last",)
    assert "sandbox was told" in " ".join(one.detail + one.summary for one in outcome.diagnostics)
    assert world.count() == {"sns": 1}
    assert run(world.site(), world.rendered).result == "done"
    assert world.count() == WHOLE
    faults = {"errors": [{"operation": "sns:GetTopicAttributes", "times": 0, "kind": kind}]}
    with pytest.raises(TransientError) as caught, planning(world.site(faults), world.rendered):
        pass
    assert caught.value.reason == "cloud-busy"


# --- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


WIDE = """
resource "terraform_data" "a" { input = "x" }
resource "terraform_data" "b" {
  input = "${terraform_data.a.id}@FILL@"
  provisioner "local-exec" { command = "head -c 1000000 /dev/zero >@DISK@/fill || true" }
}
"""


def test_a_disk_that_is_full_when_the_state_is_saved(machine: Machine, small_disk: Path) -> None:
    fields = {"local": {"path": str(small_disk / "box.tfstate")}}
    site = machine.site(where=lambda _name: fields)
    text = WIDE.replace("@FILL@", "x" * 20_000).replace("@DISK@", str(small_disk))
    outcome = run(site, source(text))
    assert outcome.result == "failed"
    assert outcome.kept
    assert "no space left" in str(outcome.diagnostics)
    with pytest.raises(ReconcilerError) as caught, planning(site, source(text)):
        pass
    assert caught.value.reason in ("state-not-saved", "disk-full", "state-unreadable")
    (small_disk / "fill").unlink()
    with planning(site, source(text)) as planned:
        assert planned.plan.empty, "what was made is known again"


def test_a_disk_that_is_full_of_runs(machine: Machine, small_disk: Path) -> None:
    """Everything of ours is on that disk: what was done is told, and found out again."""
    root = small_disk / "machine"
    root.mkdir(mode=0o700)
    site = replace(machine, root=root).site()
    text = WIDE.replace("@FILL@", "x").replace("@DISK@", str(small_disk))
    outcome = run(site, source(text))
    assert outcome.kept
    with (
        pytest.raises(ReconcilerError, match=r"cannot be written|failed"),
        planning(site, source(text)),
    ):
        pass
    (small_disk / "fill").unlink()
    with planning(site, source(text)) as planned:
        said = [*outcome.done, *outcome.unknown, *planned.before[0].unknown]
        lost = [one.address for one in planned.plan.changes]
    assert set(lost) <= set(said)
