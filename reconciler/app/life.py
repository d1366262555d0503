"""What nobody has to order: ends, freezes that are over, agents that go too far.

Each step stands by itself, so that one that fails holds up no other; each is level-triggered, so
that the next look makes good what this one could not do.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.app.agents import quarantine
from reconciler.app.expiry import expire, settle
from reconciler.app.freezes import tidy
from reconciler.app.render import Rendering
from reconciler.app.steward import Steward
from reconciler.errors import ReconcilerError
from reconciler.model.base import format_timestamp
from reconciler.model.life import Expired
from reconciler.ports import Commits

_ENDS: Final = {
    "warned": "{name} ends at {when}, and that is announced",
    "kept": "{name} has come to its end at {when}, and holds data: a human has to end it",
    "ended": "{name} has come to its end at {when}, and is taken out",
    "extended": "{name} lives until {when}",
    "destroyed": "{name}, which came to its end at {when}, is destroyed",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one look."""

    done: tuple[str, ...] = ()
    """Each thing in words."""
    failed: tuple[ReconcilerError, ...] = ()


def look_after(
    at: Steward, git: Commits, rendering: Rendering, lasting: Iterable[str], gone: Iterable[str]
) -> Looked:
    """All of it, once.

    `lasting`: environments that do not live for ever; `gone`: those that records know and no
    document declares.
    """
    steps: tuple[Callable[[], Sequence[str]], ...] = (
        lambda: [f"{', '.join(f.name for f in one.freezes)} is over" for one in tidy(at)],
        lambda: [f"{one.agent} is in quarantine: {one.because}" for one in quarantine(at, git)],
        lambda: [_words(one) for one in expire(at, lasting, rendering)],
        lambda: [_words(one) for one in settle(at, gone)],
    )
    done: list[str] = []
    failed: list[ReconcilerError] = []
    for step in steps:
        try:
            done += step()
        except ReconcilerError as error:
            failed.append(error)
    return Looked(tuple(done), tuple(failed))


def _words(one: Expired) -> str:
    said = _ENDS[one.step].format(name=one.environment, when=format_timestamp(one.expires))
    return f"{said}, when !{one.proposed.number} is merged" if one.proposed else said
