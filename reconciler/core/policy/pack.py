"""A tree's policies -> one pack: laid out, documented, tested and guarded, or all that is wrong."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from reconciler.core.policy.guard import ROOT, guard
from reconciler.core.policy.metadata import read_rule
from reconciler.core.policy.syntax import Syntax, read
from reconciler.core.tree import files_below
from reconciler.model.base import Category
from reconciler.model.policy import (
    Indeterminate,
    Module,
    Modules,
    Pack,
    Parsed,
    Rule,
    RuleTest,
)
from reconciler.model.problem import Problem
from reconciler.model.tree import DOCUMENT_LIMIT, EntryKind
from reconciler.ports import RegoReader, RepoTree

FOLDER: Final = "policies"
LIBRARY: Final = f"{FOLDER}/lib"
MAIN: Final = f"{FOLDER}/main.rego"
_OTHER: Final = ("freezes", "suppressions", "waivers")
"""Folders of `policies` that hold documents."""
MOST_FILES: Final = 2000


def collect(tree: RepoTree) -> tuple[dict[str, bytes], list[Problem]]:
    """The files of a tree's policies, and what cannot be read of them."""
    files: dict[str, bytes] = {}
    problems = []
    for entry in files_below(tree, FOLDER):
        if entry.path.split("/")[1] in _OTHER:
            continue
        if entry.kind is not EntryKind.FILE:
            problems.append(_problem(entry.path, "not-a-file", f"a {entry.kind.value} is not read"))
            continue
        data = tree.read(entry, DOCUMENT_LIMIT)
        if data is None:
            message = f"the file has more than {DOCUMENT_LIMIT // 1024} KiB"
            problems.append(_problem(entry.path, "too-large", message))
        else:
            files[entry.path] = data
    return files, problems


def digest_of(files: Iterable[tuple[str, bytes]]) -> str:
    """sha256 over sorted paths and contents; equal digests mean equal policies."""
    state = hashlib.sha256()
    for path, content in sorted(files):
        name = path.encode()
        state.update(b"%d %d\n" % (len(name), len(content)))
        state.update(name)
        state.update(content)
    return "sha256:" + state.hexdigest()


def load_pack(
    files: Mapping[str, bytes], reader: RegoReader, found: Iterable[Problem] = ()
) -> Pack | Indeterminate:
    """The pack, with all its problems at once. Only a reader that fails makes it indeterminate."""
    problems = list(found)
    modules = _modules(files, problems)
    parsed = reader.parse(modules)
    if isinstance(parsed, Indeterminate):
        return parsed
    problems += [one for one in parsed if isinstance(one, Problem)]
    syntax = {one.path: read(one) for one in parsed if isinstance(one, Parsed)}
    sources = {module.path: module.source for module in modules}
    rules = _rules(sources, syntax, problems)
    tests = _tests(rules, syntax, problems)
    _layout(sources, syntax, problems)
    problems += guard(syntax.values())
    _unique(rules, problems)
    plain = tuple(one for one in modules if not one.path.endswith("_test.rego"))
    pack = Pack(
        digest_of(files.items()),
        tuple(sorted(rules, key=lambda rule: rule.key)),
        tests,
        _compiled(plain, syntax),
        _compiled(tuple(modules), syntax),
        tuple(sorted(set(problems))),
    )
    if pack.problems:
        return pack
    wrong = reader.compile(pack.with_tests)
    if isinstance(wrong, Indeterminate):
        return wrong
    return Pack(pack.digest, pack.rules, pack.tests, pack.modules, pack.with_tests, wrong)


def _problem(path: str, code: str, message: str, expected: str = "", line: int = 0) -> Problem:
    return Problem(path, line, 1 if line else 0, code, message, expected)


def _modules(files: Mapping[str, bytes], problems: list[Problem]) -> list[Module]:
    modules = []
    if len(files) > MOST_FILES:
        problems.append(
            _problem(FOLDER, "too-many-files", f"there are more than {MOST_FILES:,} files")
        )
        return []
    for path, content in sorted(files.items()):
        if not path.endswith(".rego"):
            message = "only Rego files are read here"
            problems.append(_problem(path, "unexpected-file", message, "a name that ends in .rego"))
            continue
        try:
            source = content.decode()
        except UnicodeDecodeError:
            problems.append(_problem(path, "encoding", "the file is not UTF-8"))
            continue
        if "\0" in source:
            problems.append(_problem(path, "encoding", "the file holds a NUL character"))
            continue
        modules.append(Module(path, source))
    return modules


def _compiled(files: tuple[Module, ...], syntax: Mapping[str, Syntax]) -> Modules:
    """Each file after those that it imports.

    Servers take them one by one, and refuse a call to what is not there yet.
    """
    providers: dict[str, list[str]] = {}
    for file in syntax.values():
        providers.setdefault(f"data.{file.package}", []).append(file.path)
    ordered: dict[str, Module] = {}
    by_path = {one.path: one for one in files}

    def add(path: str, above: frozenset[str]) -> None:
        if path in ordered or path in above or path not in by_path:
            return
        file = syntax.get(path)
        for name, _ in file.imports.values() if file else ():
            for needed in providers.get(name, ()):
                add(needed, above | {path})
        ordered[path] = by_path[path]

    for path in sorted(by_path):
        add(path, frozenset())
    return Modules(
        digest_of((one.path, one.source.encode()) for one in files), tuple(ordered.values())
    )


