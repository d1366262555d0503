"""What nobody has to order, as the controller looks after it; and what the cloud says is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from reconciler.adapters.aws import AwsCloud, AwsSession
from reconciler.adapters.git_history import GitHistory
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.adapters.workers import Workers
from reconciler.app.freezes import freeze
from reconciler.app.gone import left_over
from reconciler.app.life import Looked, look_after
from reconciler.app.render import Rendering
from reconciler.errors import TransientError
from reconciler.model.freeze import Scope
from tests.life.home import Home
from tests.sandbox.conftest import Aws

NAME = "trade-fair"


def look(home: Home) -> Looked:
    git, rendering = GitHistory(home.world.path), Rendering(Workers(1), 60)
    return look_after(home.steward(), git, rendering, [NAME], ["pitch-acme"])


def test_one_look_does_all_that_is_due_and_the_next_one_nothing(home: Home) -> None:
    home.world.applied(NAME)
    freeze(home.steward(), home.caller(), (Scope(track="customer"),), "It lags", timedelta(hours=1))
    home.passes(days=9, hours=1)
    found = look(home)
    assert found.failed == ()
    assert [one.split()[-1] for one in found.done] == ["over", "announced"]
    before = home.world.head, len(home.records)
    assert look(home) == Looked()
    assert (home.world.head, len(home.records)) == before


def test_what_fails_holds_up_nothing_else(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.world.applied(NAME)
    home.passes(days=9, hours=1)

    def away(*_: object) -> None:
        raise TransientError("away", "the forge is away")

    monkeypatch.setattr("reconciler.app.life.tidy", away)
    found = look(home)
    assert [one.reason for one in found.failed] == ["away"]
    assert len(found.done) == 1
    assert found.done[0].startswith("trade-fair ends at ")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    yield made.start()
    made.stop()


def test_what_is_gone_is_gone_by_what_the_cloud_says(cloud: str) -> None:
    aws = Aws(cloud, "111111111111", "eu-central-1")
    tags = [
        {"Key": "managed-by", "Value": "reconciler"},
        {"Key": "environment", "Value": NAME},
    ]
    topic = aws.client("sns").create_topic(Name="left-behind", Tags=tags)["TopicArn"]
    variables = {
        "AWS_ACCESS_KEY_ID": "111111111111",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
    }
    seen = AwsCloud(AwsSession(variables, cloud, {"x-moto-account-id": "111111111111"}))
    assert left_over(seen, NAME) == (topic,)
    aws.client("sns").delete_topic(TopicArn=topic)
    assert left_over(seen, NAME) == ()
