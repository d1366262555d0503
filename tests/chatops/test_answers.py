"""Orders on a merge request: done, answered and recorded, each once, whoever dies in between."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pygit2
import pytest

from reconciler.adapters.git import GitSource
from reconciler.app import chatops
from reconciler.app.chatops import answer
from reconciler.app.late import Heard
from reconciler.app.law import Law
from reconciler.core.chatops import agreed_late, mark_of
from reconciler.core.load import load
from reconciler.model.approval import Person
from tests.chatops.office import (
    ADA,
    EVE,
    INES,
    MINA,
    NUMBER,
    SCOUT,
    Died,
    Office,
    finding,
    report,
)

OVERRIDE = "/reconciler override SEC014 until 2026-12-31 because the kiosk's network is its own"
FREEZE = "/reconciler freeze because the database lags by hours for 2h"


def freezes(office: Office) -> list[str]:
    found = GitSource(office.world.path).snapshot("main")
    return sorted(load(found)[0].shared.freezes)


def branches(office: Office) -> set[str]:
    return {one for one in office.world.repository.branches.local if "/" in one}


def problems(office: Office, revision: str = "main") -> list[str]:
    return [str(one) for one in load(GitSource(office.world.path).snapshot(revision))[1]]


# -- looking ------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["check", "retry"])
def test_check_and_retry_look_again(word: str, office: Office) -> None:
    assert "Looked at again: `DENY`" in office.orders(INES, f"/reconciler {word}")
    assert office.asked_again == [NUMBER]
    assert office.recorded == []


def test_explain_tells_of_a_rule_and_of_what_it_found(office: Office) -> None:
    office.found = report(finding("SEC014", "acme-portal"), finding("OPS001", "acme-portal"))
    text = office.orders(INES, "/reconciler explain SEC014")
    assert "Plain values are read by many." in text
    assert "`terraform/main.tf:3`" in text
    assert "OPS001" not in text
    mark = finding("OPS001", "acme-portal").fingerprint
    assert "OPS001" in office.orders(INES, f"/reconciler explain {mark[:12]}")
    unknown = office.orders(INES, "/reconciler explain NOPE01")
    assert "Nothing here is found by `NOPE01`" in unknown
    assert "`OPS001`, `SEC014`" in unknown


def test_what_is_no_order_is_answered_with_those_that_are(office: Office) -> None:
    text = office.orders(EVE, "/reconciler deploy now")
    assert "Nothing was done" in text
    assert "`/reconciler freeze [everything" in text
    assert office.recorded == []


def test_one_note_gets_one_answer_in_its_thread(office: Office) -> None:
    note = office.forge.add(INES, "/reconciler check\n/reconciler explain SEC014\n/reconciler ?")
    assert answer(office.desk(), NUMBER) == 1
    (text,) = [one.text for one in office.ours]
    assert office.ours[0].thread == note.thread
    assert (
        text.index("reconciler check") < text.index("explain SEC014") < text.index("reconciler ?")
    )


# -- freeze and unfreeze ------------------------------------------------------------------------


def test_a_freeze_stands_on_the_target_branch_and_is_recorded(office: Office) -> None:
    before = office.world.head
    text = office.orders(ADA, FREEZE)
    assert "**Frozen**" in text
    assert "`environment acme-portal`" in text
    (name,) = freezes(office)
    assert name in text
    commit = office.world.repository[office.world.head].peel(pygit2.Commit)
    assert [str(one) for one in commit.parent_ids] == [before]
    assert (commit.author.name, commit.author.email) == ("Ada Berg", "ada@example.com")
    assert commit.committer.email == "reconciler@example.com"
    assert problems(office) == []
    document = office.world.text(f"policies/freezes/{name}.yaml")
    assert "owner: team-platform" in document
    assert "environment: acme-portal" in document
    assert "expires: 2026-11-02T10:00:00Z" in document
    assert office.recorded == ["freeze(acme-portal): the database lags by hours"]
    assert office.world.verify().whole


def test_unfreeze_takes_it_out_again(office: Office) -> None:
    office.orders(ADA, "/reconciler freeze track customer because it burns")
    assert len(freezes(office)) == 1
    assert "nothing of it is frozen" in office.orders(ADA, "/reconciler unfreeze")
    text = office.orders(MINA, "/reconciler unfreeze track customer because it is well")
    assert "**May move again**" in text
    assert freezes(office) == []
    assert office.recorded == ["freeze(customer): it burns", "resume(customer): it is well"]
    assert office.world.verify().whole


def test_where_nobody_may_push_a_freeze_is_proposed_and_that_is_said(office: Office) -> None:
    office.protected = True
    before = office.world.head
    text = office.orders(ADA, FREEZE)
    assert "takes no push of ours" in text
    assert "**holds only when it is merged**" in text
    assert "merge_requests/51" in text
    assert office.world.head == before
    (branch,) = branches(office)
    assert problems(office, branch) == []
    assert office.recorded == []


@pytest.mark.parametrize(
    "text, why",
    [
        ("/reconciler freeze environment no-such-one", "there is no environment no-such-one"),
        ("/reconciler freeze track nowhere", "there is no track nowhere"),
        ("/reconciler freeze agent nobody", "there is no agent nobody"),
        ("/reconciler unfreeze everything", "nothing of it is frozen"),
    ],
)
def test_what_is_not_there_is_not_frozen(text: str, why: str, office: Office) -> None:
    before = office.world.head
    assert why in office.orders(ADA, text)
    assert office.world.head == before


def test_a_merge_request_that_touches_nothing_names_what_is_meant(office: Office) -> None:
    office.found = report(touched=())
    assert "touches no environment" in office.orders(ADA, "/reconciler freeze")
    office.found = report(touched=("only-in-the-change",))
    assert "touches no environment" in office.orders(ADA, "/reconciler freeze")


# -- override -----------------------------------------------------------------------------------


def test_an_override_is_a_merge_request_with_a_waiver(office: Office) -> None:
    office.found = report(finding("SEC014", "acme-portal"), finding("SEC014", "globex-shop"))
    before = office.world.head
    text = office.orders(MINA, OVERRIDE)
    assert "[merge request 51](<https://gitlab.example.com/a/b/-/merge_requests/51>)" in text
    assert office.world.head == before
    (branch,) = branches(office)
    assert office.forge.requests[51].source == branch
    desired, found = load(GitSource(office.world.path).snapshot(branch))
    assert found == ()
    (waiver,) = [one for name, one in desired.shared.waivers.items() if name.startswith("mr7")]
    spec = waiver.document.spec
    assert spec.rule == "SEC014"
    assert spec.subject.environments == ("acme-portal", "globex-shop")
    assert spec.reason == "the kiosk's network is its own"
    assert waiver.document.metadata.owner == "team-security"
    commit = office.world.repository.branches.local[branch].peel(pygit2.Commit)
    assert commit.author.email == "mina@example.com"
    assert office.recorded == ["override(all): rule SEC014, asked for in merge request 51"]
    assert office.world.verify().whole


def test_what_only_the_change_has_is_excepted_by_its_fingerprint(office: Office) -> None:
    new = finding("SEC014", "only-in-the-change")
    office.found = report(new, touched=("only-in-the-change",))
    office.orders(MINA, OVERRIDE)
    (branch,) = branches(office)
    desired, found = load(GitSource(office.world.path).snapshot(branch))
    assert found == ()
    (waiver,) = [one for name, one in desired.shared.waivers.items() if name.startswith("mr7")]
    assert waiver.document.spec.subject.fingerprints == (new.fingerprint,)


@pytest.mark.parametrize(
    "gate, text, why",
    [
        ("policy", OVERRIDE.replace("SEC014", "SEC015"), "nothing here is found by SEC015"),
        ("policy", OVERRIDE.replace("2026-12-31", "2026-01-01"), "the day is over"),
        ("documents", OVERRIDE, "nothing excepts a document"),
    ],
)
def test_what_cannot_be_excepted_is_not(gate: str, text: str, why: str, office: Office) -> None:
    office.found = report(finding("SEC014", "acme-portal", gate))  # type: ignore[arg-type]  # a gate
    assert why in office.orders(MINA, text)
    assert branches(office) == set()


def test_a_branch_that_somebody_else_filled_is_not_proposed(office: Office) -> None:
    office.found = report(finding("SEC014", "acme-portal"))
    office.orders(MINA, OVERRIDE)
    (branch,) = branches(office)
    repository = office.world.repository
    evil = office.world.change({"environments/evil.yaml": "kind: Evil\n"})
    repository.references.create(f"refs/heads/{branch}", evil, force=True)
    office.forge.said = [one for one in office.forge.said if not one.ours]
    del office.forge.requests[51]
    answer(office.desk(), NUMBER)
    assert "holds something else" in office.ours[0].text
    assert set(office.forge.requests) == {NUMBER}


# -- who may not --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "by, text, why",
    [
        (INES, FREEZE, "is owned by team-platform, team-security"),
        (ADA, OVERRIDE, "is owned by team-security"),
        (SCOUT, FREEZE, "an agent does not freeze"),
        (SCOUT, OVERRIDE, "an agent does not override"),
        (EVE, "/reconciler unfreeze everything", "no team has this person"),
    ],
)
def test_who_may_not_is_refused_told_and_recorded_once(
    by: Person, text: str, why: str, office: Office
) -> None:
    office.found = report(finding("SEC014", "acme-portal"))
    before = office.world.head
    assert why in office.orders(by, text)
    assert office.world.head == before
    assert branches(office) == set()
    (refusal,) = office.recorded
    assert refusal.startswith("refusal(all): ")
    for _ in range(3):
        assert answer(office.desk(), NUMBER) == 0
    assert len(office.recorded) == 1
    assert office.world.verify().whole


@pytest.mark.parametrize("by", [ADA, EVE])
def test_what_our_key_may_not_sign_is_answered_once_and_nothing_is_done(
    by: Person, office: Office
) -> None:
    office.keyless = True
    before = office.world.head
    text = office.orders(by, FREEZE)
    assert "Refused" in text
    assert "the key may not sign what others do" in text
    assert answer(office.desk(), NUMBER) == 0
    assert (office.world.head, office.recorded) == (before, [])


def test_a_stranger_who_checks_is_answered_and_nothing_is_recorded(office: Office) -> None:
    assert "Refused" in office.orders(EVE, "/reconciler check")
    assert office.asked_again == []
    assert office.recorded == []


def test_a_freeze_that_somebody_else_owns_is_not_taken_out(office: Office) -> None:
    path = "profiles/teams/team-platform.yaml"
    office.world.edit(path, "policies/freezes/**", "policies/freezes/mr*")
    text = """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {name: stop, owner: team-security}
