"""A provider that is there before terraform: it does the same, for one command, and then ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.adapters.sandbox.attached import attached
from tests.sandbox.conftest import Aws, Work, Workspace, changes
from tests.sandbox.test_provider import ACCOUNT, HEAD, REGION, TOPIC
from tests.terraform.test_runs import wait_for

if sys.platform != "linux":
    pytest.skip("elsewhere terraform starts each provider", allow_module_level=True)

ELSEWHERE = """
provider "aws" {
  alias               = "elsewhere"
  region              = "us-east-1"
  allowed_account_ids = ["210987654321"]
}
resource "aws_sns_topic" "far" {
  provider = aws.elsewhere
  name     = "far"
}
"""


def workspace(work: Work, name: str, more: str = "") -> Workspace:
    made = work(HEAD % name + TOPIC % name + more).init()
    made.beside = True
    wait_for(lambda: is_there(made))  # the cloud answers before it is loaded
    return made


def is_there(made: Workspace) -> bool:
    empty = made.folder.parent / "empty"
    empty.mkdir(exist_ok=True)
    with attached(made.environment, empty) as (more, _):
        return bool(more)


def listening(more: dict[str, str]) -> str:
    places = json.loads(more["TF_REATTACH_PROVIDERS"]).values()
    return str(next(iter(places))["Addr"]["String"])


def answers(place: str) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(place) == 0


def test_terraform_starts_none(work: Work, tmp_path: Path) -> None:
    made = workspace(work, "attached")
    starts = tmp_path / "starts"
    made.extra = {"TF_LOG": "trace", "TF_LOG_PATH": str(starts)}
    assert changes(made.plan()) == {"aws_sns_topic.it": ["create"]}
    assert "starting plugin" not in starts.read_text()
    made.apply()
    made.destroy()


def test_where_the_source_has_several_configurations_each_is_held(work: Work) -> None:
    made = workspace(work, "several", ELSEWHERE)
    made.plan()
    made.apply()
    here, there = Aws(made.environment["AWS_ENDPOINT_URL"], ACCOUNT, REGION), "us-east-1"
    topics = here.client("sns", there).list_topics()["Topics"]
    assert [one["TopicArn"].rpartition(":")[2] for one in topics] == ["far"]
    made.destroy()


def test_it_ends_with_whoever_holds_it_open_and_leaves_nothing(work: Work) -> None:
    made = workspace(work, "ends")
    with attached(made.environment, made.folder) as (more, held):
        holder = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=held
        )
        place = listening(dict(more))
    assert answers(place)
    assert Path(place).parent.stat().st_mode & 0o077 == 0
    holder.kill()
    holder.communicate()
    wait_for(lambda: not Path(place).parent.exists())
    assert not answers(place)


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:1", "nonsense"])
def test_where_nobody_answers_terraform_starts_its_own(endpoint: str, tmp_path: Path) -> None:
    opened = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counted, not looked at
    with attached({"AWS_ENDPOINT_URL": endpoint}, tmp_path) as (more, held):
        assert (more, held) == ({}, ())
    assert len(os.listdir("/proc/self/fd")) == opened  # noqa: PTH208  # the same
