"""What an attribute is, what its value is, and which merge request a message names."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.hcl.parse import HclError
from reconciler.core.hcl.source import TerraformSource, Thing, read_source
from reconciler.core.suggest import did_you_mean

MISSING: Final[Any] = object()
"""There is no such attribute; null is a value."""
_TOP: Final = frozenset({"apiVersion", "kind", "metadata", "spec"})
_STEP = re.compile(r'([^.\[\]"\s]+)|\[([0-9]{1,6})\]|\["([^"]*)"\]')
_ADDRESS = re.compile(
    r"(?:resource\.|(?P<what>data\.|ephemeral\.))?(?P<own>[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*)"
    # One of several made by `count` or `for_each`: the source has one block for all of them.
    r'(?:\[[0-9]{1,6}\]|\["[^"]*"\])?(?P<inside>(?:[.\[].*)?)'
)
_MERGE_REQUESTS: Final = (
    re.compile(r"^See merge request (\S*!\d+)\s*$", re.MULTILINE),
    re.compile(r"^Merge-Request: (\S+)\s*$", re.MULTILINE | re.IGNORECASE),
    re.compile(r"^Merge pull request (#\d+)\b", re.MULTILINE),
    re.compile(r"^[^\n]*\((#\d+)\)$", re.MULTILINE),
)

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """Where to look: in the environment's document, or in a block of Terraform."""

    address: str
    """The block's address; empty: the document."""
    steps: Steps


def attribute(text: str) -> Attribute | None:
    """`spec.parameters.size`, `aws_s3_bucket.logs.versioning[0].enabled`; None: neither."""
    steps = _steps(text)
    if not steps:
        return None
    if steps[0] in _TOP:
        return Attribute("", steps)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    inside = match["inside"].removeprefix(".")
    rest = _steps(inside)
    address = f"{match['what'] or ''}{match['own']}"
    return None if inside and not rest else Attribute(address, rest)


def _steps(text: str) -> Steps:
    found: list[str | int] = []
    at = 0
    while at < len(text):
        if text[at] == "." and found and at + 1 < len(text):
            at += 1
        match = _STEP.match(text, at)
        if match is None:
            return ()
        found.append(int(match[2]) if match[2] else match[1] or match[3] or "")
        at = match.end()
    return tuple(found)


def value_at(value: Any, steps: Sequence[str | int]) -> Any:
    """What stands there; MISSING when nothing does. A list of one block needs no index."""
    for step in steps:
        index = int(step) if isinstance(step, int) or step.isdecimal() else None
        if isinstance(value, list | tuple):
            if index is not None and index < len(value):
                value = value[index]
                continue
            if index is not None or len(value) != 1:
                return MISSING
            (value,) = value
        if not isinstance(value, dict) or str(step) not in value:
            return MISSING
        value = value[str(step)]
    return value


def written(value: Any) -> str | None:
    """One text for each value, as 1 and true are two; None where there is none."""
    return None if value is MISSING else json.dumps(value, sort_keys=True)


def block(source: TerraformSource, address: str) -> Thing | None:
    """The block of that address."""
    return next((one for one in _things(source) if one.address == address), None)


def source_of(files: Sequence[tuple[str, bytes]]) -> TerraformSource | str:
    """Terraform files, read; or why they cannot be."""
    try:
        return read_source(files)
    except HclError as err:
        return f"{err.path}:{err.line}: {err.message}"


def nearest_to(source: TerraformSource, wanted: Attribute) -> str:
    """What somebody may have meant who named a block or an attribute that is not there."""
    found = block(source, wanted.address)
    if found is None:
        names = [one.address for one in _things(source)]
        return did_you_mean(wanted.address, names)
    return did_you_mean(str(wanted.steps[0]), found.values) if wanted.steps else ""


def _things(source: TerraformSource) -> Iterator[Thing]:
    yield from source.resources
    yield from source.data
    yield from source.modules


def merge_request(*messages: str) -> str:
    """The merge request that a commit's message names: as GitLab writes it, or as a trailer."""
    for message in messages:
        for pattern in _MERGE_REQUESTS:
            match = pattern.search(message)
            if match is not None:
                return match[1]
    return ""
