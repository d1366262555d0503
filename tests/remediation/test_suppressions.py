"""Drift that somebody lets be: only what is named, only as long as it holds."""

from __future__ import annotations

from datetime import timedelta

from reconciler.model.drift import Unmanaged
from tests.remediation.ward import Ward, changed, gone

DEMO = "pitch-acme"
TEXT = """\
apiVersion: reconciler/v1
kind: Suppression
metadata: {{name: let-be, owner: team-security}}
spec:
  subject: {{{subject}}}
  reason: The crew answers for it on the days of the fair.
  expires: {expires}
"""
TAGS = "tracks: [demo], type: aws_lambda_function, attributes: ['tags.*']"


def let_be(ward: Ward, subject: str = TAGS, **by: float) -> None:
    expires = (ward.now + timedelta(**(by or {"days": 9}))).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = TEXT.format(subject=subject, expires=expires)
    ward.world.change({"policies/suppressions/let-be.yaml": text})


def test_what_is_named_is_let_be_until_its_end(ward: Ward) -> None:
    let_be(ward, hours=5)
    ward.drifts(DEMO, changed())
    assert ward.looks() == ()
    assert (ward.recorded, ward.open) == ([], [])
    ward.later(hours=6)
    assert [one.environment for one in ward.looks()] == [DEMO]


def test_other_environments_and_other_attributes_still_drift(ward: Ward) -> None:
    let_be(ward)
    ward.drifts("trade-fair", changed("timeout", 10, 20))
    ward.drifts("globex-shop", changed())
    assert [one.environment for one in ward.looks()] == ["trade-fair"]
    assert len(ward.open) == 1


def test_nothing_is_mended_by_itself_that_would_put_back_what_is_let_be(ward: Ward) -> None:
    let_be(ward)
    ward.drifts(DEMO, changed(), changed("name", "a", "b", "aws_sns_topic.alarms"))
    assert ward.looks() == ()
    (request,) = ward.open
    assert "aws_sns_topic" in request.title
    assert "aws_lambda_function.api, let be by let-be" in request.description
    assert ward.recorded == [f"ended automated {DEMO} escalated", f"proposed assisted {DEMO}"]


def test_what_is_gone_and_what_is_unmanaged_can_be_let_be_by_type(ward: Ward) -> None:
    let_be(ward, "tracks: [customer], type: aws_sns_topic, what: unmanaged")
    topic = Unmanaged("arn:aws:sns:eu-central-1:222222222222:extra", "")
    ward.drifts("globex-shop", unmanaged=[topic])
    ward.looks()
    assert ward.recorded == []
    let_be(ward, "environments: [globex-shop], type: aws_lambda_function, what: gone")
    ward.drifts("globex-shop", gone())
    ward.looks()
    assert ward.open == []


def test_asking_ends_when_it_is_let_be(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.looks()
    let_be(ward, TAGS.replace("demo", "customer"))
    ward.looks()
    assert ward.open == []
    assert ward.recorded[-1] == "ended assisted globex-shop withdrawn"
