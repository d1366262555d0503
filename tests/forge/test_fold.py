"""Events -> state, held against a model that knows one thing at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.forge.events import (
    LARGEST,
    NotAnEvent,
    event_bytes,
    event_of,
    message,
    read_event,
)
from reconciler.core.forge.fold import Entry, Folded, after, begun
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.forge_event import Body, Event

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
PEOPLE = ("ada", "ben", "eve")
HEADS = tuple(letter * 40 for letter in "abc")
NOTES = tuple(f"{number:040x}" for number in range(1, 30))
OPENED = kinds.Opened(
    title="A change",
    description="",
    source="feature",
    target="main",
    labels=["x"],
    head=HEADS[0],
    base=HEADS[2],
)


def person(name: str) -> Person:
    return Person(name.title(), f"{name}@example.com")


def entry(number: int, body: Body, by: str = "ada", signed: str = "") -> Entry:
    made = event_of(7, person(by), NOW + timedelta(seconds=number), body)
    return Entry(f"{number:040x}", made, signed)


heads, notes = st.sampled_from(HEADS), st.sampled_from(NOTES[:8])
words = st.text(max_size=20)
labels = st.lists(st.sampled_from(["x", "y", "z"]), max_size=3)
bodies: st.SearchStrategy[Body] = st.one_of(
    st.builds(kinds.Edited, title=st.none() | st.sampled_from(["One", "Draft: two"])),
    st.builds(kinds.Closed),
    st.builds(kinds.Reopened),
    st.builds(kinds.Merged, head=heads, commit=heads),
    st.builds(
        kinds.Approved,
        head=heads,
        plans=st.lists(
            st.builds(kinds.PlanOf, environment=st.sampled_from("pq"), digest=words), max_size=2
        ),
        policies=words,
    ),
    st.builds(kinds.Unapproved),
    st.builds(kinds.Said, text=words, thread=st.none() | notes, place=st.none()),
    st.builds(
        kinds.Said, text=words, thread=st.none(), place=st.just(kinds.Line(path="a", line=1))
    ),
    st.builds(kinds.Rewritten, note=notes, text=words),
    st.builds(kinds.Settled, thread=notes, resolved=st.booleans()),
    st.builds(kinds.Labelled, add=labels, remove=labels),
    st.builds(
        kinds.Shown, head=heads, name=st.sampled_from("gh"), state=st.just("failed"), text=words
    ),
)
acts = st.lists(
    st.tuples(bodies, st.sampled_from(PEOPLE), st.sampled_from(["", "SHA256:key"])), max_size=25
)


def folded(many: list[tuple[Body, str, str]]) -> Folded:
    state = begun(entry(0, OPENED))
    assert isinstance(state, Folded)
    for number, (body, by, signed) in enumerate(many, 1):
        found = after(state, entry(number, body, by, signed))
        state = state if isinstance(found, str) else found
    return state


class Model:
    """What a person would say happened, one question at a time."""

    def __init__(self, many: list[tuple[Body, str, str]]) -> None:
        self.many = list(enumerate(many, 1))

    def title(self) -> str:
        said = [one.title for _, (one, _, _) in self.many if isinstance(one, kinds.Edited)]
        return next((one for one in reversed(said) if one is not None), "A change")

    def closed(self, until: int = 99) -> bool:
        moves = (kinds.Closed, kinds.Reopened)
        found = [one for n, (one, _, _) in self.many if n < until and isinstance(one, moves)]
        return bool(found) and isinstance(found[-1], kinds.Closed)

    def labels(self) -> set[str]:
        found = {"x"}
        for _, (one, _, _) in self.many:
            if isinstance(one, kinds.Labelled):
                found = (found - set(one.remove)) | set(one.add)
        return found

    def agreeing(self) -> set[tuple[str, str, str]]:
        """(who, key, commit): the last good one of each, with nothing taken back since."""
        found: dict[tuple[str, str], str] = {}
        for number, (one, by, signed) in self.many:
            if isinstance(one, kinds.Unapproved):
                found = {key: head for key, head in found.items() if key[0] != by}
            elif isinstance(one, kinds.Approved) and not self.closed(number):
                names = [plan.environment for plan in one.plans]
                if len(names) == len(set(names)):
                    found[by, signed] = one.head
        return {(f"{by}@example.com", key, head) for (by, key), head in found.items()}

    def said(self) -> dict[str, str]:
        texts: dict[str, str] = {}
        owner: dict[str, tuple[str, str]] = {}
        roots: set[str] = set()
        for number, (one, by, signed) in self.many:
            own = f"{number:040x}"
            if isinstance(one, kinds.Said) and (one.thread is None or one.thread in roots):
                texts[own], owner[own] = one.text, (by, signed)
                roots |= {own} if one.thread is None else set()
            if isinstance(one, kinds.Rewritten) and one.note in texts:
                whose, key = owner[one.note]
                if whose == by and key in ("", signed):
                    texts[one.note] = one.text
        return texts


@given(acts)
def test_any_order_of_anybodys_events_is_what_the_model_says(
    many: list[tuple[Body, str, str]],
) -> None:
    state, model = folded(many), Model(many)
    assert state.title == model.title()
    assert state.closed == model.closed()
    assert set(state.labels) == model.labels()
    assert {(one.by.email, one.signed_by, one.head) for one in state.consents} == model.agreeing()
    assert {key: note.text for key, note in state.notes.items()} == model.said()
    assert all(one.by.forge_id is None for one in state.consents)


@given(acts, acts)
def test_what_one_person_does_takes_nothing_from_another(
    ours: list[tuple[Body, str, str]], theirs: list[tuple[Body, str, str]]
) -> None:
    """Whatever eve writes, unsigned: no approval that somebody signed comes from it."""
    mixed = [one for pair in zip(ours, theirs, strict=False) for one in pair]
    mine = [(body, "ben" if by == "eve" else by, "SHA256:key") for body, by, _ in mixed[::2]]
    forged = [(body, "eve", "") for body, _, _ in mixed[1::2]]
    both = [one for pair in zip(mine, forged, strict=False) for one in pair]
    alone = {one.head for one in folded(mine).consents}
    signed = {one.head for one in folded(both).consents if one.signed_by}
    heads_signed = {
        one.head for body, _, _ in mine for one in [body] if isinstance(one, kinds.Approved)
    }
    assert signed <= heads_signed
    if not any(isinstance(body, kinds.Closed | kinds.Reopened) for body, _, _ in forged):
        assert signed == alone


@given(bodies, st.sampled_from(PEOPLE))
def test_an_event_is_read_as_it_was_written(body: Body, by: str) -> None:
    event = event_of(3, person(by), NOW, body)
    assert read_event(event_bytes(event)) == event
    assert event_bytes(read_event(event_bytes(event))) == event_bytes(event)


@given(words, words, words)
def test_no_words_begin_a_line_of_a_message(title: str, name: str, text: str) -> None:
    by = Person(name, "eve@example.com")
    for body in (kinds.Said(text=text), OPENED.model_copy(update={"title": f"x{title}"})):
        said = message(event_of(3, by, NOW, body))
        subject, blank, rest = said.partition("\n\n")
        assert "\n" not in subject
        assert blank
        assert rest.startswith("Merge-Request: 3\n")
        assert said.replace("\n", "").isprintable()
        keys = {line.partition(":")[0] for line in rest.splitlines()}
        assert keys <= {"Merge-Request", "Event", "Source", "Target", "Head"}


def good() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event_bytes(event_of(3, person("ada"), NOW, OPENED)))
    return found


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": "3"},
        {"schema": "reconciler.merge-requests/v2"},
        {"at": "2026-13-40T00:00:00Z"},
        {"by": {"name": "Ada", "email": ""}},
        {"by": {"name": "Ada", "email": "ada@example.com", "forgeId": 1001}},
        {"body": {"kind": "approved", "head": "main", "plans": [], "policies": ""}},
        {"body": {"kind": "deleted"}},
        {"body": {"kind": "said", "text": "x" * 100_001}},
        {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_not_of_the_form_is_no_event(change: dict[str, Any]) -> None:
    from reconciler.core.canonical import canonical

    with pytest.raises(NotAnEvent):
        read_event(canonical({**good(), **change}))


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b"x" * (LARGEST + 1), json.dumps(good()).encode(), b"[" * 9999],
    ids=["nothing", "empty", "list", "no text", "huge", "not canonical", "deep"],
)
def test_other_bytes_are_no_event(data: bytes) -> None:
    with pytest.raises(NotAnEvent):
        read_event(data)


def test_an_event_of_another_one_changes_nothing() -> None:
    state = begun(entry(0, OPENED))
    assert isinstance(state, Folded)
    other = Event.model_validate({**good(), "number": 8})
    assert after(state, Entry("1" * 40, other, "")) == "it is about !8"
