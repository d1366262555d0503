"""Overview: what one commit holds, in rows, and what is wrong with it."""

from dataclasses import dataclass

from reconciler.model.problem import Problem


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One environment in a list."""

    name: str
    path: str
    track: str
    stage: str
    owner: str
    blueprint: str
    version: str
    region: str
    account: str
    promoted_from: str
    description: str
    monthly_cost: int | None
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The environments of one revision, its documents counted by kind, and all problems."""

    revision: str
    rows: tuple[Row, ...]
    documents: tuple[tuple[str, int], ...]
    problems: tuple[Problem, ...]
