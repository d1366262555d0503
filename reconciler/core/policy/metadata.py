"""The METADATA comment of a rule's file: OPA's annotations, read without an engine."""

import re
from dataclasses import dataclass
from typing import Any, Final, get_args

from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.yaml_reader import YamlError, read_yaml
from reconciler.model.base import Category
from reconciler.model.finding import Severity
from reconciler.model.policy import Rule
from reconciler.model.problem import Problem

PREFIXES: Final[dict[str, str]] = {
    "security": "SEC",
    "cost": "COST",
    "compliance": "COMP",
    "operational": "OPS",
    "pipeline": "PIPE",
    "authority": "AUTH",
}
"""How the ids of a category begin."""
_START = re.compile(r"^# METADATA[ \t]*$", re.MULTILINE)
_TOP: Final = ("title", "description", "related_resources", "custom", "scope")
_CUSTOM: Final = ("id", "severity", "category", "fix", "unknown")
_REQUIRED: Final = ("id", "severity", "category", "fix")


@dataclass(frozen=True, slots=True)
class _Block:
    line: int
    """Of the word METADATA."""
    text: str

    def line_of(self, field: str) -> int:
        """Where a field is named."""
        for number, line in enumerate(self.text.splitlines(), start=1):
            if line.strip().removeprefix("- ").startswith(f"{field}:"):
                return self.line + number
        return self.line


def _block(source: str) -> _Block | None:
    """The comment before `package`."""
    found = _START.search(source.partition("\npackage ")[0])
    if found is None:
        return None
    lines = []
    for line in source[found.end() + 1 :].splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" "))
    return _Block(source.count("\n", 0, found.start()) + 1, "\n".join(lines) + "\n")


def read_rule(path: str, key: str, test_path: str, source: str) -> Rule | list[Problem]:
    """What the METADATA says of a rule, or everything that is wrong with it."""
    block = _block(source)
    if block is None:
        return [
            Problem(
                path,
                1,
                1,
                "no-metadata",
                "the file does not begin with a METADATA comment",
                "# METADATA, then title, description, related_resources and custom as comments",
            )
        ]
    try:
        data = read_yaml(block.text.encode())
    except YamlError as err:
        return [
            Problem(
                path, block.line + err.line, err.column + 2, "metadata", err.message, err.expected
            )
        ]
    if not isinstance(data, dict):
        return [Problem(path, block.line, 1, "metadata", "METADATA is not a map of fields")]
    custom = data.get("custom")
    fields = custom if isinstance(custom, dict) else {}
    category = key.partition("/")[0]
    problems = [
        *_unknown(path, block, data, _TOP),
        *_unknown(path, block, fields, _CUSTOM),
        *_missing(path, block, data, ("title", "description")),
        *_missing(path, block, fields, _REQUIRED),
        *_values(path, block, fields, category),
    ]
    link = _link(data.get("related_resources"))
    if link is None:
        problems.append(
            _wrong(path, block, "related_resources", "`related_resources` names no link")
        )
    if problems:
        return problems
    return Rule(
        id=fields["id"],
        key=key,
        title=data["title"].strip(),
        description=" ".join(data["description"].split()),
        severity=fields["severity"],
        category=fields["category"],
        fix=" ".join(fields["fix"].split()),
        unknown=" ".join(str(fields.get("unknown", "")).split()),
        link=link or "",
        path=path,
        test_path=test_path,
    )


def _wrong(path: str, block: _Block, field: str, message: str, expected: str = "") -> Problem:
    return Problem(path, block.line_of(field), 1, "metadata", message, expected)


def _unknown(
    path: str, block: _Block, data: dict[str, Any], known: tuple[str, ...]
) -> list[Problem]:
    return [
        Problem(
            path,
            block.line_of(name),
            1,
            "metadata",
            f"METADATA has no field `{name}`",
            f"one of: {listed(known)}",
            did_you_mean(name, known),
        )
        for name in data
        if name not in known
    ]


def _missing(
    path: str, block: _Block, data: dict[str, Any], needed: tuple[str, ...]
) -> list[Problem]:
    return [
        _wrong(path, block, name, f"METADATA says no `{name}`", "a text")
        for name in needed
        if not (isinstance(data.get(name), str) and data[name].strip())
    ]


def _values(path: str, block: _Block, fields: dict[str, Any], category: str) -> list[Problem]:
    found = []
    severity, given, rule = (fields.get(name) for name in ("severity", "category", "id"))
    if severity is not None and severity not in get_args(Severity):
        found.append(
            _wrong(
                path,
                block,
                "severity",
                f"`{severity}` is no severity",
                f"one of: {', '.join(get_args(Severity))}",
            )
        )
    if given is not None and given != category:
        expected = (
            f"`{category}`, as the folder is called" if category in get_args(Category) else ""
        )
        found.append(_wrong(path, block, "category", f"the category is `{given}`", expected))
    form = rf"{PREFIXES.get(category, '[A-Z]+')}[0-9]{{3}}"
    if isinstance(rule, str) and not re.fullmatch(form, rule):
        found.append(
            _wrong(
                path,
                block,
                "id",
                f"`{rule}` is no id for {category}",
                f"{PREFIXES.get(category, 'letters')} and three digits",
            )
        )
    return found


def _link(value: Any) -> str | None:
    """The first related resource: a link, or a map with `ref`."""
    first = value[0] if isinstance(value, (list, tuple)) and value else None
    link = first.get("ref") if isinstance(first, dict) else first
    return link if isinstance(link, str) and link.startswith("https://") else None