spec: {scope: {track: demo}, reason: It burns, since: 2026-01-01}
"""
    office.world.change({"policies/freezes/stop.yaml": text})
    found = office.orders(ADA, "/reconciler unfreeze track demo")
    assert "policies/freezes/stop.yaml is owned by team-security" in found
    assert freezes(office) == ["stop"]


# -- once ---------------------------------------------------------------------------------------


@contextmanager
def dying(office: Office, where: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process is killed at a step."""

    def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        if where == "answer":
            patch.setattr(office.forge, "on_say", die)
        else:
            patch.setattr(chatops._Doing, where, die)
        with pytest.raises(Died):
            answer(office.desk(), NUMBER)
        yield


@pytest.mark.parametrize("where", ["_record", "answer"])
@pytest.mark.parametrize("by, text", [(ADA, FREEZE), (MINA, OVERRIDE), (INES, FREEZE)])
def test_whoever_dies_on_the_way_loses_nothing_and_nothing_is_done_twice(
    where: str, by: Person, text: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.found = report(finding("SEC014", "acme-portal"))
    note = office.forge.add(by, text)
    office.world.now += timedelta(seconds=5)
    with dying(office, where, monkeypatch):
        pass
    assert office.ours == []
    office.world.now += timedelta(hours=3)
    assert answer(office.desk(), NUMBER) == 1
    assert office.answer_to(note)
    assert len(office.recorded) == 1
    assert len(freezes(office)) == (1 if by == ADA else 0)
    assert len(branches(office)) == (1 if by == MINA else 0)
    assert office.world.verify().whole


def test_two_controllers_do_and_answer_once(office: Office) -> None:
    office.forge.add(ADA, FREEZE)
    office.world.now += timedelta(seconds=5)
    first, second = office.desk(), office.desk()
    raced: list[int] = []

    def meanwhile() -> Law:
        # The other one looks, does and answers while this one is at it.
        if not raced:
            raced.append(0)
            raced[0] = answer(second, NUMBER)
        return first.law()

    slow = replace(first, law=meanwhile)
    assert answer(slow, NUMBER) == 0
    assert raced == [1]
    assert len(office.ours) == 1
    assert len(freezes(office)) == 1
    assert len(office.recorded) == 1
    assert office.world.verify().whole


def test_a_note_that_is_changed_after_its_answer_does_nothing(office: Office) -> None:
    office.orders(ADA, "/reconciler check")
    later = office.world.now + timedelta(minutes=1)
    note = office.forge.said[0]
    office.forge.said[0] = replace(note, text="/reconciler freeze everything", edited=later)
    assert answer(office.desk(), NUMBER) == 0
    assert freezes(office) == []


def test_only_an_answer_of_ours_counts_as_one(office: Office) -> None:
    office.orders(ADA, "/reconciler check")
    (mark,) = re.findall("<!--.*-->", office.ours[0].text)
    office.forge.said.clear()
    note = office.forge.add(ADA, FREEZE)
    office.forge.add(EVE, f"It is done already. {mark}", thread=note.thread)
    assert answer(office.desk(), NUMBER) == 1
    assert len(freezes(office)) == 1


def test_what_we_wrote_and_closed_merge_requests_order_nothing(office: Office) -> None:
    for mark in ("<!-- reconciler:note v1 -->", "<!-- reconciler:finding x -->", mark_of("7")):
        office.forge.add(ADA, f"/reconciler check\n\n{mark}", ours=True)
    assert answer(office.desk(), NUMBER) == 0
    office.forge.add(ADA, FREEZE)
    closed = replace(office.forge.requests[NUMBER], state="closed")
    office.forge.requests[NUMBER] = closed
    assert answer(office.desk(), NUMBER) == 0
    assert freezes(office) == []


def test_whoever_watches_may_order_like_anybody_else(office: Office) -> None:
    """Where merge requests live in git, who operates it and what watches are often one account."""
    office.forge.add(ADA, FREEZE, ours=True)
    assert answer(office.desk(), NUMBER) == 1
    assert len(freezes(office)) == 1
    assert answer(office.desk(), NUMBER) == 0


# -- what is hostile ----------------------------------------------------------------------------


def test_hostile_words_are_shown_and_never_obeyed(office: Office) -> None:
    evil = "/reconciler freeze because `x` @all <img src=x> [a](http://evil) ``` <!-- | ~"
    text = office.orders(ADA, evil)
    shown = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    for one in ("@all", "<img", "http://evil"):
        assert one not in shown
    control = office.orders(ADA, "/reconciler check \x1b[2J\u202e")
    assert "\x1b" not in control
    assert "\u202e" not in control
    assert "\\u202e" in control


def test_a_reason_cannot_become_another_field(office: Office) -> None:
    reason = 'it burns\'}, scope: {everything: true} #\\n "x": !!python/x &a *a'
    office.orders(ADA, f"/reconciler freeze environment acme-portal because {reason}")
    found = load(GitSource(office.world.path).snapshot("main"))
    assert found[1] == ()
    (freeze,) = found[0].shared.freezes.values()
    assert freeze.document.spec.reason == reason
    assert freeze.document.spec.scope.environment == "acme-portal"


def test_an_answer_is_never_longer_than_the_forge_takes(office: Office) -> None:
    many = [finding(f"SEC{number:03}", "acme-portal") for number in range(200)]
    office.found = report(*(replace(one, rule="SEC014") for one in many))
    office.forge.writes_size = 1500
    note = office.forge.add(INES, "/reconciler explain SEC014")
    answer(office.desk(), NUMBER)
    text = office.answer_to(note)
    assert len(text) <= 1500
    assert text.count("`") % 2 == 0
    assert answer(office.desk(), NUMBER) == 0


AGREES = (
    f"/reconciler approve acme-portal at {'a' * 40} plan sha256:{'b' * 64} policies sha256:"
    + "c" * 64
)


def merged(office: Office) -> None:
    request = office.forge.requests[NUMBER]
    office.forge.requests[NUMBER] = replace(request, state="merged")


def test_an_agreement_to_what_is_merged_is_answered_once_and_stays_one(office: Office) -> None:
    merged(office)
    office.late = Heard()
    note = office.forge.add(INES, AGREES)
    assert answer(office.desk(), NUMBER) == 1
    said = office.forge.said[-1]
    assert said.thread == note.thread
    assert "Taken: `acme-portal` is tried again now" in said.text
    assert office.agreed == ["acme-portal"]
    assert answer(office.desk(), NUMBER) == 0
    (consent,) = agreed_late(office.forge.notes(NUMBER), "acme-portal")
    assert consent.reference == note.id, "whoever was told that it is taken has agreed"


def test_an_agreement_that_is_not_taken_is_told_why_recorded_and_is_none(office: Office) -> None:
    merged(office)
    office.late = Heard("who made the change does not agree to it: ask somebody else", by_whom=True)
    office.forge.add(INES, AGREES)
    assert answer(office.desk(), NUMBER) == 1
    assert "Refused, and nothing was done" in office.forge.said[-1].text
    assert "who made the change does not agree to it" in office.forge.said[-1].text
    assert office.agreed == []
    assert agreed_late(office.forge.notes(NUMBER), "acme-portal") == ()
    (subject,) = office.recorded
    assert subject.startswith("refusal"), subject
    assert "approve on merge request 7" in subject


def test_an_agreement_to_what_does_not_wait_yet_is_answered_later(office: Office) -> None:
    merged(office)
    office.forge.add(INES, AGREES)
    assert answer(office.desk(), NUMBER) == 0
    office.late = Heard()
    assert answer(office.desk(), NUMBER) == 1


def test_nothing_else_is_heard_of_what_is_merged(office: Office) -> None:
    merged(office)
    office.forge.add(ADA, "/reconciler freeze everything because it burns money")
    assert answer(office.desk(), NUMBER) == 0
    assert freezes(office) == []
    office.late = Heard()
    office.forge.add(ADA, f"{AGREES}\n/reconciler check")
    assert answer(office.desk(), NUMBER) == 1
    assert "it is merged: only what waits for an agreement" in office.forge.said[-1].text
