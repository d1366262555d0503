"""Which environments a range touches."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from reconciler.app.kept import Kept
from reconciler.app.render import Rendering, render_one
from reconciler.core.affected import Use, Uses, affected, uses_after
from reconciler.core.tree import changes, find
from reconciler.model.affected import Affected
from reconciler.ports import RepoTree

_REMEMBERED: dict[str, tuple[Sequence[Use], frozenset[str]]] = {}
"""Of the last trees that this process looked at, by key; and the environments' names."""
_MOST = 4


class KeptUses(Uses):
    """Remembers by the object id of the folder what each environment refers to.

    With `near`, a tree that differs little, only what differs is read.
    """

    def __init__(self, kept: Kept, near: RepoTree | None = None) -> None:
        self._kept = kept
        self._near = near

    def __call__(self, tree: RepoTree) -> Iterable[Use]:
        """Of every environment that can be read."""
        return self._known(tree)[0]

    def names(self, tree: RepoTree) -> frozenset[str]:
        """The names of those environments."""
        return self._known(tree)[1]

    def _known(self, tree: RepoTree) -> tuple[Sequence[Use], frozenset[str]]:
        folder = find(tree, "environments")
        if folder is None:
            return (), frozenset()
        key = self._kept.key("uses", folder.oid)
        known = _REMEMBERED.get(key)
        if known is None:
            uses = self._made(tree, key)
            known = (uses, frozenset({use.name for use in uses}))
        while len(_REMEMBERED) >= _MOST:
            _REMEMBERED.pop(next(iter(_REMEMBERED)))
        _REMEMBERED[key] = known
        return known

    def _made(self, tree: RepoTree, key: str) -> Sequence[Use]:
        uses = self._stored(key)
        if uses is None and self._near is not None and self._near is not tree:
            uses = uses_after(self(self._near), changes(self._near, tree), tree)
        if uses is None:
            uses = list(super().__call__(tree))
            packed = json.dumps([astuple(use) for use in uses]).encode()
            self._kept.cache.put_many("uses", [(key, packed)])
        return uses

    def _stored(self, key: str) -> Sequence[Use] | None:
        remembered = self._kept.cache.get("uses", key)
        return None if remembered is None else [Use(*row) for row in json.loads(remembered)]


def affected_between(
    base: RepoTree, head: RepoTree, kept: Kept, rendering: Rendering
) -> tuple[Affected, ...]:
    """Every environment that differs between two trees, and why. Each rendering has its time."""
    return affected(
        base,
        head,
        KeptUses(kept, base),
        lambda renderer, filled: render_one(filled, renderer, rendering),
    )
