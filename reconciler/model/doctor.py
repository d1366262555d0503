"""What `doctor` finds: a few parts, each looked at by itself."""

from dataclasses import dataclass
from typing import Literal

from reconciler.model.merge_request import Advice

Verdict = Literal["good", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Part:
    """Things that were looked at together."""

    name: str
    advice: tuple[Advice, ...]

    @property
    def good(self) -> bool:
        """Whether nothing of it is bad; what could not be told is not."""
        return all(one.good is not False for one in self.advice)


def verdict(one: Advice) -> Verdict:
    """In a word."""
    return "unknown" if one.good is None else "good" if one.good else "bad"
