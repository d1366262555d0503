"""The guard: what a policy may not even name, reached by evaluation or not.

An engine fails only where it arrives, and some say nothing at all: `http.send` is undefined in one
and a network request in the other, a misspelt helper is undefined in both. So nothing is asked of
a pack in which any of this stands.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from reconciler.core.policy.builtins import FORBIDDEN, SUPPORTED, UNSUPPORTED
from reconciler.core.policy.inputs import FIELDS
from reconciler.core.policy.syntax import Head, Reference, Replaced, Syntax, Text
from reconciler.core.suggest import did_you_mean
from reconciler.model.problem import Problem

ROOT: Final = "reconciler"
_KNOWN: Final = SUPPORTED | FORBIDDEN.keys() | UNSUPPORTED
_SPACES: Final = frozenset(name.partition(".")[0] for name in _KNOWN if "." in name)
_OTHER_VERB = re.compile(r"%(?![sv%])")
_RENAMED = re.compile(rf"\bdata\.{ROOT}\b|^package {ROOT}\b", re.MULTILINE)


def guard(files: Collection[Syntax]) -> Iterator[Problem]:
    """Everything in the pack that no engine may be asked to run."""
    defined = {f"data.{file.package}.{head.name}" for file in files for head in file.heads}
    prefixes = {name[:end] for name in defined for end in _ends(name)}
    for file in files:
        yield from _imports(file, prefixes)
        aliases = {alias: name for alias, (name, _) in file.imports.items()}
        own = {head.name for head in _all_of(files, file.package)}
        for found in file.found:
            if isinstance(found, Text):
                yield from _text(file.path, found)
            elif isinstance(found, Replaced):
                yield from _replaced(file, found, aliases)
            else:
                yield from _reference(file, found, aliases, own, defined, prefixes)


def _ends(name: str) -> Iterator[int]:
    yield from (match.start() for match in re.finditer(r"\.", name))
    yield len(name)


def _all_of(files: Collection[Syntax], package: str) -> Iterator[Head]:
    for file in files:
        if file.package == package:
            yield from file.heads


def _imports(file: Syntax, prefixes: set[str]) -> Iterator[Problem]:
    for alias, (name, line) in file.imports.items():
        if name == "rego.v1":
            continue
        if alias in _SPACES:
            yield Problem(
                file.path,
                line,
                1,
                "shadowed-builtin",
                f"`{alias}` is also the name of builtin functions",
                "another alias",
            )
        if name != "input" and not name.startswith(f"data.{ROOT}."):
            yield Problem(
                file.path,
                line,
                1,
                "outside-data",
                f"`{name}` is not for policies",
                f"something below `data.{ROOT}`",
            )
        elif name not in prefixes and name != "input":
            yield Problem(
                file.path,
                line,
                1,
                "unknown-reference",
                f"nothing is called `{name}`",
                suggestion=did_you_mean(name, prefixes),
            )


def _text(path: str, text: Text) -> Iterator[Problem]:
    if text.format_of == "sprintf" and _OTHER_VERB.search(text.value.replace("%%", "")):
        yield Problem(
            path,
            text.line,
            text.column,
            "unsupported-format",
            "`sprintf` writes widths, precisions and other verbs differently in each engine",
            "`%s` for a text, `%v` for anything",
        )
    if not text.format_of and _RENAMED.search(text.value):
        yield Problem(
            path,
            text.line,
            text.column,
            "outside-data",
            f"a text says `data.{ROOT}`, which changes on a server",
            "the text without it",
        )


def _replaced(file: Syntax, one: Replaced, aliases: Mapping[str, str]) -> Iterator[Problem]:
    root = one.target.root if one.target else ""
    if aliases.get(root, root).partition(".")[0] not in ("input", "data"):
        yield Problem(
            file.path,
            one.line,
            one.column,
            "replaced-function",
            f"`with` replaces `{one.target.name if one.target else 'something'}`",
            "`with input as` or `with data.... as`",
        )


def _reference(
    file: Syntax,
    one: Reference,
    aliases: Mapping[str, str],
    own: Collection[str],
    defined: set[str],
    prefixes: set[str],
) -> Iterator[Problem]:
    full = _resolved(one, aliases)
    place = (file.path, one.line, one.column)
    if full.partition(".")[0] == "data":
        yield from _data(place, one, full, aliases, defined, prefixes)
    elif full.partition(".")[0] == "input":
        yield from _input(place, full)
    elif one.called:
        if full in own or full in SUPPORTED:
            return
        yield (
            _builtin(place, full)
            if full in _KNOWN
            else Problem(
                *place,
                "unknown-function",
                f"there is no function `{full}`",
                suggestion=did_you_mean(full, {*own, *SUPPORTED}),
            )
        )
    elif one.root in _SPACES and (named := _longest(full)) in _KNOWN and named not in SUPPORTED:
        yield _builtin(place, named)


def _resolved(one: Reference, aliases: Mapping[str, str]) -> str:
    root = aliases.get(one.root, one.root)
    return ".".join((root, *one.parts))


def _longest(name: str) -> str:
    """The builtin that a longer name begins with."""
    return next((name[:end] for end in reversed([*_ends(name)]) if name[:end] in _KNOWN), "")


def _builtin(place: tuple[str, int, int], name: str) -> Problem:
    if name in FORBIDDEN:
        return Problem(*place, "forbidden-builtin", f"`{name}` is forbidden: {FORBIDDEN[name]}")
    return Problem(
        *place,
        "unsupported-builtin",
        f"`{name}` is not there in every engine, or not the same",
        "one of those in docs/policies.md",
    )


def _data(
    place: tuple[str, int, int],
    one: Reference,
    full: str,
    aliases: Mapping[str, str],
    defined: set[str],
    prefixes: set[str],
) -> Iterator[Problem]:
    direct = one.root == "data" and one.root not in aliases
    if direct and (not one.dots or one.parts[0] != ROOT):
        yield Problem(
            *place,
            "outside-data",
            f"`{full}` is not for policies",
            f"something below `data.{ROOT}`, written with dots",
        )
    elif one.called:
        if full not in defined:
            yield Problem(
                *place,
                "unknown-function",
                f"there is no function `{full}`",
                suggestion=did_you_mean(full, defined),
            )
    elif full not in prefixes and not any(full[:end] in defined for end in _ends(full)):
        yield Problem(
            *place,
            "unknown-reference",
            f"nothing is called `{full}`",
            suggestion=did_you_mean(full, defined),
        )


def _input(place: tuple[str, int, int], full: str) -> Iterator[Problem]:
    parts = full.split(".")[1:3]
    if parts and parts[0] not in FIELDS:
        yield Problem(
            *place,
            "unknown-input",
            f"the input has no `{parts[0]}`",
            suggestion=did_you_mean(parts[0], FIELDS),
        )
    elif len(parts) == 2 and FIELDS[parts[0]] and parts[1] not in FIELDS[parts[0]]:  # noqa: PLR2004
        yield Problem(
            *place,
            "unknown-input",
            f"`input.{parts[0]}` has no `{parts[1]}`",
            suggestion=did_you_mean(parts[1], FIELDS[parts[0]]),
        )
