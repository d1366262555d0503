"""JSON Schemas of all document kinds, and the editor settings that use them."""

import json

from reconciler.model.documents import KINDS


def schemas() -> dict[str, str]:
    """File name -> JSON text; the same on every machine."""
    files = {}
    for kind in KINDS:
        schema = kind.model.model_json_schema(by_alias=True)
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        files[f"{kind.name.lower()}.schema.json"] = (
            json.dumps(schema, indent=2, sort_keys=True) + "\n"
        )
    return files


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
