"""What a pipeline does for each environment that a change touches: names, and jobs for GitLab.

Names come from files of a change. One that is not as names are is left out: a shell and a pipeline
read these lines.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from reconciler.model.affected import Affected, Effect
from reconciler.model.base import NAME_MAX, NAME_PATTERN

_NAME: Final = re.compile(NAME_PATTERN)
_BUILT: Final = frozenset({Effect.ADDED, Effect.CHANGED})
"""What is removed is destroyed by a human; what renders the same files needs nothing."""


def names(found: Iterable[Affected]) -> str:
    """Those that have something to plan, one on each line."""
    return "".join(f"{name}\n" for name in _built(found))


def gitlab_apply(found: Iterable[Affected]) -> str:
    """A child pipeline that applies each of them, for GitLab's `trigger`. JSON is YAML, too.

    One environment at a time, whatever pipelines run; and nothing is applied twice by a retry.
    """
    jobs = {f"apply {name}": _apply(name) for name in _built(found)}
    nothing = {"stage": "apply", "script": ["echo 'nothing to apply'"]}
    pipeline = {
        "stages": ["apply"],
        "workflow": {"rules": [{"if": '$CI_COMMIT_REF_PROTECTED == "true"'}]},
        # The parent's variables come along.
        "default": {"image": "$RECONCILER_IMAGE", "interruptible": False},
        # GitLab refuses a pipeline without a job.
        **(jobs or {"nothing to apply": nothing}),
    }
    return json.dumps(pipeline, indent=2) + "\n"


def _apply(name: str) -> dict[str, Any]:
    return {
        "stage": "apply",
        "variables": {"GIT_DEPTH": "0"},
        "id_tokens": {"AWS_ID_TOKEN": {"aud": "$AWS_AUDIENCE"}},
        "resource_group": name,
        "environment": {"name": name},
        "script": ["reconciler tools install", f"reconciler apply {name} --yes"],
    }


def _built(found: Iterable[Affected]) -> Iterator[str]:
    for one in sorted(found):
        if one.effect in _BUILT and len(one.name) <= NAME_MAX and _NAME.fullmatch(one.name):
            yield one.name
