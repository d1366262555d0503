"""The emergency stop as the controller and its neighbours know it: one branch, one document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.app.freezes import freeze, frozen, let_go, tidy, unfreeze
from reconciler.core.chat_documents import Asked
from reconciler.core.chat_documents import freeze as freeze_text
from reconciler.core.decide import Law, Question, decide
from reconciler.errors import NotAllowedError, ReconcilerError, TransientError, UsageError
from reconciler.model.decision import Verdict
from reconciler.model.freeze import Scope
from tests.life.home import Home
from tests.repos import Files, MemoryTree, loaded, small
from tests.verify.history import FREEZE, SCOUT, TOM, plan_for

DEMO: Final = (Scope(track="demo"),)
FAIR: Final = (Scope(environment="trade-fair"),)
WHY: Final = "The fair burns"


def test_what_is_frozen_stands_on_the_target_branch_and_in_the_records(home: Home) -> None:
    found = freeze(home.steward(), home.caller(), DEMO, WHY, timedelta(hours=2))
    assert found.commit == home.world.head
    assert home.head.author.email == "ada@example.com"
    assert home.head.committer.email == "reconciler@example.com"
    (one,) = home.shared.freezes.values()
    assert one.document.spec.expires == one.document.spec.since + timedelta(hours=2)
    assert home.kinds() == ["freeze"]
    assert home.records[0].actor.email == "ada@example.com"
    assert frozen(home.law().tree, "trade-fair", home.world.now) == one.document
    assert frozen(home.law().tree, "acme-portal", home.world.now) is None
    home.passes(hours=3)
    assert frozen(home.law().tree, "trade-fair", home.world.now) is None


def test_what_was_judged_before_the_freeze_does_not_begin(home: Home) -> None:
    plan = plan_for("trade-fair")
    recorder, before = home.world.recorder(), home.world.head
    decided = home.world.decided("trade-fair", recorder, plan=plan)
    freeze(home.steward(), home.caller(), FAIR, WHY, None)
    with pytest.raises(ReconcilerError):
        recorder.starting(decided, plan, before, "apply", "run-1")
    assert home.kinds() == ["decision", "freeze"]


def test_only_freezes_of_just_that_are_taken_out(home: Home) -> None:
    freeze(home.steward(), home.caller(), (*DEMO, *FAIR), WHY, None)
    with pytest.raises(UsageError, match="no freeze of just everything"):
        unfreeze(home.steward(), home.caller(), (Scope(everything=True),), "It is out")
    unfreeze(home.steward(), home.caller(), DEMO, "It is out")
    assert frozen(home.law().tree, "pitch-acme", home.world.now) is None
    assert frozen(home.law().tree, "trade-fair", home.world.now) is not None
    assert home.kinds() == ["freeze", "freeze", "resume"]


def test_who_may_not_is_refused_and_that_is_recorded_once(home: Home) -> None:
    before = home.world.head
    for who in (TOM, SCOUT, TOM):
        with pytest.raises(NotAllowedError, match="may not freeze track demo"):
            freeze(home.steward(), home.caller(who), DEMO, WHY, None)
    assert home.world.head == before
    assert home.kinds() == ["refusal", "refusal"]


def test_an_unknown_name_freezes_nothing(home: Home) -> None:
    with pytest.raises(UsageError, match="there is no environment trade-fare") as caught:
        freeze(home.steward(), home.caller(), (Scope(environment="trade-fare"),), WHY, None)
    assert "trade-fair" in caught.value.hint


def test_what_cannot_be_recorded_is_not_begun(home: Home) -> None:
    before = home.world.head
    home.keyless = True
    with pytest.raises(ReconcilerError, match="no key"):
        freeze(home.steward(), home.caller(), DEMO, WHY, None)
    assert home.world.head == before


@pytest.mark.parametrize("words", ["freeze", "unfreeze"])
def test_whoever_was_cut_off_before_the_record_asks_again(
    home: Home, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def order() -> None:
        if words == "freeze":
            freeze(home.steward(), home.caller(), DEMO, WHY, None)
        else:
            unfreeze(home.steward(), home.caller(), DEMO, "It is out")

    if words == "unfreeze":
        freeze(home.steward(), home.caller(), DEMO, WHY, None)

    def away(*_: object, **__: object) -> None:
        raise TransientError("away", "the records are away")

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.app.record.Recorder.once", away)
        with pytest.raises(TransientError):
            order()
    after = home.world.head
    home.passes(minutes=2)
    if words == "freeze":
        order()
    else:  # the document is gone: whoever looks next records it
        tidy(home.steward())
    assert home.world.head == after
    assert home.kinds()[-1] == {"freeze": "freeze", "unfreeze": "resume"}[words]
    before = home.kinds()
    tidy(home.steward())
    assert home.kinds() == before


def test_where_nobody_may_push_it_is_proposed_and_nothing_is_recorded(home: Home) -> None:
    home.protected = True
    found = freeze(home.steward(), home.caller(), DEMO, WHY, None)
    assert found.proposed is not None
    assert not found.commit
    assert home.shared.freezes == {}
    assert home.kinds() == []


def test_what_is_over_is_taken_out_once_and_recorded(home: Home) -> None:
    freeze(home.steward(), home.caller(), DEMO, WHY, timedelta(hours=1))
    freeze(home.steward(), home.caller(), FAIR, WHY, None)
    assert tidy(home.steward()) == ()
    home.passes(hours=1, minutes=1)
    (found,) = tidy(home.steward())
    assert [one.subject for one in found.freezes] == ["demo"]
    assert home.head.author.email == "reconciler@example.com"
    assert [one.document.spec.scope for one in home.shared.freezes.values()] == list(FAIR)
    assert home.kinds() == ["freeze", "freeze", "resume"]
    assert "come to its end" in home.last().because
    head = home.world.head
    assert tidy(home.steward()) == ()
    assert (home.world.head, len(home.records)) == (head, 3)


def test_what_is_over_is_proposed_where_nobody_may_push(home: Home) -> None:
    freeze(home.steward(), home.caller(), DEMO, WHY, timedelta(hours=1))
    home.passes(hours=2)
    home.protected = True
    first, second = (tidy(home.steward())[0] for _ in range(2))
    assert first.proposed is not None
    assert second.proposed is not None
    assert first.proposed.number == second.proposed.number
    assert home.kinds() == ["freeze"]


def test_what_came_and_went_by_merge_requests_is_recorded_too(home: Home) -> None:
    path = "policies/freezes/stop.yaml"
    home.world.change({path: FREEZE.format(scope="{track: demo}", expires="")})
    tidy(home.steward())
    tidy(home.steward())
    assert home.kinds() == ["freeze"]
    assert (home.last().freeze, home.last().subject) == ("stop", "demo")
    home.world.change({path: None})
    tidy(home.steward())
    tidy(home.steward())
    assert home.kinds() == ["freeze", "resume"]
    assert home.last().because == "its document is gone"


def test_what_is_let_go_by_a_merge_request_is_so_before_something_moves(home: Home) -> None:
    path = "policies/freezes/stop.yaml"
    home.world.change({path: FREEZE.format(scope="{track: demo}", expires="")})
    tidy(home.steward())
    home.world.change({path: FREEZE.format(scope="{track: customer}", expires="")})
    for _ in range(2):
        let_go(home.world.recorder(), home.law())
    assert home.kinds() == ["freeze", "resume"]
    home.world.applied("trade-fair")
    tidy(home.steward())
    assert (home.kinds()[-1], home.last().subject) == ("freeze", "customer")
    home.world.change({path: None})
    let_go(home.world.recorder(), home.law())
    assert home.kinds()[-1] == "resume"
    home.world.applied("acme-portal")
    assert home.world.verify().whole


# -- whether something stands still

NOW: Final = datetime(2026, 11, 2, 12, tzinfo=UTC)
SCOPES: Final = st.one_of(
    st.just(Scope(everything=True)),
    st.sampled_from(["lab", "live"]).map(lambda name: Scope(track=name)),
    st.sampled_from(["box-one", "shop"]).map(lambda name: Scope(environment=name)),
    st.just(Scope(agent="robot")),
)
HOURS: Final = st.integers(-3, 3)


def with_freezes(*many: tuple[Scope, datetime, datetime | None]) -> Files:
    found = {path: text for path, text in small().items() if "/freezes/" not in path}
    for number, (scope, since, until) in enumerate(many):
        text = freeze_text(Asked(0, str(number), "Ada", "team-a"), scope, WHY, since, until)
        name = next(line for line in text.splitlines() if line.startswith("  name: "))[8:]
        found[f"policies/freezes/{name}.yaml"] = text
    return found


@given(
    st.lists(st.tuples(SCOPES, HOURS, st.none() | st.integers(1, 5)), max_size=4),
    st.sampled_from(["box-one", "box-two", "shop", "shop-dev"]),
)
def test_the_last_look_before_a_deed_says_what_a_decision_says(
    many: list[tuple[Scope, int, int | None]], name: str
) -> None:
    files = with_freezes(
        *(
            (
                scope,
                NOW + timedelta(hours=begin),
                NOW + timedelta(hours=begin + lasts) if lasts else None,
            )
            for scope, begin, lasts in many
        )
    )
    desired, problems = loaded(files)
    assert problems == ()
    (one,) = [each for each in desired.environments if each.document.metadata.name == name]
    spec = one.document.spec
    law = Law(desired.shared.profiles[spec.track].document, spec.stage)
    freezes = tuple(each.document for each in desired.shared.freezes.values())
    question = Question(name, (law,), "L0", frozenset(), (), (), freezes, (), NOW, changing=False)
    denied = decide(question).verdict is Verdict.DENY
    assert (frozen(MemoryTree(files), name, NOW) is not None) == denied


def test_a_freeze_that_cannot_be_read_may_be_of_everything() -> None:
    files = with_freezes((Scope(environment="shop"), NOW, None)) | {
        "policies/freezes/broken.yaml": "kind: Freeze\n"
    }
    with pytest.raises(ReconcilerError, match="may stop everything"):
        frozen(MemoryTree(files), "box-one", NOW)


def test_what_has_no_document_any_more_stands_still_with_its_track() -> None:
    files = MemoryTree(with_freezes((Scope(track="lab"), NOW, None)))
    assert frozen(files, "gone", NOW, {"lab"}) is not None
    assert frozen(files, "gone", NOW, {"live"}) is None
    assert frozen(files, "gone", NOW) is not None, "its track is not known: in doubt"
