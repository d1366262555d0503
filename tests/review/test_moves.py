"""The fewest moves that make it true: none when it is, whatever was there, whoever else moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.app.posting import Posting, post
from reconciler.core.review.marker import Trust
from reconciler.core.review.moves import DOUBLE, Move, Rewrite, Say, There, moves
from reconciler.core.review.wanted import Wanted
from reconciler.core.ssh_signature import BadSignature
from reconciler.model.approval import Person
from reconciler.model.merge_request import Place, Status
from reconciler.model.review import Shown, Thread
from reconciler.model.ssh import PublicKey
from tests.review.memory_forge import AWAY, BOT, MemoryForge

TRUST = Trust("root 1")
NUMBER = 1
OURS = frozenset({"risk::L0", "risk::L1", "track::demo", "track::live"})

marks = st.sampled_from([character * 32 for character in "abc"])
threads = st.lists(marks, unique=True).map(
    lambda many: tuple(Thread(one, Place("a.yaml", 3), f"finding {one}") for one in many)
)
statuses = st.builds(
    lambda state, text: (Status("reconciler", state, text),),
    st.sampled_from(["success", "failed"]),
    st.sampled_from(["one", "two"]),
)
people = st.lists(st.integers(1, 4), unique=True).map(
    lambda ids: tuple(Person(f"p{one}", "", one) for one in ids)
)
wishes = st.builds(
    Wanted,
    st.sampled_from(["all well", "## DENY\n\nbecause"]),
    st.builds(Shown, st.sampled_from(["h1", "h2"]), st.sampled_from(["p", "q"])),
    statuses,
    st.sets(st.sampled_from(sorted(OURS))).map(frozenset),
    st.just(OURS),
    threads,
    people,
    st.booleans(),
)
labels = st.sets(st.sampled_from(["bug", *sorted(OURS)])).map(lambda many: tuple(sorted(many)))


def forge(**more: object) -> MemoryForge:
    made = MemoryForge()
    made.propose("h", **more)  # type: ignore[arg-type]  # as the test says
    return made


def there(at: MemoryForge) -> There:
    request = at.requests[NUMBER]
    return There(at.notes(NUMBER), at.statuses(request), request.labels)


def asked(at: MemoryForge, want: Wanted) -> tuple[Move, ...]:
    return moves(want, there(at), TRUST, signs=True)


def done(at: MemoryForge, want: Wanted) -> tuple[str, ...]:
    """One look."""
    before = there(at)
    todo = moves(want, before, TRUST, signs=True)
    posting = Posting(at, at.requests[NUMBER], want, before, TRUST, None, True)  # noqa: FBT003  # it is believed
    return post(posting, todo)[0]


def true(at: MemoryForge, want: Wanted) -> None:
    """One sticky note says it, and everything else stands as it should."""
    sticky = [one for one in at.ours(NUMBER) if "reconciler:note" in one.text]
    assert len(sticky) == 1
    assert sticky[0].text.startswith(want.body)
    assert sticky[0].resolved in (None, want.well)
    shown = at.statuses(at.requests[NUMBER])
    assert {name: (one.state, one.text) for name, one in shown.items()}.items() >= {
        one.name: (one.state, one.text) for one in want.statuses
    }.items()
    assert {*at.requests[NUMBER].labels} & OURS == want.labels
    standing = [
        one for one in at.ours(NUMBER) if "reconciler:finding" in one.text and not one.resolved
        and " mended " not in one.text
    ]  # fmt: skip
    assert sorted(one.text.split("\n")[0] for one in standing) == sorted(
        one.text for one in want.threads
    )


@given(st.lists(wishes, min_size=1, max_size=5), labels, st.booleans(), st.booleans())
def test_after_a_look_there_is_nothing_to_do(
    many: list[Wanted],
    known: tuple[str, ...],
    lines: bool,  # noqa: FBT001  # drawn
    settles: bool,  # noqa: FBT001  # drawn
) -> None:
    at = forge(labels=known)
    at.lines, at.settles = lines, settles
    at.comment(NUMBER, "looks good")
    for want in many:
        done(at, want)
        assert asked(at, want) == ()
        true(at, want)
    assert "bug" not in known or "bug" in at.requests[NUMBER].labels
    assert [one.text for one in at.said[NUMBER] if not one.ours] == ["looks good"]
    everybody = at.asked.get(NUMBER, [])
    assert len(everybody) == len({one.forge_id for one in everybody})


@given(wishes, st.integers(1, 12), st.booleans())
def test_a_fault_anywhere_is_made_good_by_the_next_look(
    want: Wanted,
    k: int,
    answered: bool,  # noqa: FBT001  # drawn
) -> None:
    at = forge()
    (at.late if answered else at.faults)[k] = AWAY
    done(at, want)
    at.late.clear()
    at.faults.clear()
    done(at, want)
    true(at, want)
    assert asked(at, want) == ()
    texts = [one.text for one in at.ours(NUMBER)]
    assert len(texts) == len(set(texts))
    assert {one.forge_id for one in at.asked.get(NUMBER, [])} == {
        one.forge_id for one in want.people
    }


class Controller:
    """Looks, and makes its moves one by one, while another one does the same."""

    def __init__(self, at: MemoryForge, want: Wanted) -> None:
        self._at = at
        self._want = want
        self._steps: Iterator[None] = iter(())

    def step(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self._steps = self._look()

    def _look(self) -> Iterator[None]:
        before = there(self._at)
        for one in moves(self._want, before, TRUST, signs=True):
            yield
            posting = Posting(
                self._at, self._at.requests[NUMBER], self._want, before, TRUST, None,
                True,  # noqa: FBT003  # it is believed
            )  # fmt: skip
            post(posting, [one])


@given(wishes, wishes, st.lists(st.booleans(), max_size=40), st.booleans())
def test_whatever_two_controllers_do_at_once_one_note_says_it_in_the_end(
    want: Wanted,
    stale: Wanted,
    turns: list[bool],
    lines: bool,  # noqa: FBT001  # drawn
) -> None:
    at = forge()
    at.lines = at.settles = lines
    one, other = Controller(at, want), Controller(at, stale)
    for turn in turns:
        (one if turn else other).step()
    done(at, want)  # whoever looks last
    done(at, want)
    true(at, want)
    assert asked(at, want) == ()


@given(wishes)
def test_two_notes_become_one_and_the_newer_says_so_once(want: Wanted) -> None:
    at = forge()
    done(at, want)
    first = at.ours(NUMBER)[0]
    at.comment(NUMBER, first.text, BOT, ours=True)
    done(at, want)
    true(at, want)
    assert at.ours(NUMBER)[0].id == first.id
    assert [one.text for one in at.ours(NUMBER)].count(DOUBLE) == 1
    assert asked(at, want) == ()


@given(wishes, st.integers(0, 9))
def test_what_somebody_deletes_is_said_again(want: Wanted, which: int) -> None:
    at = forge()
    done(at, want)
    ours = at.ours(NUMBER)
    at.delete(NUMBER, ours[which % len(ours)].id)
    done(at, want)
    true(at, want)
    assert asked(at, want) == ()


def test_where_nothing_would_be_believed_it_is_not_said_again_and_again() -> None:
    """A machine without a key, where the settings want signatures."""

    at = forge()
    want = Wanted(
        "x", Shown("h", "p"), (), frozenset(), OURS, (), (Person("a", "", 1),), well=False
    )

    def verify(_message: bytes, _armored: str) -> PublicKey:
        raise BadSignature("unsigned")

    trust = replace(TRUST, verify=verify)
    todo = moves(want, there(at), trust, signs=False)
    assert [type(one) for one in todo][-1:] == [Say]
    post(Posting(at, at.requests[NUMBER], want, there(at), trust, None, False), todo)  # noqa: FBT003  # it is not believed
    assert moves(want, there(at), trust, signs=False) == ()
    signing = moves(want, there(at), trust, signs=True)
    assert [type(one) for one in signing if isinstance(one, Rewrite)] == [Rewrite]
