"""Shown: one environment with everything that applies to it, and where each value comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.desired import Effective
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered


@dataclass(frozen=True, slots=True)
class Shown:
    """One environment, filled in."""

    filled: Effective
    sources: Mapping[str, str]
    """Parameter -> environment, profile or blueprint."""
    context: Mapping[str, Any]
    rendered: Rendered | None
    problems: tuple[Problem, ...]
