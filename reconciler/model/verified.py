"""What verifying and replaying records comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """One thing that is not as it must be."""

    sequence: int
    """The record's number, or the number that it should have."""
    commit: str
    """Empty: about no one commit."""
    code: str
    why: str

    @property
    def name(self) -> str:
        """By which somebody answers for it."""
        return f"{self.code}@{self.commit[:12] or 'branch'}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A tag that says how far the history had come."""

    name: str
    commit: str
    sequence: int
    key: str
    """Whose signature it has; empty when it is not signed."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying came to."""

    branch: str
    tip: str
    records: int
    signed: int
    """So many have a good signature of a key that was known then."""
    breaks: tuple[Break, ...]
    acknowledged: tuple[tuple[str, str], ...]
    """Names of breaks that somebody answered for, and who and why."""
    anchors: tuple[Anchor, ...]
    """Those that the history reaches, oldest first."""
    unsettled: tuple[tuple[str, int], ...]
    """Environments with an apply that has begun and not ended, and its record."""
    notes: tuple[str, ...]
    """What could not be looked at, or only in part."""

    @property
    def open_breaks(self) -> tuple[Break, ...]:
        """Those that nobody answered for."""
        known = {name for name, _ in self.acknowledged}
        return tuple(one for one in self.breaks if one.name not in known)

    @property
    def whole(self) -> bool:
        """Whether nothing is broken."""
        return not self.breaks


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision, then and now."""

    sequence: int
    commit: str
    environment: str
    then: str
    """The verdict that was recorded."""
    now: str
    """The verdict that is come to again; empty: none."""
    same: bool
    """Whether it is the same to the byte."""
    engines: tuple[tuple[str, str, str], ...]
    """Programs that are others now: name, then, now."""
    differences: tuple[str, ...]
    """What is not the same, but for the engines' names."""
    taken: tuple[str, ...]
    """Gates that could not be asked again, and whose recorded word was taken."""

    @property
    def agrees(self) -> bool:
        """Whether it is the same, but for what other programs are called."""
        return self.same or not self.differences
