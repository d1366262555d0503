"""A trial in the sandbox: applied by terraform, looked at by boto3, stopped by an alarm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.app.rollout import Desk, roll_out
from reconciler.app.steward import Caller
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.recording import recorder_of
from reconciler.cli.rolling import rollout_desk
from reconciler.model.approval import Person
from reconciler.model.record import Actor
from reconciler.model.rollout import Advance, Back, Finish, Wait
from reconciler.settings import ProcessSettings
from tests.check.project import PLATFORM, Warm, quiet, warm
from tests.repos import Files, GitRepo, edited, shipped
from tests.rollout.desks import NAME, PATH, TRIED, trial
from tests.sandbox.conftest import Aws
from tests.terraform.lab import HEAD, Lab, own_gates

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

ACCOUNT = "444444444444"
BLUEPRINT = "templates/platform-core/1.0.0/blueprint.yaml"
MAIN = "templates/platform-core/1.0.0/terraform/main.tf.j2"
ALARMS = """\
locals {
  versions = {
    stable = {{ parameters.image }}
{% if parameters.canary_image != "" and parameters.canary_step > 0 %}
    canary = {{ parameters.canary_step ~ " of " ~ parameters.canary_image }}
{% endif %}
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.versions

  alarm_name          = "${local.name}/${each.key}-errors"
  alarm_description   = each.value
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  period              = 60
  evaluation_periods  = 2
}

output "alarm_prefix" {
  value = "${local.name}/"
}
"""


def little() -> Files:
    """The samples, with alarms as all that the platform's blueprint makes, and a trial."""
    files = {path: text for path, text in quiet(shipped()).items() if "/terraform/" not in path}
    files = own_gates(files, PLATFORM, ("dev", "staging", "production"))
    service = "    - {check: {kind: service, cluster: cluster_name, services: service_names}"
    files = edited(files, BLUEPRINT, f"{service}, patience: 15m}}\n", "")
    files = edited(files, PATH, "    certificate_arn", f"{trial()}    certificate_arn")
    return {**files, MAIN: HEAD + ALARMS}


@dataclass
class Live:
    lab: Lab
    ports: Warm

    def desk(self) -> Desk:
        repo = self.lab.repo.path
        tree = declared_tree(self.ports, repo, None)
        actor = Actor(name="controller", email="reconciler@example.com", kind="program")
        recorder = recorder_of(self.ports, repo, tree, settings_of(tree), simulated=True)
        return rollout_desk(
            self.ports,
            repo,
            tree,
            recorder,
            Caller(Person(actor.name, actor.email), "", actor),
            lambda _filled: "",
        )

    def apply(self) -> None:
        done = self.lab("apply", NAME, "--yes")
        assert done.code == 0, done.out + done.err

    def alarms(self) -> dict[str, str]:
        found = self.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}/")
        return {one["AlarmName"]: one["AlarmDescription"] for one in found["MetricAlarms"]}

    @property
    def aws(self) -> Aws:
        return self.lab.aws

    def text(self) -> str:
        blob = self.lab.repo.repository.revparse_single(f"main:{PATH}")
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()


@pytest.fixture
def live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Live]:
    files = little()
    repo = GitRepo.make(tmp_path / "repo.git")
    repo.commit(dict(files))
    cloud = Cloud(tmp_path / "state" / "sandbox")
    engine = EmbeddedEngine(10, 1)
    ports = warm(tmp_path / "kept", engine)
    lab = Lab(repo, tmp_path / "state", cloud.start(), files, ACCOUNT)
    lab = lab.inside(ports, capsys, monkeypatch)
    yield Live(lab, Warm(ProcessSettings(), ports.kept, ports.workers, engine))
    engine.close()
    cloud.stop()


def test_a_trial_goes_on_and_an_alarm_stops_it(live: Live) -> None:
    live.apply()
    desk = live.desk()
    now = desk.recorder.clock()
    waits = roll_out(desk, NAME, now)
    assert isinstance(waits, Wait)
    assert waits.until is not None
    assert roll_out(desk, NAME, waits.until) == Advance(2)
    live.apply()
    assert live.alarms()[f"{NAME}/canary-errors"] == f"2 of {TRIED}"

    live.aws.client("cloudwatch").set_alarm_state(
        AlarmName=f"{NAME}/canary-errors", StateValue="ALARM", StateReason="users complain"
    )
    soon = live.desk().recorder.clock() + timedelta(minutes=3)
    found = roll_out(live.desk(), NAME, soon)
    assert found == Back(f"the alarm {NAME}/canary-errors is in ALARM")
    assert "canary_step: 0\n" in live.text()
    live.apply()
    assert list(live.alarms()) == [f"{NAME}/stable-errors"]

    roll_out(live.desk(), NAME, soon)
    (request,) = live.desk().bot.open_ones().values()
    assert request.title == f"Take the failed trial out of {NAME}"


@pytest.mark.soak
def test_what_does_well_is_for_everybody_in_the_end(live: Live) -> None:
    seen = []
    for _ in range(6):
        live.apply()
        later = live.desk().recorder.clock() + timedelta(hours=2)
        seen.append(roll_out(live.desk(), NAME, later))
        if isinstance(seen[-1], Finish):
            break
    assert seen == [Advance(2), Advance(3), Finish()]
    live.apply()
    assert live.alarms() == {f"{NAME}/stable-errors": TRIED}
    assert "canary" not in live.text()
