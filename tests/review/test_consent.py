"""What somebody agreed to is what stood there when they did, and nothing that came after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.review.consent import Heard
from reconciler.model.approval import Person
from reconciler.model.merge_request import Consent
from reconciler.model.review import Shown

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOM, INES = Person("Tom", "", 2002), Person("Ines", "", 2001)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def shown(minute: float, head: str = "h1", plan: str = "", policies: str = "p") -> Shown:
    return Shown(head, policies, (("shop", plan),) if plan else (), at(minute))


def consent(minute: float, head: str = "h1", **more: object) -> Consent:
    return replace(Consent(TOM, at(minute), head), **more)  # type: ignore[arg-type]  # as the test says


def bound(one: Consent, *entries: Shown, name: str = "shop") -> tuple[str, str]:
    heard = Heard((one,), entries, (INES,), "h1")
    (found,) = heard[name].approvals
    assert (found.by, found.at, found.head) == (one.by, one.at, one.head)
    return found.plan, found.policies


def test_the_last_that_was_shown_before_counts() -> None:
    entries = shown(1, plan="a"), shown(3, plan="b"), shown(5, plan="c")
    assert bound(consent(4), *entries) == ("b", "p")
    assert bound(consent(9), *entries) == ("c", "p")
    assert bound(consent(2), *entries) == ("a", "p")
    assert bound(consent(0.5), *entries) == ("", "")


def test_at_the_same_instant_nobody_knows_which_was_first() -> None:
    assert bound(consent(1), shown(1, plan="a")) == ("", "")


def test_only_what_was_shown_with_that_commit_counts() -> None:
    entries = shown(1, plan="a"), shown(2, "h2", plan="b")
    assert bound(consent(3), *entries) == ("a", "p")
    assert bound(consent(3, "h2"), *entries) == ("b", "p")
    assert bound(consent(3, "h3"), *entries) == ("", "")
    assert bound(consent(3, ""), shown(1, "", plan="a")) == ("", "")


def test_what_an_agreement_says_itself_counts_instead() -> None:
    said = consent(2, plans=(("shop", "mine"),), policies="q")
    assert bound(said, shown(1, plan="a")) == ("mine", "q")
    assert bound(said, name="other") == ("", "q")
    assert bound(replace(said, plans=()), shown(1, plan="a")) == ("", "q")
    two = replace(said, plans=(("shop", "one"), ("shop", "two")))
    assert bound(two) == ("", "q")


def test_it_is_said_of_each_environment_and_of_the_change_itself() -> None:
    heard = Heard((consent(2),), (shown(1, plan="a"),), (INES,), "h1")
    assert list(heard) == ["", "shop"]
    assert len(heard) == 2
    assert heard[""].approvals[0].plan == ""
    assert heard["never heard of"].approvals[0].policies == "p"
    assert heard["shop"].authors == (INES,)
    assert heard["shop"].heads == frozenset({"h1"})
    assert list(Heard((), (), (), "h1")) == [""]


times = st.integers(0, 20)
heads = st.sampled_from(["h1", "h2", ""])
entry = st.builds(shown, times, heads, st.sampled_from(["a", "b", "c"]), st.sampled_from("pq"))


@given(st.lists(entry).map(lambda many: sorted(many, key=lambda one: str(one.at))), times, heads)
def test_nobody_agrees_to_what_came_after(entries: list[Shown], minute: int, head: str) -> None:
    whole = bound(consent(minute, head), *entries)
    past = [one for one in entries if one.at is not None and one.at < at(minute)]
    assert bound(consent(minute, head), *past) == whole
    assert whole == ("", "") or any(
        (one.head, dict(one.plans)["shop"], one.policies) == (head, *whole) for one in past
    )
