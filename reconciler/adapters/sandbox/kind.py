"""What a handler says about its resource type: four small functions, and what cannot be derived.

The schema has names, types and flags. What else the real provider does with an attribute (replace
the resource, fill in a default, compare as JSON) stands here as data, so that it can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.adapters.sandbox.values import Values

if TYPE_CHECKING:
    from reconciler.adapters.sandbox.call import Call

Create = Callable[["Call", Values], str]
Read = Callable[["Call", str, Values], Values | None]
Update = Callable[["Call", Values, Values], None]
Delete = Callable[["Call", Values], None]
Customize = Callable[["Call", Values | None, Values], None]
ImportSeed = Callable[["Call", str], Values]


def _no_update(_call: Call, _prior: Values, _planned: Values) -> None:
    """For types of which nothing but tags kept in the state can change in place."""


def _no_plan(_call: Call, _prior: Values | None, _planned: Values) -> None:
    """For types whose plan is what the schema makes of it."""


def _only_id(_call: Call, _identity: str) -> Values:
    return {}


@dataclass(frozen=True)
class Kind:
    """A resource type of the sandbox. Paths are dotted: block.attribute."""

    create: Create
    """Makes it and gives its id. `values` holds nothing where Terraform does not know yet."""

    read: Read
    """What the cloud holds now; None when it is gone. What it leaves out is kept."""

    delete: Delete

    update: Update = _no_update

    replace: frozenset[str] = frozenset()
    """Attributes and blocks of which a change makes the resource anew."""

    replace_all: bool = False
    """Every change makes the resource anew."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the real provider plans where the source says nothing."""

    documents: frozenset[str] = frozenset()
    """Attributes that hold JSON: spaces and order say nothing."""

    computed_blocks: frozenset[str] = frozenset()
    """Blocks that the cloud fills in when the source has none; what is there then stays."""

    renewed: frozenset[str] = frozenset()
    """Attributes that the cloud computes anew at each change."""

    kept: frozenset[str] = frozenset()
    """Attributes that are not read back from the cloud, because moto does not keep them."""

    customize: Customize = _no_plan
    """The last word on a plan. It gets the planned values and may change them."""

    import_seed: ImportSeed = _only_id
    """The values that `read` needs, from the id that a person gives to `terraform import`."""
