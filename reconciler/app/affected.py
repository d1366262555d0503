"""Which environments a range touches."""

import json
from collections.abc import Iterable
from dataclasses import astuple

from reconciler.app.kept import Kept
from reconciler.app.render import Rendering, render_one
from reconciler.core.affected import Use, Uses, affected
from reconciler.core.tree import find
from reconciler.model.affected import Affected
from reconciler.ports import RepoTree


class KeptUses(Uses):
    """Remembers by the object id of the folder what each environment refers to."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def __call__(self, tree: RepoTree) -> Iterable[Use]:
        """Of every environment that can be read."""
        folder = find(tree, "environments")
        if folder is None:
            return []
        key = self._kept.key("uses", folder.oid)
        remembered = self._kept.cache.get("uses", key)
        if remembered is not None:
            return [Use(*row) for row in json.loads(remembered)]
        uses = list(super().__call__(tree))
        self._kept.cache.put_many(
            "uses", [(key, json.dumps([astuple(use) for use in uses]).encode())]
        )
        return uses


def affected_between(
    base: RepoTree, head: RepoTree, kept: Kept, rendering: Rendering
) -> tuple[Affected, ...]:
    """Every environment that differs between two trees, and why. Each rendering has its time."""
    return affected(
        base,
        head,
        KeptUses(kept),
        lambda renderer, filled: render_one(filled, renderer, rendering),
    )
