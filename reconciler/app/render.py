"""Render one environment, or all of a revision."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.app.kept import (
    Kept,
    identity,
    pack_problems,
    pack_summary,
    render_parts,
    unpack_problems,
    unpack_summary,
)
from reconciler.core.effective import effective
from reconciler.core.load import Found, as_problems, load_environments, load_shared
from reconciler.core.render import Renderer
from reconciler.model.desired import Effective
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered, RenderSummary
from reconciler.ports import RepoTree, Workers

Progress = Callable[[int, int], None]
Sink = Callable[[Rendered], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one environment came to: its files in short, or why there are none."""

    name: str
    path: str
    summary: RenderSummary | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """How to render: the processors, and the time that one environment may take."""

    workers: Workers
    seconds: float


def render_all(
    tree: RepoTree, kept: Kept, rendering: Rendering, progress: Progress
) -> tuple[Outcome, ...]:
    """Every environment of a revision in short, by path. What stayed is not rendered again."""
    index_key = kept.key("render", identity(tree))
    index = kept.cache.get("render", index_key)
    if index is not None:
        rows = json.loads(index)
        progress(len(rows), len(rows))
        return tuple(
            Outcome(name, path, summary and unpack_summary(summary), unpack_problems(problems))
            for name, path, summary, problems in rows
        )
    outcomes = _render_all(tree, kept, rendering, progress)
    rows = [
        [
            one.name,
            one.path,
            one.summary and pack_summary(one.summary),
            pack_problems(one.problems),
        ]
        for one in outcomes
    ]
    if not any(problem.code == "out-of-time" for one in outcomes for problem in one.problems):
        kept.cache.put_many("render", [(index_key, json.dumps(rows).encode())])
    return outcomes


def _render_all(
    tree: RepoTree, kept: Kept, rendering: Rendering, progress: Progress
) -> tuple[Outcome, ...]:
    renderer, todo, outcomes = _prepare(tree)
    keys = {
        one.environment.path: kept.key("files", *render_parts(one, renderer.shared)) for one in todo
    }
    stored = kept.cache.get_many("files", list(keys.values()))
    missing = []
    for filled in todo:
        path = filled.environment.path
        packed = stored.get(keys[path])
        if packed is None:
            missing.append(filled)
        else:
            outcomes[path] = Outcome(_name(path), path, unpack_summary(json.loads(packed)))
    total = len(todo) + len(outcomes) - (len(todo) - len(missing))
    fresh: list[tuple[str, bytes]] = []

    def shorten(filled: Effective) -> list[object] | tuple[Problem, ...]:
        result = renderer.render(filled)
        return pack_summary(result.summary()) if isinstance(result, Rendered) else result

    results = rendering.workers.map(
        shorten, missing, rendering.seconds, lambda filled: (_late(filled, rendering.seconds),)
    )
    progress(len(outcomes), total)
    for filled, result in zip(missing, results, strict=True):
        path = filled.environment.path
        if isinstance(result, list):
            outcomes[path] = Outcome(_name(path), path, unpack_summary(result))
            fresh.append((keys[path], json.dumps(result).encode()))
        else:
            outcomes[path] = Outcome(_name(path), path, None, result)
        progress(len(outcomes), total)
    kept.cache.put_many("files", fresh)
    return tuple(outcomes[path] for path in sorted(outcomes))


def render_into(
    tree: RepoTree, rendering: Rendering, sink: Sink, progress: Progress
) -> tuple[Outcome, ...]:
    """Every environment of a revision, its files given to the sink as they come."""
    renderer, todo, outcomes = _prepare(tree)
    total = len(outcomes) + len(todo)
    results = rendering.workers.map(
        renderer.render, todo, rendering.seconds, lambda filled: (_late(filled, rendering.seconds),)
    )
    for filled, result in zip(todo, results, strict=True):
        path = filled.environment.path
        if isinstance(result, Rendered):
            sink(result)
            outcomes[path] = Outcome(_name(path), path, result.summary())
        else:
            outcomes[path] = Outcome(_name(path), path, None, result)
        progress(len(outcomes), total)
    return tuple(outcomes[path] for path in sorted(outcomes))


def render_one(
    filled: Effective, renderer: Renderer, rendering: Rendering
) -> Rendered | tuple[Problem, ...]:
    """One environment's files, or why there are none."""
    seconds = rendering.seconds
    return next(
        rendering.workers.map(
            renderer.render, [filled], seconds, lambda one: (_late(one, seconds),)
        )
    )


def _prepare(tree: RepoTree) -> tuple[Renderer, list[Effective], dict[str, Outcome]]:
    """What can be rendered, and the outcomes of what cannot."""
    found: Found = []
    shared = load_shared(tree, found)
    todo: list[Effective] = []
    outcomes: dict[str, Outcome] = {}
    for loaded in load_environments(tree, found):
        filled, faults = effective(loaded, shared)
        if filled is not None:
            todo.append(filled)
        else:
            path = loaded.path
            outcomes[path] = Outcome(_name(path), path, None, as_problems(tree, [*faults]))
    unreadable: dict[str, list[Problem]] = {}
    for problem in as_problems(tree, found):
        if problem.path.startswith("environments/"):
            unreadable.setdefault(problem.path, []).append(problem)
    for path, problems in unreadable.items():
        outcomes.setdefault(path, Outcome(_name(path), path, None, tuple(problems)))
    return Renderer(tree, shared), todo, outcomes


def _late(filled: Effective, seconds: float) -> Problem:
    return Problem(
        filled.blueprint.loaded.path,
        0,
        0,
        "out-of-time",
        f"{filled.environment.document.metadata.name} was not rendered within {seconds:g} seconds",
        suggestion="look for loops in the blueprint's templates",
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml")
