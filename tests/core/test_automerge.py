"""What may be merged by itself: one way to be merged, and every way not to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.decide import Law
from reconciler.core.load import load
from reconciler.core.review.automerge import against, waiting, wants
from reconciler.core.review.marker import thread_text
from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Person
from reconciler.model.base import STAGES, Stage
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Verdict
from reconciler.model.merge_request import MergeRequest, Note
from reconciler.model.profile import AutoMerge
from reconciler.model.review import Review
from tests.check.project import FAIR, PITCH, base_files
from tests.memory_tree import MemoryTree

NOW: Final = datetime(2026, 11, 21, tzinfo=UTC)
WHO: Final = Person("Sara", "sara@example.com")
HEAD: Final = "a" * 40
PROFILE: Final = load(MemoryTree(base_files()))[0].shared.profiles["demo"].document
TOUCHED: Final = Affected("pitch-acme", PITCH, Effect.CHANGED, ("its document changed",))
REQUEST: Final = MergeRequest(1, "A change", "", WHO, "fix", "main", HEAD, "open", NOW, NOW)


def decision(name: str, verdict: Verdict = Verdict.ALLOW) -> Decision:
    return Decision(name, verdict, "L1", (), (), (), (), NOW)


def reviewed(*decisions: Decision, touched: Sequence[Affected] = (TOUCHED,)) -> Review:
    return Review(CheckReport("b" * 40, HEAD, NOW, decisions, (), tuple(touched)), 1)


def law(*stages: Stage, at: Stage = "dev") -> Law:
    spec = PROFILE.spec.model_copy(update={"auto_merge": AutoMerge(stages=stages)})
    return Law(PROFILE.model_copy(update={"spec": spec}), at)


GOOD: Final = reviewed(decision("pitch-acme"), decision(""))
LAWS: Final[Mapping[str, Sequence[Law]]] = {"pitch-acme": (law("dev"),)}


def test_what_is_allowed_and_wanted_is_merged() -> None:
    assert wants(GOOD, LAWS)
    assert against(GOOD, REQUEST, LAWS, (PITCH,)) == ()


def test_a_profile_that_says_nothing_wants_nothing() -> None:
    assert PROFILE.spec.auto_merge.stages == ()
    assert not wants(GOOD, {"pitch-acme": (Law(PROFILE, "dev"),)})


@pytest.mark.parametrize("name", ["pitch-acme", ""])
@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.ALLOW])
def test_every_decision_has_to_allow(name: str, verdict: Verdict) -> None:
    both = {"pitch-acme": Verdict.ALLOW, "": Verdict.ALLOW, name: verdict}
    found = reviewed(*(decision(each, said) for each, said in both.items()))
    assert against(found, REQUEST, LAWS, (PITCH,)) == (f"it is not allowed: {verdict}",)


@pytest.mark.parametrize(
    "request_, why",
    [
        (replace(REQUEST, draft=True), "it is a draft"),
        (replace(REQUEST, fork=True), "it comes from a fork"),
        (replace(REQUEST, head="c" * 40), "another commit was judged than its last one"),
    ],
)
def test_how_the_merge_request_is(request_: MergeRequest, why: str) -> None:
    assert against(GOOD, request_, LAWS, (PITCH,)) == (why,)


def test_what_was_a_draft_when_it_was_judged_is_one() -> None:
    assert against(replace(GOOD, draft=True), REQUEST, LAWS, (PITCH,)) == ("it is a draft",)


def test_plans_of_a_made_up_cloud_prove_nothing() -> None:
    (why,) = against(replace(GOOD, simulated=True), REQUEST, LAWS, (PITCH,))
    assert "sandbox" in why


def test_every_law_of_every_environment_has_to_want_it() -> None:
    moved = {"pitch-acme": (law("dev"), law("dev", at="staging"))}
    (why,) = against(GOOD, REQUEST, moved, (PITCH,))
    assert why == "`pitch-acme`: the track demo does not want it at the stage staging"
    fair = Affected("trade-fair", FAIR, Effect.CHANGED, ())
    two = reviewed(
        decision("pitch-acme"), decision("trade-fair"), decision(""), touched=(TOUCHED, fair)
    )
    other = {**LAWS, "trade-fair": (law(),)}
    assert wants(two, other)
    (why,) = against(two, REQUEST, other, (FAIR, PITCH))
    assert why.startswith("`trade-fair`: the track demo does not want it")


@pytest.mark.parametrize("laws", [{}, {"pitch-acme": ()}])
def test_what_nothing_judges_is_not_merged(laws: Mapping[str, Sequence[Law]]) -> None:
    assert not wants(GOOD, laws)
    assert against(GOOD, REQUEST, laws, (PITCH,)) == ("nothing judges `pitch-acme`",)


def test_nor_what_nothing_was_decided_about() -> None:
    assert against(reviewed(decision("")), REQUEST, LAWS, (PITCH,)) == (
        "nothing judges `pitch-acme`",
    )
    assert against(reviewed(decision("pitch-acme")), REQUEST, LAWS, (PITCH,)) == (
        "nothing was decided about the change itself",
    )
    nothing = reviewed(decision(""), touched=())
    assert not wants(nothing, LAWS)
    assert against(nothing, REQUEST, LAWS, ()) == ("it touches no environment",)


@pytest.mark.parametrize(
    "path",
    [
        "policies/security/x/x.rego",
        "profiles/tracks/demo.yaml",
        "profiles/teams/team-web.yaml",
        "templates/serverless-demo/1.0.0/blueprint.yaml",
        "reconciler.yaml",
        ".gitlab-ci.yml",
        "README.md",
        "environments/README.md",
        FAIR,
    ],
)
def test_a_change_of_anything_else_is_for_people(path: str) -> None:
    (why,) = against(GOOD, REQUEST, LAWS, (PITCH, path))
    assert why == f"it changes more than the environments that were judged: `{path}`"


def test_many_other_files_are_counted() -> None:
    (why,) = against(GOOD, REQUEST, LAWS, [PITCH, *(f"docs/{n}.md" for n in range(9))])
    assert why.endswith("`docs/0.md`, `docs/1.md`, `docs/2.md` and 6 more")


def test_an_environment_that_moved_changes_two_files() -> None:
    moved = replace(TOUCHED, path=FAIR, moved_from=PITCH)
    found = reviewed(decision("pitch-acme"), decision(""), touched=(moved,))
    assert against(found, REQUEST, LAWS, (FAIR, PITCH)) == ()


@given(
    verdicts=st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=3),
    itself=st.sampled_from(list(Verdict)),
    stages=st.lists(st.sampled_from(STAGES), min_size=1, max_size=3),
    wanted=st.sets(st.sampled_from(STAGES)),
    draft=st.booleans(),
    fork=st.booleans(),
    more=st.booleans(),
)
def test_nothing_is_merged_unless_all_of_it_is_so(
    verdicts: list[Verdict],
    itself: Verdict,
    stages: list[Stage],
    wanted: set[Stage],
    draft: bool,  # noqa: FBT001  # drawn
    fork: bool,  # noqa: FBT001  # "
    more: bool,  # noqa: FBT001  # "
) -> None:
    names = [f"env-{n}" for n, _ in enumerate(verdicts)]
    touched = [Affected(one, f"environments/demo/{one}.yaml", Effect.CHANGED, ()) for one in names]
    decisions = [decision(name, said) for name, said in zip(names, verdicts, strict=True)]
    found = reviewed(*decisions, decision("", itself), touched=touched)
    laws = {name: [law(*sorted(wanted), at=at) for at in stages] for name in names}
    paths = [one.path for one in touched] + (["README.md"] if more else [])
    why = against(found, replace(REQUEST, draft=draft, fork=fork), laws, paths)
    fine = {itself, *verdicts} == {Verdict.ALLOW} and set(stages) <= wanted
    assert (why == ()) == (fine and not (draft or fork or more))
    assert wants(found, laws) == bool(wanted & set(stages))


# --- what was said on it


def note(number: int, text: str, *, ours: bool = False, resolved: bool | None = None) -> Note:
    return Note(f"n{number}", f"t{number}", WHO, NOW, NOW, text, ours, None, resolved)


def test_what_people_say_holds_nothing_up() -> None:
    assert waiting(()) == ()
    assert waiting((note(1, "Nice!"), note(2, "why?", resolved=False))) == ()


def test_an_order_that_nobody_answered_does() -> None:
    assert waiting((note(1, "/reconciler freeze"),)) == ("an order in its notes is not answered",)
    two = (note(1, "/reconciler freeze"), note(2, "/reconciler nonsense"))
    assert waiting(two) == ("an order in its notes is not answered (2)",)


def test_a_finding_of_ours_that_is_not_settled_does() -> None:
    text = thread_text("too long", "0" * 32)
    assert waiting((note(1, text, ours=True, resolved=False),)) == (
        "a finding on a line is not settled",
    )
    assert waiting((note(1, text, ours=True, resolved=True),)) == ()
    assert waiting((note(1, text, resolved=False),)) == ()  # somebody else's words
