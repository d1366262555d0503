"""What fails in the middle: whoever comes next does the rest, and nothing else waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.app.record import Recorder
from reconciler.errors import TransientError
from tests.remediation.ward import Ward, changed

DEMO = "pitch-acme"


class Away:
    """A forge that nobody reaches."""

    def __getattr__(self, name: str) -> Any:
        raise TransientError("away", f"the forge is away: {name}")


class Died(BaseException):
    """The process was killed right here."""


def test_a_forge_that_is_away_holds_up_no_mending(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.drifts(DEMO, changed())
    ward.forge = Away
    assert [one.environment for one in ward.looks()] == [DEMO]
    assert set(ward.told) == {"away"}
    assert ward.recorded == []
    ward.forge = None
    ward.looks()
    assert len(ward.open) == 1


def test_a_branch_of_ours_that_somebody_took_holds_up_no_other_cause(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.looks()
    (request,) = ward.open
    ward.forges.push(request.source, {"evil.txt": "x"})
    ward.drifts("globex-shop", changed(), changed("name", "a", "b", "aws_sns_topic.alarms"))
    ward.looks()
    assert ward.told == ["branch-taken"]
    assert ward.said == [
        "!1 asks people: Drift of globex-shop: aws_lambda_function tags",
        "!2 asks people: Drift of globex-shop: aws_sns_topic name",
    ]
    assert sorted(one.title for one in ward.open) == [
        "Drift of globex-shop: aws_lambda_function tags",
        "Drift of globex-shop: aws_sns_topic name",
    ]


@pytest.mark.parametrize("number", range(4))
def test_whoever_dies_while_asking_is_followed_by_one_who_asks_once(
    ward: Ward, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("acme-portal", "globex-shop"):
        ward.drifts(name, changed())
    ward.drifts("trade-fair", changed(mended=False))
    genuine, left = Recorder.unless, [number]

    def dying(self: Recorder, *given: Any) -> Any:
        if not left[0]:
            raise Died
        left[0] -= 1
        return genuine(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "unless", dying)
        try:
            ward.looks()
        except Died:
            assert number < 3
    for _ in range(2):
        assert ward.looks() == ()
    assert len(ward.open) == 1
    assert sorted(ward.recorded) == [
        "ended automated trade-fair escalated",
        "proposed assisted acme-portal",
        "proposed assisted globex-shop",
    ]
    assert ward.world.codes() == set()
