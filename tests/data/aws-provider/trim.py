"""Make the sandbox's schema again: what the AWS provider has of the blueprints' types.

    python tests/data/aws-provider/trim.py SOURCE

SOURCE is the provider's whole schema in the same form. Run it after a blueprint began to use
another resource type. One type stands on each line, so that a change reads well in a diff.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
TEMPLATES = REPOSITORY / "templates"
SANDBOX = REPOSITORY / "reconciler/adapters/sandbox"
DECLARATION = re.compile(r'^(resource|data) "(aws_[a-z0-9_]+)"', re.MULTILINE)
SECTIONS = {"resource": "resources", "data": "data_sources"}


def used_types(templates: Path) -> dict[str, set[str]]:
    """Say which types the templates declare, by section of the schema."""
    used: dict[str, set[str]] = {section: set() for section in SECTIONS.values()}
    for path in templates.rglob("*.j2"):
        for kind, name in DECLARATION.findall(path.read_text(encoding="utf-8")):
            used[SECTIONS[kind]].add(name)
    return used


def trimmed(source: dict[str, Any], used: dict[str, set[str]]) -> str:
    meta = {key: source["_meta"][key] for key in ("derived_from", "provider", "version")}
    lines = ["{", f'"_meta": {_compact(meta)}']
    for section in sorted(used):
        lines[-1] += ","
        lines.append(f'"{section}": {{')
        types = [f'"{name}": {_compact(source[section][name])}' for name in sorted(used[section])]
        lines.extend([*(",\n".join(types).splitlines()), "}"])
    return "\n".join([*lines, "}", ""])


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Trim the AWS provider's schema.")
    parser.add_argument("source", type=Path, help="the provider's whole schema, as JSON")
    source = json.loads(parser.parse_args().source.read_text(encoding="utf-8"))
    target = SANDBOX / f"aws-{source['_meta']['version']}.json"
    target.write_text(trimmed(source, used_types(TEMPLATES)), encoding="utf-8")


if __name__ == "__main__":
    main()
