"""Where records stand: every earlier one is reached in few steps, and the status is a fold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Broken, Kept, Records
from reconciler.core.records.chain import first_chain, next_chain
from reconciler.core.records.standing import refused_of, status_after
from reconciler.core.records.story import read_status, status_bytes
from reconciler.model.record import Chain, Record, RecordKind
from tests.records import drafts
from tests.records.chains import whole
from tests.repos import GitRepo

LONG = 5000


def chain(length: int) -> list[Chain]:
    made = [first_chain()]
    for number in range(1, length):
        before = made[-1]
        beyond = made[before.jump.sequence].jump if before.jump else None
        made.append(next_chain(f"{number - 1:040x}", before, drafts.mark(str(number)), beyond))
    return made


CHAINS = chain(LONG)


@given(st.integers(0, LONG - 1), st.integers(0, LONG - 1))
def test_any_earlier_record_is_few_steps_away(one: int, other: int) -> None:
    start, end = max(one, other), min(one, other)
    at, steps = CHAINS[start], 0
    while at.sequence > end:
        assert at.jump is not None
        assert at.parent is not None
        near = at.jump.sequence >= end
        at = CHAINS[at.jump.sequence] if near else CHAINS[int(at.parent, 16)]
        steps += 1
    assert at.sequence == end
    assert steps <= 3 * LONG.bit_length()


def test_each_stands_behind_the_one_before() -> None:
    for number, one in enumerate(CHAINS[1:], 1):
        assert one.sequence == number
        assert one.parent == f"{number - 1:040x}"
        assert one.jump is not None
        assert one.jump.sequence < number
        assert one.jump.commit == f"{one.jump.sequence:040x}"
        Chain.model_validate_json(one.model_dump_json())


def test_few_objects_are_read_to_reach_an_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = GitRepo.make(tmp_path / "r.git").path
    Records(GitRecords(path, "records")).append(
        [drafts.draft("expiry", 0, environment="old")]
        + [drafts.draft("expiry", number) for number in range(1, 400)]
    )
    read: list[str] = []
    seen = Records.kept

    def kept(self: Records, commit: str) -> Kept:
        read.append(commit)
        return seen(self, commit)

    monkeypatch.setattr(Records, "kept", kept)
    (found,) = Records(GitRecords(path, "records")).of_environment("old")
    assert found.record.chain.sequence == 0
    assert len(read) < 30


def test_an_ancestor_that_is_none_is_none(tmp_path: Path) -> None:
    path = GitRepo.make(tmp_path / "r.git").path
    records = Records(GitRecords(path, "records"))
    assert records.status("") == {}
    assert records.file("box-one", "status.json") is None
    assert list(records.walk()) == []
    records.append([drafts.draft("expiry", number) for number in range(5)])
    assert records.ancestor(records.tip(), 9) is None
    assert [one.record.chain.sequence for one in records.walk()] == [4, 3, 2, 1, 0]
    with pytest.raises(Broken, match="it is a tree"):
        records.kept(records.kept(records.tip()).tree)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([kind.value for kind in RecordKind]), max_size=6))
def test_a_status_is_what_the_records_come_to(kinds: list[str]) -> None:
    status: dict[str, object] = {}
    for kind in kinds:
        before = status_bytes(status)
        after = status_after(status, drafts.document(kind)[0])
        assert status_bytes(status) == before  # nothing is touched in place
        assert read_status(status_bytes(after)) == after
        assert after["record"] == drafts.CHAIN.sequence
        status = after
    assert ("applying" in status) == (
        "apply-started" in kinds
        and "apply-ended" not in kinds[len(kinds) - kinds[::-1].index("apply-started") :]
    )


def record_of(kind: str, number: int, day: int, **more: object) -> Record:
    """One of a kind that says something else beside."""
    record, _ = drafts.document(kind)
    return record.model_copy(
        update={
            "at": f"2026-08-{day:02d}T00:00:00Z",
            "body": record.body.model_copy(update=more),
            "chain": record.chain.model_copy(update={"sequence": number}),
        }
    )


def test_what_was_refused_stands_until_it_is_let_in_or_applied() -> None:
    declared = {"files": "sha256:" + "a" * 64, "by": "Eve <eve@x.example>", "passes": False}
    first = status_after({}, record_of("refusal", 7, 1, **declared))
    assert refused_of(first)["since"] == "2026-08-01T00:00:00Z"
    assert refused_of(first)["of"] == "Eve <eve@x.example>"
    let_in = status_after(first, record_of("decision", 8, 2, action="apply"))
    assert refused_of(let_in) == {}, "a decision about an apply got past what had stopped it"
    looked = status_after(first, record_of("decision", 8, 2, action="check"))
    assert refused_of(looked) == refused_of(first)
    again = status_after(let_in, record_of("refusal", 9, 3, **declared))
    assert refused_of(again)["since"] == "2026-08-01T00:00:00Z", "the same, since then"
    other = status_after(let_in, record_of("refusal", 9, 3, **declared | {"commit": "b" * 40}))
    assert refused_of(other)["since"] == "2026-08-03T00:00:00Z"
    assert "refused" not in status_after(again, record_of("apply-ended", 10, 4, result="done"))
    assert "refused" in status_after(again, record_of("apply-ended", 10, 4, result="failed"))


@pytest.mark.parametrize("forged", [{"drift": 1}, {"freezes": []}, {"drift": {"first": []}}])
@pytest.mark.parametrize("kind", ["drift-seen", "freeze", "apply-ended"])
def test_a_forged_status_ends_nothing(forged: dict[str, object], kind: str) -> None:
    assert status_after(forged, drafts.document(kind)[0])["record"] == 6


def test_a_status_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r.git")
    records = Records(GitRecords(repo.path, "records"))
    records.append([drafts.draft("expiry", 1)])
    for forged in (b'{"record": 7}', b'{"record": "x"}', b'{"record": true}', b'{"record": -1}'):
        place = "environments/box-one/status.json"
        tip = records.kept(records.tip())
        data = {"record.json": tip.data, place: forged}
        tree = repo.tree(data)
        fake = Kept(tip.commit, str(tree), tip.record, tip.data)
        records._records[tip.commit] = fake
        with pytest.raises(Broken, match="cannot be reached"):
            list(records.of_environment("box-one"))
        records._records[tip.commit] = tip
    assert len(whole(repo.path)) == 1
