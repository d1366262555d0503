"""Write a new environment's document, and say at once whether it is valid."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.check import check
from reconciler.core.compose import BadValue, Wanted, compose, read_value, required
from reconciler.core.documents import parse
from reconciler.core.faults import located
from reconciler.core.load import load_environments, load_shared
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import files_below, find
from reconciler.errors import UsageError
from reconciler.model.base import NAME_MAX, NAME_PATTERN, WORDS
from reconciler.model.desired import BlueprintFolder, Loaded, Shared
from reconciler.model.documents import BY_NAME
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.profile import Profile
from reconciler.model.tree import DOCUMENT_LIMIT
from reconciler.ports import RepoTree


@dataclass(frozen=True, slots=True)
class Asked:
    """The command's options as they came."""

    track: str
    name: str
    owner: str | None
    description: str | None
    stage: str | None
    blueprint: str | None
    account: str | None
    promoted_from: str | None
    settings: Sequence[str]
    author: str | None
    """The e-mail address of who asks, to find the team."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """The document, and what is wrong with it."""

    path: str
    text: str
    problems: tuple[Problem, ...]


def draft(tree: RepoTree, asked: Asked) -> Drafted:
    """The document for what was asked; UsageError when it cannot even be begun."""
    if not re.fullmatch(NAME_PATTERN, asked.name, re.ASCII) or len(asked.name) > NAME_MAX:
        raise UsageError("bad-name", f"`{asked.name}` cannot be a name", hint=WORDS[NAME_PATTERN])
    shared = load_shared(tree, [])
    profile = shared.profiles.get(asked.track)
    if profile is None:
        raise _unknown("track", asked.track, list(shared.profiles))
    path = f"environments/{asked.track}/{asked.name}.yaml"
    for entry in files_below(tree, "environments"):
        if entry.name == f"{asked.name}.yaml":
            raise UsageError(
                "name-taken",
                f"the name `{asked.name}` is taken by {entry.path}",
                hint="take another name",
            )
    blueprint = _blueprint(shared, profile, asked.blueprint)
    owner = asked.owner or _team_of(shared, asked.author)
    if owner is None or owner not in shared.teams:
        if owner is not None:
            raise _unknown("team", owner, list(shared.teams))
        raise UsageError(
            "no-owner", "whose is it?", hint=f"give --owner; there are: {listed(shared.teams)}"
        )
    account = asked.account or profile.document.spec.defaults.account
    if account is None:
        raise UsageError(
            "no-account",
            f"the track {asked.track} has no default account",
            hint="give --account 123456789012",
        )
    values = _values(blueprint, asked.settings)
    missing = [name for name in required(blueprint, profile) if name not in values]
    if missing:
        schema = blueprint.document.spec.parameters
        raise UsageError(
            "missing-parameter",
            f"{blueprint.document.metadata.name} needs: "
            + "; ".join(f"{name} ({schema[name].description})" for name in missing),
            hint="add " + " ".join(f"--set {name}=..." for name in missing),
        )
    wanted = Wanted(
        asked.name,
        owner,
        asked.description or f"{asked.name} of {owner}",
        asked.stage or profile.document.spec.allowed.stages[0],
        account,
        asked.promoted_from,
        values,
    )
    text = compose(wanted, profile, blueprint)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise UsageError("bad-value", "an option is not UTF-8 text", hint="type it again") from None
    return Drafted(path, text, _problems(tree, path, data, shared))


def _problems(tree: RepoTree, path: str, data: bytes, shared: Shared) -> tuple[Problem, ...]:
    """What the document brings, also in others: a quota, a budget, an account."""
    document, found = parse(path, data, BY_NAME["Environment"])
    if isinstance(document, Environment):
        standing = load_environments(tree, [])
        before = check(standing, shared)[1]
        after = check((*standing, Loaded(path, "", document)), shared)[1]
        found += [fault for fault in after if fault not in before]

    def read(name: str) -> bytes | None:
        entry = find(tree, name)
        return data if name == path else tree.read(entry, DOCUMENT_LIMIT) if entry else None

    problems = [one for one in found if isinstance(one, Problem)]
    faults = [one for one in found if not isinstance(one, Problem)]
    return tuple(sorted([*problems, *located(faults, read)]))


def _unknown(what: str, name: str, known: Sequence[str]) -> UsageError:
    return UsageError(
        f"unknown-{what}",
        f"there is no {what} `{name}`",
        hint=did_you_mean(name, known) or f"there are: {listed(known)}",
    )


def _blueprint(shared: Shared, profile: Loaded[Profile], wanted: str | None) -> BlueprintFolder:
    spec = profile.document.spec
    name, _, version = (wanted or spec.defaults.blueprint or spec.allowed.blueprints[0]).partition(
        "@"
    )
    versions = [other for known, other in shared.blueprints if known == name]
    if not versions:
        raise _unknown("blueprint", name, sorted({known for known, _ in shared.blueprints}))
    if version and version not in versions:
        raise _unknown("version", version, versions)
    newest = max(versions, key=lambda text: tuple(int(part) for part in text.split(".")))
    return shared.blueprints[name, version or newest]


def _team_of(shared: Shared, author: str | None) -> str | None:
    mine = [
        name
        for name, team in shared.teams.items()
        if any(author == member.email for member in team.document.spec.members)
    ]
    return mine[0] if len(mine) == 1 else None


def _values(blueprint: BlueprintFolder, settings: Sequence[str]) -> dict[str, object]:
    schema = blueprint.document.spec.parameters
    values: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError("usage", f"`--set {setting}` has no `=`", hint="--set size=small")
        if name not in schema:
            raise _unknown("parameter", name, list(schema))
        try:
            values[name] = read_value(schema[name], text)
        except BadValue as err:
            raise UsageError(
                "bad-value", f"--set {name}: {err}", hint=schema[name].description
            ) from None
    return values
