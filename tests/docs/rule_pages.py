"""docs/rules/: a page for each rule and an index, made from the rules' METADATA and tests."""

from pathlib import Path
from typing import Final

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.core.policy.metadata import PREFIXES
from reconciler.core.policy.pack import load_pack
from reconciler.model.policy import Pack, Rule
from reconciler.report.policy_text import words

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "docs" / "rules"


def sample_pack() -> Pack:
    """The policies of this repository."""
    files = {
        str(path.relative_to(ROOT)): path.read_bytes() for path in ROOT.glob("policies/**/*.rego")
    }
    reader = EmbeddedEngine(30, 1)
    try:
        pack = load_pack(files, reader)
    finally:
        reader.close()
    assert isinstance(pack, Pack), pack
    assert not pack.problems, pack.problems
    return pack


def _page(rule: Rule, pack: Pack) -> str:
    cases = [words(test).partition(": ") for test in pack.tests if test.rule == rule.key]
    unknown = rule.unknown or "The rule looks at nothing that could be unknown."
    lines = [
        f"# {rule.id}: {rule.title}",
        "",
        _first(rule),
        "",
        "## Why",
        "",
        rule.description,
        "",
        "## Prefer",
        "",
        rule.fix,
        "",
        "## Avoid",
        "",
        "What the rule's tests deny:",
        "",
        *(f"- {what}" for kind, _, what in cases if kind == "deny"),
        "",
        "## What is fine",
        "",
        "What they allow:",
        "",
        *(f"- {what}" for kind, _, what in cases if kind == "allow"),
        "",
        "## Not known before a plan",
        "",
        unknown,
        "",
        "## Exceptions",
        "",
        f"A [waiver](../documents/waiver.md) for `{rule.id}`, with an owner, a reason and an end.",
    ]
    return "\n".join(lines) + "\n"


def _first(rule: Rule) -> str:
    links = (
        f"[The rule](../../{rule.path})",
        f"[its tests](../../{rule.test_path})",
        f"[more about it]({rule.link})",
    )
    return f"{rule.severity}, {rule.category}. {', '.join(links)}."


def _index(pack: Pack) -> str:
    lines = [
        "# Rules",
        "",
        "A page for each, made from the rule itself by `python -m tests.docs.field_tables`.",
        "How to write one: [policies](../policies.md).",
    ]
    for category in PREFIXES:
        rules = [rule for rule in pack.rules if rule.category == category]
        lines += ["", f"## {category}", "", "| rule | severity | |", "|---|---|---|"]
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.title} |"
            for rule in sorted(rules, key=lambda one: one.id)
        ]
    return "\n".join(lines) + "\n"


def rule_pages() -> dict[Path, str]:
    """Every page as it ought to be."""
    pack = sample_pack()
    return {
        RULES / "README.md": _index(pack),
        **{RULES / f"{rule.id}.md": _page(rule, pack) for rule in pack.rules},
    }


def renew() -> list[Path]:
    """Write what is not current, take away what is nobody's; what changed."""
    RULES.mkdir(exist_ok=True)
    wanted = rule_pages()
    changed = []
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    for path in RULES.glob("*.md"):
        if path not in wanted:
            path.unlink()
            changed.append(path)
    return changed
