"""What a note orders, and what only looks as if it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.chatops import MOST, may, orders, sender
from reconciler.core.load import lazy_shared
from reconciler.model.approval import Person
from reconciler.model.freeze import Scope
from reconciler.model.merge_request import Note
from reconciler.model.order import VERBS, Agrees, Misread, Order
from tests.memory_tree import MemoryTree
from tests.repos import Files, shipped

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY: Final = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
PLAN: Final = "sha256:" + "1" * 64
WAIVER: Final = "policies/waivers/mr7.yaml"
FREEZE: Final = "policies/freezes/mr7.yaml"


def one(text: str) -> Order | Misread:
    (found,) = orders(text)
    return found


@pytest.mark.parametrize(
    "line, order",
    [
        ("check", Order("check", "")),
        ("retry", Order("retry", "")),
        ("explain SEC014", Order("explain", "", "SEC014")),
        ("explain 36aba1763d2c", Order("explain", "", "36aba1763d2c")),
        (
            "override CKV_AWS_117 until 2026-12-31 because it holds public data only",
            Order("override", "", "CKV_AWS_117", until=DAY, because="it holds public data only"),
        ),
        (
            f"approve shop at {'a' * 40} plan {PLAN} policies {PLAN}",
            Order("approve", "", agrees=Agrees("shop", "a" * 40, PLAN, PLAN)),
        ),
        ("freeze", Order("freeze", "")),
        ("freeze for 2h", Order("freeze", "", lasting=timedelta(hours=2))),
        ("freeze because it burns", Order("freeze", "", because="it burns")),
        (
            "freeze because it burns for 2h",
            Order("freeze", "", because="it burns", lasting=timedelta(hours=2)),
        ),
        (
            "freeze track customer for 1d because it burns for good",
            Order(
                "freeze",
                "",
                scope=Scope(track="customer"),
                lasting=timedelta(days=1),
                because="it burns for good",
            ),
        ),
        ("freeze everything", Order("freeze", "", scope=Scope(everything=True))),
        ("unfreeze", Order("unfreeze", "")),
        (
            "unfreeze environment acme-portal because it is well",
            Order("unfreeze", "", scope=Scope(environment="acme-portal"), because="it is well"),
        ),
    ],
)
def test_an_order_is_read(line: str, order: Order) -> None:
    text = f"/reconciler {line}"
    found = one(text)
    assert isinstance(found, Order)
    assert found.line == text
    assert found == replace(order, line=text)
    assert one(text + "\r\n") == found
    assert orders(f"Good morning.\n{text}\nThank you.") == (found,)


@pytest.mark.parametrize(
    "line",
    [
        "",
        " apply",
        " CHECK",
        " check now",
        " explain",
        " explain SEC014 SEC015",
        " explain $(id)",
        " explain ../../etc/passwd",
        " override SEC014",
        " override SEC014 until 2026-12-31",
        " override SEC014 until tomorrow because it holds public data only",
        " override SEC014 until 2026-02-30 because it holds public data only",
        " override SEC014 until 2026-12-31 because no",
        " override SEC014 until 2026-12-31 because " + "x" * 600,
        " override SEC*14 until 2026-12-31 because it holds public data only",
        " freeze now",
        " freeze track",
        " freeze track Customer",
        " freeze track " + "x" * 40,
        " freeze for ever",
        " freeze because no",
        " freeze the track customer",
        " unfreeze for 2h",
        " check\u202e",
        " check\x1b[2J",
        " freeze because it burns\u200b for 2h",
        " check " + "x" * 2000,
    ],
)
def test_what_is_not_exactly_an_order_is_never_obeyed(line: str) -> None:
    found = one(f"/reconciler{line}")
    assert isinstance(found, Misread)
    assert found.why


@pytest.mark.parametrize(
    "text",
    [
        " /reconciler check",
        "    /reconciler check",
        "\\/reconciler check",
        "please /reconciler check",
        "/reconcilers check",
        "/reconciler-check",
        "/reconciler/check",
        "`/reconciler check`",
        "`a span\n/reconciler check\nthat goes on`",
        "```\n/reconciler check\n```",
        "```sh\n/reconciler check\n",
        "~~~\n/reconciler check\n~~~",
        "````\n```\n/reconciler check\n```\n````",
        "   ```\n/reconciler check\n   ```",
        "> /reconciler check",
        "> said\n/reconciler check",
        "- > said\n/reconciler check",
        ">>>\n/reconciler check\n>>>",
        "<!-- \n/reconciler check\n-->",
        "<!-- --> <!-- \n/reconciler check -->",
        "<details>\n\n/reconciler check\n\n</details>",
        "<pre>\n/reconciler check\n</pre>",
        "text <CODE>\n\n/reconciler check\n</CODE>",
        "<div>\n/reconciler check\n</div>",
        "$$\n/reconciler check\n$$",
        "/reconcile check",
        "",
    ],
)
def test_what_no_reader_sees_as_plain_text_is_no_order(text: str) -> None:
    assert orders(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "```\ncode\n```\n/reconciler check",
        "> said\n\n/reconciler check",
        "`code`\n/reconciler check",
        ">>>\nsaid\n>>>\n/reconciler check",
        "- a list\n/reconciler check",
        "/reconciler check\n<!-- a comment -->",
    ],
)
def test_what_stands_beside_code_and_quotes_is_one(text: str) -> None:
    assert [type(one) for one in orders(text)] == [Order]


def test_a_flood_of_orders_is_none() -> None:
    assert len(orders("/reconciler check\n" * MOST)) == MOST
    (found,) = orders("/reconciler freeze\n" * (MOST + 1))
    assert isinstance(found, Misread)


def test_a_secret_in_an_order_is_not_taken_and_not_repeated() -> None:
    token = "glpat-" + "x7Kq2mZpR4vT9wYbN3cD"
    found = one(f"/reconciler freeze because the token is {token}")
    assert isinstance(found, Misread)
    assert token not in f"{found}"
    assert "revoke" in found.why


WORDS: Final = st.sampled_from(
    ["/reconciler", *VERBS, "until", "because", "for", "2h", "2026-12-31", "SEC014", "track",
     "everything", "```", ">", "`", "<!--", "-->", "\n", "\n\n", " ", "x" * 16]
)  # fmt: skip


@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=200))
@example("/reconciler\r\r")
def test_whatever_is_written_is_read_without_harm(text: str) -> None:
    for found in orders(text):
        assert found.line.startswith("/reconciler")
    # Nothing that is quoted or commented away becomes an order.
    assert orders("\n".join("> " + line for line in text.splitlines())) == ()
    assert orders(f"<!--\n{text}") == ()


# -- who may ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files() -> Files:
    return shipped()


def note(
    by: Person,
    text: str = "/reconciler freeze",
    *,
    edited: int = 0,
    signed: str = "",
    rewritten: bool | None = None,
) -> Note:
    at = NOW - timedelta(minutes=5)
    last = at + timedelta(seconds=edited)
    return Note("1", "1", by, at, last, text, signed_by=signed, rewritten=rewritten)


ADA: Final = Person("whatever", "", 1001)  # team-platform
MINA: Final = Person("whatever", "", 1101)  # team-security
SARA: Final = Person("whatever", "", 3001)  # team-sales
SCOUT: Final = Person("scout", "", 9001)
EVE: Final = Person("Ada Berg", "ada@example.com", 666)
NAMELESS: Final = Person("Ada Berg", "ada@example.com", None)
ORDERS: Final = {
    "check": (Order("check", ""), ""),
    "override": (Order("override", ""), WAIVER),
    "freeze": (Order("freeze", ""), FREEZE),
    "unfreeze": (Order("unfreeze", ""), FREEZE),
}


def said(verb: str, by: Person, files: Files, **more: int | None) -> str:
    """Why not; empty: they may."""
    order, path = ORDERS[verb]
    found = may(order, note(by, **more), path, lazy_shared(MemoryTree(files)), NOW)  # type: ignore[arg-type]  # by keyword
    return found if isinstance(found, str) else ""


@pytest.mark.parametrize(
    "verb, by, why",
    [
        ("check", SARA, ""),
        ("check", SCOUT, ""),
        ("check", EVE, "not the one that the team's document names"),
        ("check", NAMELESS, "an e-mail address proves nobody"),
        ("check", Person("nobody", "", 4242), "no team has this person"),
        ("check", Person("nobody", "", None), "no team has this person"),
        ("freeze", ADA, ""),
        ("freeze", MINA, ""),
        ("freeze", SARA, "is owned by team-platform, team-security"),
        ("freeze", SCOUT, "an agent does not freeze"),
        ("unfreeze", SCOUT, "an agent does not unfreeze"),
        ("unfreeze", ADA, ""),
        ("override", MINA, ""),
        ("override", ADA, "is owned by team-security"),
        ("override", SCOUT, "an agent does not override"),
        ("override", EVE, "not the one that the team's document names"),
    ],
)
def test_who_may_is_told_by_the_documents(verb: str, by: Person, why: str, files: Files) -> None:
    found = said(verb, by, files)
    assert why in found
    assert bool(found) is bool(why)


def test_a_note_that_was_changed_orders_nothing_of_weight(files: Files) -> None:
    assert "was changed" in said("freeze", ADA, files, edited=60)
    assert "was changed" in said("freeze", ADA, files, edited=3)
    assert said("freeze", ADA, files, edited=1) == ""
    assert said("check", ADA, files, edited=60) == ""


def test_where_the_forge_tells_every_change_no_moment_is_too_short(files: Files) -> None:
    assert "was changed" in said("freeze", ADA, files, edited=0, rewritten=True)
    assert said("freeze", ADA, files, edited=60, rewritten=False) == ""


def test_an_order_that_nobody_heard_for_long_is_not_meant_any_more(files: Files) -> None:
    shared = lazy_shared(MemoryTree(files))
    late = NOW + timedelta(days=2)
    found = may(ORDERS["freeze"][0], note(ADA), FREEZE, shared, late)
    assert isinstance(found, str)
    assert "more than a day" in found


def test_an_agent_in_quarantine_does_not_even_check(files: Files) -> None:
    path = "profiles/agents/scout.yaml"
    stopped = files[path].rstrip() + "\n  quarantine: {reason: It ran wild, since: 2026-01-01}\n"
    assert "stopped" in said("check", SCOUT, {**files, path: stopped})


def test_what_nobody_owns_nobody_overrides(files: Files) -> None:
    path = "profiles/teams/team-security.yaml"
    bare = files[path].replace("  owns:\n    - policies/**\n", "")
    assert "no team owns" in said("override", MINA, {**files, path: bare})


# -- who sent it --------------------------------------------------------------------------------


@given(
    name=st.sampled_from(["Ada Berg", "Eve", "scout", ""]),
    email=st.sampled_from(["ada@example.com", "SARA@example.com", "eve@elsewhere.example.com", ""]),
    number=st.sampled_from([None, 1001, 3001, 9001, 666]),
    signed=st.sampled_from(["", "SHA256:nobody"]),
)
def test_nobody_is_written_down_for_what_they_are_not_proven_to_have_sent(
    name: str, email: str, number: int | None, signed: str, files: Files
) -> None:
    shared = lazy_shared(MemoryTree(files))
    told = sender(note(Person(name, email, number), signed=signed), shared, NOW)
    known = {1001: "Ada Berg", 3001: "Sara Lind", 9001: "scout"}
    if told.by.name.startswith("unknown, in the name of "):
        assert (told.by.email, told.by.forge_id, told.agent) == ("", number, "")
        return
    # Everybody of the samples has a number at the forge: only that proves who it was.
    assert number is not None
    assert told.by.name == known[number]
    assert told.agent == ("scout" if number == 9001 else "")