def _place(path: str) -> tuple[str, str, str] | None:
    """Category, rule and file name of `policies/<category>/<rule>/<file>`."""
    parts = path.split("/")
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 else None  # noqa: PLR2004  # see above


def _rules(
    sources: Mapping[str, str], syntax: Mapping[str, Syntax], problems: list[Problem]
) -> list[Rule]:
    rules = []
    for path, source in sources.items():
        place = _place(path)
        if place is None or path.startswith(f"{LIBRARY}/"):
            continue
        category, name, file = place
        if file != f"{name}.rego" or category not in get_args(Category):
            continue  # said by the layout
        test_path = f"{FOLDER}/{category}/{name}/{name}_test.rego"
        if test_path not in sources:
            problems.append(_problem(path, "no-test", "the rule has no tests", f"`{test_path}`"))
        rule = read_rule(path, f"{category}/{name}", test_path, source)
        if isinstance(rule, Rule):
            rules.append(rule)
        else:
            problems += rule
        if (tree := syntax.get(path)) and not any(
            head.name == "violations" and head.is_set for head in tree.heads
        ):
            problems.append(
                _problem(
                    path,
                    "no-violations",
                    "the rule defines no set of violations",
                    "`violations contains lib.violation({...}) if ...`",
                    tree.package_line,
                )
            )
    return rules


def _tests(
    rules: list[Rule], syntax: Mapping[str, Syntax], problems: list[Problem]
) -> tuple[RuleTest, ...]:
    tests: list[RuleTest] = []
    for rule in rules:
        tree = syntax.get(rule.test_path)
        if tree is None:
            continue
        mine: dict[str, RuleTest] = {}
        for head in tree.heads:
            if not head.name.startswith("test_"):
                continue
            if head.name in mine:
                problems.append(
                    _problem(
                        tree.path,
                        "duplicate-test",
                        f"`{head.name}` stands here twice",
                        "a name of its own for each test",
                        head.line,
                    )
                )
            mine[head.name] = RuleTest(rule.key, head.name, tree.path, head.line, head.end)
        for kind, what in (
            ("test_deny_", "something that it finds"),
            ("test_allow_", "something that it leaves alone"),
        ):
            if not any(name.startswith(kind) for name in mine):
                problems.append(
                    _problem(
                        tree.path,
                        "no-test",
                        f"there is no test `{kind}...`",
                        f"a test that shows {what}",
                    )
                )
        tests += mine.values()
    return tuple(sorted(tests, key=lambda test: (test.rule, test.line)))


def _layout(
    sources: Mapping[str, str], syntax: Mapping[str, Syntax], problems: list[Problem]
) -> None:
    if not any(_place(path) for path in sources):
        problems.append(
            _problem(
                FOLDER,
                "no-policies",
                "there are no policies",
                f"rules in `{FOLDER}/<category>/<rule>/`; `reconciler init` brings them",
            )
        )
    if MAIN not in sources:
        problems.append(
            _problem(
                MAIN,
                "no-entrypoint",
                "there is no entrypoint",
                f"`{MAIN}` with the package `{ROOT}.main` and the rule `violations`",
            )
        )
    categories = get_args(Category)
    for path in sources:
        wanted = _package(path)
        if wanted is None:
            problems.append(
                _problem(
                    path,
                    "misplaced-policy",
                    "no policy is looked for here",
                    f"`{FOLDER}/<category>/<rule>/<rule>.rego` or `..._test.rego`, `{LIBRARY}/`, "
                    f"`{MAIN}`; categories: {', '.join(categories)}",
                )
            )
            continue
        tree = syntax.get(path)
        inner = (
            path.startswith(f"{LIBRARY}/")
            and tree is not None
            and (tree.package == wanted or tree.package.startswith(f"{wanted}."))
        )
        if tree is not None and tree.package != wanted and not inner:
            problems.append(
                _problem(
                    path,
                    "wrong-package",
                    f"the package is `{tree.package}`",
                    f"`{wanted}`",
                    tree.package_line,
                )
            )


def _package(path: str) -> str | None:
    """The package that a file at this path has; None: no policy belongs here."""
    if path == MAIN:
        return f"{ROOT}.main"
    if path.startswith(f"{LIBRARY}/"):
        return f"{ROOT}.lib"
    place = _place(path)
    if place is None or place[0] not in get_args(Category):
        return None
    category, rule, file = place
    if file not in (f"{rule}.rego", f"{rule}_test.rego"):
        return None
    return f"{ROOT}.rules.{category}.{file.removesuffix('.rego')}"


def _unique(rules: list[Rule], problems: list[Problem]) -> None:
    by_id: dict[str, Rule] = {}
    for rule in sorted(rules, key=lambda one: one.path):
        first = by_id.setdefault(rule.id, rule)
        if first is not rule:
            problems.append(
                _problem(
                    rule.path,
                    "duplicate-id",
                    f"`{rule.id}` is also the id of {first.path}",
                    "an id of its own",
                    1,
                )
            )
