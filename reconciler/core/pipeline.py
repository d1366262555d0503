"""A rendered pipeline as rules look at it: its jobs, with what they take over from templates."""

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.yaml_reader import YamlError, read_yaml

PIPELINE: Final = "pipeline/.gitlab-ci.yml"
"""Where a blueprint renders it."""
KEYWORDS: Final = frozenset(
    {
        "after_script",
        "before_script",
        "cache",
        "default",
        "image",
        "include",
        "services",
        "spec",
        "stages",
        "variables",
        "workflow",
    }
)
_DEPTH: Final = 11
"""GitLab refuses deeper chains of `extends`."""


def read_pipeline(path: str, data: bytes) -> dict[str, Any]:
    """Path, jobs and the whole; YamlError when it cannot be read."""
    raw = read_yaml(data)
    if not isinstance(raw, dict):
        raise YamlError(1, 1, "a pipeline is a map of jobs")
    done: dict[str, tuple[dict[str, Any], int]] = {}
    jobs = {
        name: _extended(name, raw, done, 0)[0]
        for name, job in raw.items()
        if name not in KEYWORDS and not name.startswith(".") and isinstance(job, dict)
    }
    return {"path": path, "jobs": jobs, "raw": raw}


def _extended(
    name: str, whole: Mapping[str, Any], done: dict[str, tuple[dict[str, Any], int]], depth: int
) -> tuple[dict[str, Any], int]:
    """A job over what it extends, and how deep that goes; each is made once.

    A template that is not here adds nothing that is known.
    """
    if name in done:
        found = done[name]
    else:
        if depth > _DEPTH:
            raise _too_deep(name)
        job = whole.get(name)
        parents = job.get("extends", ()) if isinstance(job, dict) else ()
        parents = (parents,) if isinstance(parents, str) else parents
        merged: dict[str, Any] = {}
        below = 0
        for parent in parents if isinstance(parents, tuple) else ():  # as lists are read
            if isinstance(parent, str):
                more, deep = _extended(parent, whole, done, depth + 1)
                merged, below = _over(merged, more), max(below, deep + 1)
        found = done[name] = (_over(merged, job) if isinstance(job, dict) else {}, below)
    if depth + found[1] > _DEPTH:
        raise _too_deep(name)
    return found


def _too_deep(name: str) -> YamlError:
    return YamlError(1, 1, f"the chain of `extends` at `{name}` is longer than GitLab takes")


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged, everything else replaced, as GitLab does."""
    merged = dict(below)
    for name, value in above.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[name] = _over(before, value)
        else:
            merged[name] = value
    return merged
