"""Words of what got to the target branch around a gate, and how such a record is known again.

Whoever found it wrote the record, and the commit that it names tells who made it. Of any other
refusal the record's own actor is who was refused.
"""

import re
from typing import Final

from reconciler.model.record import Refusal

_BROUGHT: Final = re.compile(r"(bring|push) [0-9a-f]{12} to ")
_SHORT: Final = 12


def pushed(commit: str, branch: str) -> str:
    """It was on the branch, and no merge request had brought it."""
    return f"push {commit[:_SHORT]} to {branch} without a merge request"


def forced(commit: str, branch: str) -> str:
    """It was merged against its gates."""
    return f"bring {commit[:_SHORT]} to {branch} though its gates deny it"


def hurried(commit: str, environment: str, reason: str) -> str:
    """It was merged too early."""
    return f"bring {commit[:_SHORT]} to {environment} before it was promoted ({reason})"


def brought(body: Refusal) -> str:
    """The commit that was refused as it came to be applied; empty: somebody was, who asked."""
    return body.commit or "" if _BROUGHT.match(body.what) else ""
