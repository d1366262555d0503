"""Difference: how the plan of now differs from the one that people agreed to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Way = Literal["more", "less", "otherwise"]
"""In the plan of now only, in the agreed one only, or in both and not the same."""
Step = tuple[Any, Any]
"""From what, to what; masked."""


@dataclass(frozen=True, slots=True)
class OtherAttribute:
    """One attribute, or another fact of a change, that is not planned as it was agreed to."""

    path: str
    agreed: Step | None
    """As it was agreed to; None: nothing was to happen to it."""
    now: Step | None
    """As it is planned now; None: nothing happens to it any more."""


@dataclass(frozen=True, slots=True)
class OtherResource:
    """One resource of which something else would happen than was agreed to."""

    address: str
    deposed: str
    agreed: str
    """What was to happen to it; empty: nothing."""
    now: str
    """What would happen to it now; empty: nothing."""
    attributes: tuple[OtherAttribute, ...]

    @property
    def way(self) -> Way:
        """How it differs."""
        if not self.agreed:
            return "more"
        return "otherwise" if self.now else "less"


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two plans of one environment; of equal ones nothing does."""

    agreed: str
    """The digest of the plan that was agreed to."""
    now: str
    """The digest of the plan of now."""
    resources: tuple[OtherResource, ...]
    outputs: tuple[OtherAttribute, ...]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.resources or self.outputs)

    def of(self, way: Way) -> Iterator[OtherResource]:
        """The resources that differ in that way."""
        return (one for one in self.resources if one.way == way)
