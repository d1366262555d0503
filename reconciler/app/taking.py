"""Parameters that follow what other environments put out: written into the document, as a commit.

So a value comes from git as any other: it is seen in a diff, judged, agreed to where the profile
asks for that, and rendered the same way for ever.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from reconciler.app.environment import find_environment
from reconciler.app.proposing import Wish, bullets
from reconciler.app.steward import Steward
from reconciler.core.edit_document import edit_document
from reconciler.core.tree import find
from reconciler.model.merge_request import MergeRequest
from reconciler.model.tree import DOCUMENT_LIMIT

if TYPE_CHECKING:
    from reconciler.app.view import View

BRANCH = "take/"
"""How our branches for it begin, below `reconciler/`."""


_USUAL = ("L1", "L2")
"""What a new value mostly comes to; what would destroy data is stopped when it is applied."""


def take(at: Steward, view: "View", names: Collection[str]) -> tuple[str, ...]:
    """Bring documents up to what others put out. What was done, in words; done twice it is once.

    At once where nobody has to agree to changes of that environment; else as a merge request.
    """
    done = []
    for name in names:
        new = view.untaken(name)
        wanted = view.wanted.get(name)
        entry = find(view.tree, wanted.path) if wanted is not None else None
        if not new or wanted is None or entry is None:
            continue
        text = view.tree.read(entry, DOCUMENT_LIMIT) or b""
        after = edit_document(text, {("spec", "parameters", key): value for key, value in new})
        sources = {key: f"{other}'s `{output}`" for key, other, output, _ in wanted.takes}
        wish = Wish(
            f"{BRANCH}{name}",
            f"Let {name} have what others put out",
            bullets([f"{key} follows {sources[key]}" for key, _ in new]),
            {wanted.path: after},
            at.bot.me,
        )
        if _asks_people(view, name):
            at.bot.propose(wish)
            done.append(f"{name} is to have what others put out: a merge request says so")
            continue

        def still(tip: str, path: str = wanted.path, before: str = entry.oid) -> bool:
            tree = at.recorder(None).commits.snapshot(tip)
            now = find(tree, path)
            return now is not None and now.oid == before

        made = at.bot.put(wish, still)
        if made:
            how = "a merge request says so" if isinstance(made, MergeRequest) else str(made)[:12]
            done.append(f"{name} has what others put out: {how}")
    return tuple(done)


def _asks_people(view: "View", name: str) -> bool:
    filled = find_environment(view.tree, name).filled
    if filled is None:
        return True
    stage = filled.environment.document.spec.stage
    rules = filled.profile.document.spec.approvals
    return any(stage in rule.stages and {*_USUAL} & {*rule.risks} for rule in rules)
