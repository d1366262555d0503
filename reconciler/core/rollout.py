"""How a change goes on by itself, step by step, and when it goes back.

A canary is two values of a document: the image on trial and the step that it has reached. So each
step is a commit that says so, and which step comes next is told from what is declared, what was
applied and how that does: nothing else is remembered. What a step may change is said here once, for
whoever makes one and for whoever has to tell whether a commit is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.core.edit_document import GONE, Changes
from reconciler.model.base import format_timestamp
from reconciler.model.environment import Environment
from reconciler.model.health import Ill, State, Unsettled
from reconciler.model.profile import Rollout, RolloutStep
from reconciler.model.rollout import Advance, Back, Done, Finish, Move, Wait

IMAGE: Final = "image"
"""The parameter with what everybody gets."""
TRIAL: Final = "canary_image"
"""The parameter with what is on trial."""
STEP: Final = "canary_step"
"""The parameter with the step that the trial has reached; 0 sends it nothing."""
_PARAMETERS: Final = ("spec", "parameters")
_GRACE: Final = timedelta(minutes=15)
"""So long after the time in which a change is watched it may still be taken back."""


@dataclass(frozen=True, slots=True)
class Canary:
    """What is on trial in an environment."""

    image: str
    step: int
    """0: it was stopped, or never began."""
    steps: tuple[RolloutStep, ...]

    @property
    def reached(self) -> RolloutStep:
        """The step that it has reached, as the templates take it."""
        return self.steps[min(self.step, len(self.steps)) - 1]


@dataclass(frozen=True, slots=True)
class Change:
    """An apply of just what is declared."""

    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Ground:
    """What is so of an environment, beside its health."""

    canary: Canary | None
    """None: nothing is on trial, or no traffic goes to it."""
    change: Change | None
    """None: what is declared was not applied."""
    watch: timedelta
    """How long a change is watched: the longest patience of a check."""
    held: str = ""
    """Why nothing may begin; empty: it may."""


def canary_of(document: Environment, rollout: Rollout) -> Canary | None:
    """What a document puts on trial."""
    own = document.spec.parameters
    image, step = own.get(TRIAL), own.get(STEP, 0)
    if rollout.strategy != "canary" or not isinstance(image, str) or not image:
        return None
    if not isinstance(step, int) or IMAGE not in own:
        return None
    return Canary(image, step, rollout.steps)


def blind_move(ground: Ground, now: datetime) -> Move | None:
    """What is to be done whatever the health is; None: that depends on it."""
    if ground.held:
        return Wait(None, ground.held)
    if ground.change is None:
        return Wait(None, "what is declared is not applied yet")
    if ground.canary is None and now >= ground.change.ended + ground.watch + _GRACE:
        return Done("it was applied long ago")
    return None


def next_move(ground: Ground, health: State, now: datetime) -> Move:
    """What is to be done at `now`."""
    known = blind_move(ground, now)
    if known is not None or ground.change is None:
        return known or Wait(None, "")
    if isinstance(health, Ill):
        return Back(health.why)
    if ground.canary is not None:
        return _of_trial(ground.canary, ground.change, health, now)
    end = ground.change.ended + ground.watch
    if isinstance(health, Unsettled):
        return Wait(end if now < end else end + _GRACE, health.why)
    return Wait(end, "it is watched for a while") if now < end else Done("it is well")


def _of_trial(canary: Canary, change: Change, health: State, now: datetime) -> Move:
    if isinstance(health, Unsettled):
        return Wait(health.until, health.why)
    due = change.ended + canary.reached.wait
    if now < due:
        share = f"{canary.reached.traffic} % of the traffic"
        return Wait(due, f"the trial has {share} until {format_timestamp(due)}")
    if canary.step < len(canary.steps):
        return Advance(canary.step + 1)
    return Finish()


def edits(move: Advance | Finish | Back, canary: Canary) -> Changes:
    """What a move changes in the document, and nothing else."""
    match move:
        case Advance(step):
            return {(*_PARAMETERS, STEP): step}
        case Back():
            return {(*_PARAMETERS, STEP): 0}
        case Finish():
            return {(*_PARAMETERS, IMAGE): canary.image, **ended()}


def trial(image: object) -> Changes:
    """What puts an image on trial, at its first step."""
    return {(*_PARAMETERS, TRIAL): image, (*_PARAMETERS, STEP): 1}


def ended() -> Changes:
    """What takes a trial out of a document."""
    return {(*_PARAMETERS, TRIAL): GONE, (*_PARAMETERS, STEP): GONE}


def step_between(before: Environment, after: Environment, rollout: Rollout) -> Move | None:
    """The move that leads from one document to the other, and changes nothing beside; or None.

    One that never began leads nowhere: somebody has to put it to its first step.
    """
    canary = canary_of(before, rollout)
    if canary is None or canary.step < 1:
        return None
    moves: list[Advance | Finish | Back] = [Back("")]
    last = canary.step >= len(canary.steps)
    moves.append(Finish() if last else Advance(canary.step + 1))
    said = after.model_dump()
    return next((one for one in moves if _after(before, edits(one, canary)) == said), None)


def _after(document: Environment, changes: Changes) -> Mapping[str, Any]:
    found = document.model_dump()
    parameters = dict(document.spec.parameters)
    for path, value in changes.items():
        if value is GONE:
            parameters.pop(path[-1], None)
        else:
            parameters[path[-1]] = value
    return {**found, "spec": {**found["spec"], "parameters": parameters}}
