"""JSON Schemas of all document kinds and of records, and the editor settings that use them."""

import json

from pydantic import BaseModel

from reconciler.model.documents import KINDS
from reconciler.model.record import Record


def schemas() -> dict[str, str]:
    """File name -> JSON text; the same on every machine."""
    files = {f"{kind.name.lower()}.schema.json": _schema(kind.model) for kind in KINDS}
    return files | {"record.schema.json": record_schema()}


def record_schema() -> str:
    """What an auditor without this program reads records by. Nobody edits one."""
    return _schema(Record)


def _schema(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


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
