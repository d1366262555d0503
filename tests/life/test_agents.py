"""Agents that are kept from going on."""

from __future__ import annotations

from typing import Final

import pytest

from reconciler.adapters.git_history import GitHistory
from reconciler.app.agents import hold, quarantine, release, standings
from reconciler.app.freezes import tidy
from reconciler.core.authority import is_stopped
from reconciler.core.records.facts import refusal_body
from reconciler.errors import NotAllowedError, UsageError
from reconciler.model.record import Actor
from tests.life.home import Home
from tests.verify.history import ADA, SCOUT, TOM, person

PATH: Final = "profiles/agents/scout.yaml"
WHY: Final = "It repeats itself"
SARA: Final = person("Sara Lind", 3001)


def look(home: Home) -> list[str]:
    return [one.agent for one in quarantine(home.steward(), GitHistory(home.world.path))]


def stopped(home: Home, name: str = "scout") -> bool:
    shared = home.shared
    return is_stopped(shared.agents[name].document, shared.freezes.values(), home.world.now)


def refuse(home: Home, times: int, who: Actor = SCOUT) -> None:
    for number in range(times):
        body = refusal_body(f"freeze everything, try {number}", "an agent does not", None, None)
        home.world.recorder(who).happened("", home.world.head, body)


def rolled_back(home: Home, times: int) -> None:
    for number in range(times):
        text = home.world.text("environments/demo/trade-fair.yaml") + f"# {number}\n"
        bad = home.agent_commits({"environments/demo/trade-fair.yaml": text})
        body = {
            "kind": "rollback",
            "bad": bad,
            "good": home.world.head,
            "because": "It fell over",
            "mergeRequest": "",
        }
        home.world.recorder().happened("trade-fair", home.world.head, body)


def test_too_many_denials_put_an_agent_in_quarantine_once(home: Home) -> None:
    refuse(home, 20)
    refuse(home, 20)  # the same again is the same denial
    assert look(home) == []
    refuse(home, 21)
    assert look(home) == ["scout"]
    assert "21 denials within a day" in home.last().because
    assert look(home) == []


def test_too_many_rollbacks_do_too(home: Home) -> None:
    rolled_back(home, 3)
    assert look(home) == []
    rolled_back(home, 1)
    assert look(home) == ["scout"]
    assert stopped(home)
    assert "4 rollbacks within a day" in home.last().because
    assert (home.last().kind, home.last().scope, home.last().subject) == (
        "freeze",
        "agent",
        "scout",
    )
    assert look(home) == []
    assert tidy(home.steward()) == ()
    assert home.kinds().count("freeze") == 1
    assert home.kinds().count("resume") == 0


def test_what_was_a_day_ago_counts_no_more(home: Home) -> None:
    rolled_back(home, 4)
    home.passes(days=1, minutes=10)
    assert look(home) == []


def test_only_a_human_releases_and_what_was_before_counts_no_more(home: Home) -> None:
    before = home.world.text(PATH)
    rolled_back(home, 4)
    look(home)
    for who in (SCOUT, TOM):
        with pytest.raises(NotAllowedError):
            release(home.steward(), home.caller(who), "scout", "I am fine again")
    assert stopped(home)
    found = release(home.steward(), home.caller(ADA), "scout", "Its prompt is mended")
    assert found.commit == home.world.head
    assert not stopped(home)
    assert home.world.text(PATH) == before
    home.passes(minutes=1)
    assert look(home) == []
    assert home.kinds()[-1] == "resume"


def test_its_owner_may_stop_it(home: Home) -> None:
    sara = home.at_forge(SARA)
    hold(home.steward(), sara, "scout", WHY)
    assert stopped(home)
    with pytest.raises(UsageError, match="already"):
        hold(home.steward(), sara, "scout", WHY)
    with pytest.raises(UsageError, match="there is no agent scuot") as caught:
        hold(home.steward(), sara, "scuot", WHY)
    assert "scout" in caught.value.hint


def test_what_merge_requests_do_to_quarantines_is_recorded_once(home: Home) -> None:
    text = home.world.text(PATH)
    held = text.rstrip() + f"\n  quarantine: {{reason: {WHY}, since: 2026-11-01}}\n"
    home.world.change({PATH: held})
    look(home)
    look(home)
    assert home.kinds() == ["freeze"]
    home.world.change({PATH: text})
    look(home)
    look(home)
    assert home.kinds() == ["freeze", "resume"]


def test_everybody_sees_how_agents_did(home: Home) -> None:
    rolled_back(home, 2)
    refuse(home, 3)
    hold(home.steward(), home.at_forge(SARA), "scout", WHY)
    law, git = home.law(), GitHistory(home.world.path)
    found = {one.name: one for one in standings(law, home.world.records(), git, home.world.now)}
    scout = found["scout"]
    assert (scout.denials, scout.rollbacks, scout.limits) == (3, 2, (20, 3))
    assert scout.stopped == f"in quarantine: {WHY}"
    assert {one.stopped for name, one in found.items() if name != "scout"} == {""}
