"""Hold answers against the schemas with which GitLab checks its own."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

VARIABLE = "RECONCILER_GITLAB_API"
"""Names the folder `schemas/public_api/v4` of GitLab; without it only our own facts are held."""
_AT = "file://"


def folder() -> Path | None:
    """Where the schemas are, when they are anywhere."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named and Path(named).is_dir() else None


@cache
def _validator(path: Path) -> jsonschema.Draft7Validator:
    def read(uri: str) -> Resource[Any]:
        text = Path(uri.removeprefix(_AT)).read_text(encoding="utf-8")
        return Resource.from_contents(json.loads(text), default_specification=DRAFT7)

    registry: Registry[Any] = Registry(retrieve=read)  # type: ignore[call-arg]  # attrs renames it
    return jsonschema.Draft7Validator({"$ref": f"{_AT}{path.resolve()}"}, registry=registry)


def wrong(name: str, body: Any) -> list[str]:
    """What GitLab's own schema has against an answer."""
    where = folder()
    if where is None or not name:
        return []
    found = _validator(where / f"{name}.json").iter_errors(body)
    return [f"{name}{one.json_path[1:]}: {one.message}" for one in found]
