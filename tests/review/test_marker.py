"""The hidden end of a note: read strictly, believed seldom, and never longer than allowed."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.canonical import canonical
from reconciler.core.review.marker import (
    LARGEST_MEMO,
    MOST_SHOWN,
    RESERVED,
    Trust,
    fitted,
    found,
    grown,
    seen,
    stamped,
    thread_mark,
    thread_text,
    written,
)
from reconciler.core.ssh_signature import BadSignature
from reconciler.model.approval import Person
from reconciler.model.merge_request import Note
from reconciler.model.review import Memo, Shown
from reconciler.model.ssh import PublicKey

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EDITED = NOW + timedelta(hours=1)
ANYBODY = Trust("root 7")
KEY = PublicKey("ssh-ed25519", b"ours")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants bounds without one
plans = st.dictionaries(texts, texts, max_size=3).map(lambda one: tuple(sorted(one.items())))
entries = st.builds(Shown, texts, texts, plans, times)
memos = st.builds(
    lambda shown, last, asked: Memo((*shown, replace(last, at=None)), tuple(asked)),
    st.lists(entries, max_size=5),
    entries,
    st.lists(st.integers(1, 10**9), max_size=5),
)


def note(text: str, *, ours: bool = True) -> Note:
    return Note("1", "1", Person("bot", ""), NOW, EDITED, text, ours)


def by_key(key: PublicKey = KEY) -> Trust:
    """Whoever writes `signed:` and the message has signed it."""

    def verify(message: bytes, armored: str) -> PublicKey:
        if armored != f"signed:{message!r}":
            msg = "no"
            raise BadSignature(msg)
        return key

    return Trust("root 7", verify, frozenset({KEY.fingerprint}))


def sign(message: bytes) -> str:
    return f"signed:{message!r}"


@given(memos, texts)
def test_what_is_written_is_read_back(memo: Memo, body: str) -> None:
    read = found(note(written(body, memo, "root 7", None)), ANYBODY)
    assert read is not None
    assert read.raw == memo
    assert read.believed
    assert read.memo == stamped(memo, EDITED)
    assert read.memo.shown[-1].at == EDITED
    assert read.body == body.replace("\r\n", "\n").rstrip()


@given(memos)
def test_forges_that_change_ends_of_lines_change_nothing(memo: Memo) -> None:
    text = written("one\n\ntwo", memo, "", None).replace("\n", "\r\n") + "\r\n\r\n"
    read = found(note(text), ANYBODY)
    assert read is not None
    assert (read.raw, read.body) == (memo, "one\n\ntwo")


@given(st.text(max_size=80))
def test_no_other_text_is_taken_for_one(text: str) -> None:
    assert found(note(text), ANYBODY) is None
    assert found(note(f"`{written('', Memo(), '', None)}`"), ANYBODY) is None
    assert found(note(written("", Memo(), "", None) + f"\n{text}."), ANYBODY) is None


def test_a_note_of_somebody_else_is_none_of_ours() -> None:
    text = written("x", Memo((Shown("a", "b"),)), "root 7", None)
    assert found(note(text, ours=False), ANYBODY) is None
    assert thread_mark(note(thread_text("x", "ab" * 16), ours=False)) is None
    assert thread_mark(note(thread_text("x", "ab" * 16))) == ("ab" * 16, False)
    assert thread_mark(note(thread_text("x", "ab" * 16, mended=True))) == ("ab" * 16, True)
    assert thread_mark(note("x <!-- reconciler:finding -->")) is None


GOOD = {"at": 5, "head": "a", "plans": {}, "policies": "p"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"shown": [], "asked": [], "more": 1},
        {"shown": {}, "asked": []},
        {"shown": [], "asked": {}},
        {"shown": [], "asked": [0]},
        {"shown": [], "asked": [True]},
        {"shown": [], "asked": ["1"]},
        {"shown": [GOOD] * (MOST_SHOWN + 1), "asked": []},
        {"shown": [], "asked": list(range(1, 102))},
        {"shown": [{**GOOD, "at": None}, GOOD], "asked": []},
        {"shown": [{**GOOD, "at": "5"}], "asked": []},
        {"shown": [{**GOOD, "at": True}], "asked": []},
        {"shown": [{**GOOD, "at": -1}], "asked": []},
        {"shown": [{**GOOD, "head": 1}], "asked": []},
        {"shown": [{**GOOD, "head": "a" * 201}], "asked": []},
        {"shown": [{**GOOD, "plans": []}], "asked": []},
        {"shown": [{**GOOD, "plans": {"a": 1}}], "asked": []},
        {"shown": [{"head": "a"}], "asked": []},
        {"shown": ["a"], "asked": []},
    ],
)
def test_what_is_not_as_we_write_it_is_not_believed(data: object) -> None:
    held(b64encode(canonical(data)).decode())


@pytest.mark.parametrize(
    "word",
    ["AAAA", "AAAAA", "ey==", b64encode(b'{"shown": [], "asked": []}').decode(), "8J+Y"],
)
def test_damaged_ones_are_ours_and_not_believed(word: str) -> None:
    held(word)


def held(word: str) -> None:
    read = found(note(f"x\n\n<!-- reconciler:note {word} -->"), ANYBODY)
    assert read is not None
    assert (read.believed, read.memo, read.raw) == (False, Memo(), Memo())


def test_a_signature_is_of_one_of_our_keys_and_of_this_merge_request() -> None:
    memo = Memo((Shown("a", "b"),), (5,))

    def believed(text: str, trust: Trust) -> bool:
        read = found(note(text), trust)
        assert read is not None
        assert read.raw == memo
        assert read.memo == (stamped(memo, EDITED) if read.believed else Memo())
        return read.believed

    assert believed(written("x", memo, "root 7", sign), by_key())
    assert believed(written("x", memo, "root 7", sign), ANYBODY)
    assert not believed(written("x", memo, "root 7", None), by_key())
    assert not believed(written("x", memo, "root 8", sign), by_key())
    assert not believed(written("x", memo, "root 7", sign), by_key(PublicKey("x", b"another")))
    signed = written("x", memo, "root 7", sign)
    other = written("x", replace(memo, asked=(5,)), "root 7", lambda _message: "signed:x")
    assert not believed(other, by_key())
    assert signed != other


@given(memos, entries, st.lists(st.integers(1, 99)))
def test_what_is_shown_is_remembered_with_its_time(
    memo: Memo, shown: Shown, asked: list[int]
) -> None:
    known = stamped(memo, EDITED)
    after = grown(known, shown, asked)
    assert after.shown[-1].same(shown)
    again = grown(stamped(after, EDITED), shown, ())
    assert again == stamped(after, EDITED)
    assert all(one.at is not None for one in after.shown[:-1])
    assert set(asked) <= set(after.asked)


def test_the_memory_stays_small() -> None:
    memo = Memo()
    for place in range(60):
        shown = Shown(f"{place:040}", "sha256:" + "p" * 64, tuple(
            (f"environment-number-{number:03}", "sha256:" + "d" * 64) for number in range(place)
        ))  # fmt: skip
        memo = stamped(grown(memo, shown, [place + 1]), NOW)
        text = written("", memo, "root 7", lambda _message: "s" * 8000)
        assert len(text) < RESERVED
        assert len(memo.shown) <= MOST_SHOWN
        read = found(note(text), ANYBODY)
        assert read is not None
        assert read.raw == memo
    large = Shown("a", "b", tuple((f"e{number}", "d" * 71) for number in range(1000)))
    assert fitted(large).plans == ()
    assert len(canonical([fitted(large).head])) < LARGEST_MEMO
    assert grown(Memo(), large, ()).shown[-1].same(fitted(large))


def test_people_see_a_note_of_ours_without_what_we_hide_and_all_of_any_other() -> None:
    memo = Memo((Shown("a", "b"),))
    ours = written("**ALLOW**\n\nAll is well.", memo, "root 7", None, {"sha256:x": b"{}"}, 9000)
    assert "<!--" in ours
    assert seen(note(ours)) == "**ALLOW**\n\nAll is well."
    assert seen(note(thread_text("Mend it.", "0" * 32))) == "Mend it."
    theirs = note(ours, ours=False)
    assert seen(theirs) == ours, "what somebody else hides may be meant to be overlooked"
