"""Load everything, check everything, and say all that is wrong at once."""

import json
from dataclasses import astuple
from typing import Any

from reconciler.app.kept import Kept, identity, pack_problems, unpack_problems
from reconciler.core.load import load
from reconciler.core.render import Renderer
from reconciler.core.veil import veiled_problem
from reconciler.model.desired import Desired, Effective, Loaded
from reconciler.model.environment import Environment
from reconciler.model.overview import Overview, Row
from reconciler.ports import RepoTree


def validate(tree: RepoTree, kept: Kept) -> Overview:
    """What a revision holds and what is wrong with it; the same tree is not looked at twice."""
    key = kept.key("overview", identity(tree))
    remembered = kept.cache.get("overview", key)
    if remembered is not None:
        rows, documents, problems = json.loads(remembered)
        return Overview(
            tree.revision,
            tuple(_unpack(row) for row in rows),
            tuple((kind, count) for kind, count in documents),
            unpack_problems(problems),
        )
    overview = _validate(tree)
    packed = [
        [astuple(row) for row in overview.rows],
        overview.documents,
        pack_problems(overview.problems),
    ]
    kept.cache.put_many("overview", [(key, json.dumps(packed).encode())])
    return overview


def _validate(tree: RepoTree) -> Overview:
    desired, problems = load(tree)
    templates = Renderer(tree, desired.shared).template_problems()
    complete = {one.environment.path: one for one in desired.complete}
    rows = tuple(sorted(_row(one, complete.get(one.path)) for one in desired.environments))
    return Overview(
        tree.revision,
        rows,
        _counts(desired),
        tuple(sorted({veiled_problem(one) for one in (*problems, *templates)})),
    )


def _unpack(row: list[Any]) -> Row:
    labels = tuple((key, value) for key, value in row[-1])
    row[-1] = labels
    return Row(*row)


def _counts(desired: Desired) -> tuple[tuple[str, int], ...]:
    shared = desired.shared
    return (
        ("Environment", len(desired.environments)),
        ("Profile", len(shared.profiles)),
        ("Blueprint", len(shared.blueprints)),
        ("Team", len(shared.teams)),
        ("Agent", len(shared.agents)),
        ("Waiver", len(shared.waivers)),
        ("Freeze", len(shared.freezes)),
        ("Suppression", len(shared.suppressions)),
        ("Settings", 1 if shared.settings else 0),
    )


def _row(loaded: Loaded[Environment], filled: Effective | None) -> Row:
    metadata, spec = loaded.document.metadata, loaded.document.spec
    return Row(
        metadata.name,
        loaded.path,
        spec.track,
        spec.stage,
        metadata.owner,
        spec.blueprint.name,
        spec.blueprint.version,
        filled.region if filled else spec.region or "",
        spec.account,
        spec.promoted_from or "",
        metadata.description,
        filled.monthly_cost if filled else None,
        tuple(sorted(metadata.labels.items())),
    )
