"""JSON Schemas of all document kinds and of records, and the editor settings that use them."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from reconciler.model.base import Model
from reconciler.model.documents import KINDS
from reconciler.model.record import Record


def schemas() -> dict[str, str]:
    """File name -> JSON text; the same on every machine."""
    files = {f"{kind.name.lower()}.schema.json": _schema(kind.model) for kind in KINDS}
    return files | {"record.schema.json": record_schema()}


def record_schema() -> str:
    """What an auditor without this program reads records by. Nobody edits one."""
    return _schema(Record)


def _schema(model: type[Model]) -> str:
    schema = model.model_json_schema(by_alias=True)
    parts = schema.get("$defs", {})
    known = {(one.__name__, _fields(one)): one for one in _below(Model)}
    for name, part in {model.__name__: schema, **parts}.items():
        properties = part.get("properties", {})
        if one := known.get((name, frozenset(properties))):
            _describe(properties, one, parts)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _below(model: type[Model]) -> Iterator[type[Model]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)


def _fields(model: type[Model]) -> frozenset[str]:
    return frozenset(one.alias or name for name, one in model.model_fields.items())


def _describe(properties: dict[str, Any], model: type[Model], parts: dict[str, Any]) -> None:
    """Say of each field what the source says below it, unless the model that it holds says that."""
    words = texts_of(model)
    for name, field in model.model_fields.items():
        found = properties[field.alias or name]
        held = parts.get(found.get("$ref", "").rpartition("/")[2], {})
        if name in words and held.get("description") != words[name]:
            found["description"] = words[name]


def texts_of(model: type[BaseModel]) -> dict[str, str]:
    """What the source says below each field, by the field's name."""
    return {
        name: text
        for one in reversed(model.__mro__)
        if issubclass(one, BaseModel) and one is not BaseModel
        for name, text in _texts(one)
    }


def _texts(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each field of its own and the text that stands below it."""
    (whole,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    body = whole.body if isinstance(whole, ast.ClassDef) else []
    for field, below in pairwise(body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)


def editor_settings(folder: str) -> str:
    """What the YAML extension of VS Code reads: which schema is for which files."""
    places = {
        f"{folder}/{kind.name.lower()}.schema.json": (kind.folder + kind.file)
        .replace("**/<name>", "**/*")
        .replace("<name>", "*")
        .replace("<version>", "*")
        for kind in KINDS
    }
    return json.dumps({"yaml.schemas": places}, indent=2) + "\n"
