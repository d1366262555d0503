"""Plan: what Terraform would do, normalised and masked. No value here holds a secret."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["create", "update", "replace", "delete", "read", "forget", "import", "move", "no-op"]

SENSITIVE: Final = "__sensitive__"
"""The one key of a value that is masked; under it a mark, by which values can be compared."""
UNKNOWN: Final[dict[str, bool]] = {"__unknown__": True}
"""A value that only the apply can tell."""


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute: its path, and what it is before and after, masked."""

    path: str
    before: Any
    after: Any
    replaces: bool = False
    """Whether this is why the resource is made anew."""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What would happen to one resource."""

    address: str
    type: str
    kind: Kind
    actions: tuple[str, ...]
    attributes: tuple[AttributeChange, ...]
    reason: str = ""
    """Terraform's word for why, where it gives one."""
    importing: str = ""
    """What it takes over, by the name that the provider is asked for; empty: nothing."""
    belongs: str = ""
    """Of what is taken over: the environment that its own tags name; empty: they name none."""
    owner: str = ""
    """And the team; empty: they name none."""
    previous_address: str = ""
    deposed: str = ""
    identity: str = ""
    """The cloud's name of what is there now."""
    loses_data: bool = False
    """Whether it deletes something that holds data, or makes it anew."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many resources each thing would happen to."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    forget: int = 0
    imports: int = 0
    move: int = 0

    @property
    def total(self) -> int:
        """All of them; an import that also changes something counts once."""
        return self.create + self.update + self.replace + self.delete + self.forget + self.move


@dataclass(frozen=True, slots=True)
class DriftedAttribute:
    """One attribute that is not as it was left."""

    path: str
    want: Any
    have: Any


@dataclass(frozen=True, slots=True)
class Drifted:
    """One resource that is not as it was left."""

    address: str
    type: str
    kind: Literal["changed", "gone"]
    attributes: tuple[DriftedAttribute, ...]
    mended: bool
    """Whether the plan puts it back; what the source does not speak of stays as it is."""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole, successful plan. One that errored or is incomplete is never one of these."""

    environment: str
    changes: tuple[ResourceChange, ...]
    """Those that do something, what loses data first, then by address."""
    drift: tuple[Drifted, ...]
    outputs: tuple[AttributeChange, ...]
    digest: str
    """The same for the same intent, and another for any other intent or environment."""
    engine: str
    """Which program made it, in which version."""

    @property
    def counts(self) -> Counts:
        """By kind."""
        found: dict[str, int] = {}
        for one in self.changes:
            found[one.kind] = found.get(one.kind, 0) + 1
        return Counts(
            create=found.get("create", 0),
            update=found.get("update", 0),
            replace=found.get("replace", 0),
            delete=found.get("delete", 0),
            forget=found.get("forget", 0),
            imports=sum(1 for one in self.changes if one.importing),
            move=found.get("move", 0) + found.get("import", 0),
        )

    @property
    def empty(self) -> bool:
        """Whether nothing would happen."""
        return not self.changes and not self.outputs

    @property
    def loses_data(self) -> tuple[ResourceChange, ...]:
        """What deletes something that holds data."""
        return tuple(one for one in self.changes if one.loses_data)
