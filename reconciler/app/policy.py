"""Policies of a revision: loaded once for each digest, tested, explained, evaluated."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from reconciler.app.kept import Kept, unpack_problems
from reconciler.core.load import lazy_shared
from reconciler.core.policy.evaluate import evaluate, findings
from reconciler.core.policy.inputs import wrong_input
from reconciler.core.policy.pack import FOLDER, collect, digest_of, load_pack
from reconciler.core.policy.testing import run_tests
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import find
from reconciler.errors import IndeterminateError, UsageError
from reconciler.model.finding import Finding
from reconciler.model.policy import (
    Evaluated,
    Indeterminate,
    Module,
    Modules,
    Pack,
    Rule,
    RuleTest,
    RuleTestRun,
)
from reconciler.model.settings import PolicyEngine as EngineSettings
from reconciler.ports import PolicyEngine, RegoReader, RepoTree

_REMEMBERED: dict[str, Pack] = {}
"""Of the last folders of policies that this process looked at, by object id."""
_MOST = 4


def engine_settings(tree: RepoTree) -> EngineSettings:
    """What the tree's settings say of the engine; their defaults when there are none."""
    settings = lazy_shared(tree).settings
    return settings.document.spec.policy if settings else EngineSettings()


def load_policies(tree: RepoTree, reader: RegoReader, kept: Kept) -> Pack:
    """The pack with all its problems. The same files are not read twice."""
    folder = find(tree, FOLDER)
    place = kept.key("policies", f"{folder.kind.value} {folder.oid}" if folder else "")
    known = _REMEMBERED.pop(place, None)
    if known is None:
        known = _load(tree, reader, kept)
        while len(_REMEMBERED) >= _MOST:
            _REMEMBERED.pop(next(iter(_REMEMBERED)), None)
    _REMEMBERED[place] = known
    return known


def _load(tree: RepoTree, reader: RegoReader, kept: Kept) -> Pack:
    files, unread = collect(tree)
    key = kept.key(
        "policies", digest_of(files.items()), *(f"{one.place} {one.code}" for one in unread)
    )
    remembered = kept.cache.get("policies", key)
    if remembered is not None:
        return _unpack(json.loads(remembered))
    pack = load_pack(files, reader, unread)
    if isinstance(pack, Indeterminate):
        raise no_verdict(pack)
    kept.cache.put_many("policies", [(key, json.dumps(asdict(pack)).encode())])
    return pack


def _unpack(packed: dict[str, Any]) -> Pack:
    return Pack(
        packed["digest"],
        tuple(Rule(**one) for one in packed["rules"]),
        tuple(RuleTest(**one) for one in packed["tests"]),
        _modules(packed["modules"]),
        _modules(packed["with_tests"]),
        unpack_problems([list(one.values()) for one in packed["problems"]]),
    )


def _modules(packed: dict[str, Any]) -> Modules:
    return Modules(packed["digest"], tuple(Module(**one) for one in packed["files"]))


def no_verdict(found: Indeterminate) -> IndeterminateError:
    """As a failure, for commands that have nothing else to say."""
    return IndeterminateError(found.reason, found.message, hint=found.hint)


def find_rule(pack: Pack, name: str) -> Rule:
    """By id, key or name."""
    rule = pack.rule(name)
    if rule is None:
        names = [word for one in pack.rules for word in (one.id, one.name)]
        raise UsageError(
            "unknown-rule",
            f"there is no rule `{name}`",
            hint=did_you_mean(name, names) or f"there are: {listed(one.id for one in pack.rules)}",
        )
    return rule


def run_policy_tests(
    pack: Pack, engine: PolicyEngine, reader: RegoReader, *, coverage: bool
) -> RuleTestRun:
    """Run the rules' own tests."""
    run = run_tests(pack, engine, reader, coverage=coverage)
    if isinstance(run, Indeterminate):
        raise no_verdict(run)
    return run


def evaluate_input(
    pack: Pack, engine: PolicyEngine, document: object, only: str | None
) -> tuple[Evaluated, tuple[Finding, ...]]:
    """What the rules say of an input.

    It must have all its fields: what is missing would be undefined, and a pass.
    """
    checked = _checked(document)
    rule = find_rule(pack, only) if only else None
    result = evaluate(engine, pack, checked, rule)
    if isinstance(result, Indeterminate):
        raise no_verdict(result)
    environment = checked["environment"]
    name = environment.get("name", "") if isinstance(environment, dict) else ""
    return result, findings(pack, result, str(name))


def _checked(document: object) -> Mapping[str, Any]:
    wrong = wrong_input(document)
    if wrong or not isinstance(document, Mapping):
        raise UsageError("bad-input", wrong, hint="docs/policies.md lists the fields")
    return document
