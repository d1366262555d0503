"""`audit who-did` and `audit who-could`."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from reconciler.app.audit.log import Declared
from reconciler.app.audit.reading import Trail, records_of, unknown_environment
from reconciler.core.load import Found, as_problems, lazy_shared, load_environment
from reconciler.core.powers import powers
from reconciler.core.records.deeds import Authors, deeds, nobody_known
from reconciler.core.records.query import Wanted, instant, older, wants
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.audit import Break, Deeds, PowersAt
from reconciler.model.desired import Loaded
from reconciler.model.environment import Environment
from reconciler.model.record import DecisionBody, PolicyTaken, Record
from reconciler.model.tree import Entry
from reconciler.ports import Commits, RepoTree

_OLD_IN_A_ROW = 64


def who_did(
    found: Trail,
    environment: str,
    since: datetime | None,
    declared: Declared,
    author: Authors = nobody_known,
) -> Deeds:
    """Who did what with an environment, from its records, and from commits that they name."""
    broken: Break | None = None
    records: list[Record] = []
    looked = old = 0
    for one in records_of(found, environment):
        if isinstance(one, Break):
            broken = one
            break
        looked += 1
        old = old + 1 if older(one.record, since) else 0
        if old >= _OLD_IN_A_ROW:
            break
        records.append(one.record)
    if not looked and broken is None and environment not in (names := declared()):
        raise unknown_environment(environment, found, names)
    done = [one for one in records if wants(Wanted(since), one)]
    there = bool(found.records.tip())
    return Deeds(found.branch, there, environment, deeds(done, author), broken)


class _Judge(NamedTuple):
    commit: str
    why: str
    record: int | None


def who_could(
    found: Trail,
    environment: str,
    at: datetime,
    target: str | None,
    commits: Commits,
    snapshot: Callable[[str], RepoTree],
) -> PowersAt:
    """Who could do what with an environment then, by the documents that judged then."""
    notes: list[str] = []
    judge = _recorded(found, environment, at, notes) or _by_dates(target, at, commits)
    tree = _tree(judge, snapshot)
    if judge.record is not None and target is not None and not _files(tree, environment):
        # It may be younger than the rules, and not decided about yet.
        later = _by_dates(target, at, commits)
        tree_then = _tree(later, snapshot)
        if _files(tree_then, environment):
            notes.append(f"{judge.why}: commit {judge.commit[:12]} has no such environment")
            judge, tree = later, tree_then
    loaded = _document(tree, environment, notes)
    shared = lazy_shared(tree)
    if loaded.document.spec.track not in shared.profiles:
        notes.append(f"there was no profile of the track {loaded.document.spec.track} to go by")
    answer = powers(loaded, shared, at)
    return PowersAt(
        instant(at), judge.commit, judge.why, judge.record, answer, tuple(dict.fromkeys(notes))
    )


def _recorded(found: Trail, environment: str, at: datetime, notes: list[str]) -> _Judge | None:
    """What the last record before then names: rules that were taken, or a decision about it."""
    known: list[tuple[int, _Judge]] = []
    for name in (environment, ""):
        for one in records_of(found, name):
            if isinstance(one, Break):
                notes.append(f"the records cannot be read at {one.commit[:12]}: {one.why}")
                break
            record, body = one.record, one.record.body
            if record.at > instant(at):
                continue
            number = record.chain.sequence
            if isinstance(body, PolicyTaken):
                why = f"record {number} took it into use at {record.at}"
                known.append((number, _Judge(body.commit, why, number)))
                break
            if isinstance(body, DecisionBody):
                why = f"record {number}, a decision of {record.at}, was judged by it"
                known.append((number, _Judge(body.target, why, number)))
                break
    return max(known)[1] if known else None


def _by_dates(target: str | None, at: datetime, commits: Commits) -> _Judge:
    if target is None:
        raise UsageError(
            "no-target",
            "no record says what judged then, and there is no target branch here",
            hint="fetch the target branch, and the branch of records",
        )
    commit = commits.at(target, at)
    if commit is None:
        raise UsageError(
            "too-early",
            f"no record and no commit of the target branch is as old as {instant(at)}",
            hint="a shallow clone lacks old commits: `git fetch --unshallow`",
        )
    why = (
        "no record says what judged then; it is the last commit of the target branch before that"
        " time, by the dates in commits, which anybody can write"
    )
    return _Judge(commit, why, None)


def _tree(judge: _Judge, snapshot: Callable[[str], RepoTree]) -> RepoTree:
    try:
        return snapshot(judge.commit)
    except UsageError as err:
        raise ReconcilerError(
            "commit-not-here",
            f"commit {judge.commit[:12]} judged then ({judge.why}), and it is not here",
            hint="fetch the target branch with its whole history: `git fetch --unshallow`",
            subject=judge.commit,
        ) from err


def _files(tree: RepoTree, name: str) -> list[Entry]:
    return [one for one in files_below(tree, "environments") if one.name == f"{name}.yaml"]


def _document(tree: RepoTree, name: str, notes: list[str]) -> Loaded[Environment]:
    same = _files(tree, name)
    if not same:
        entries = files_below(tree, "environments")
        names = [one.name.removesuffix(".yaml") for one in entries if one.name.endswith(".yaml")]
        raise UsageError(
            "unknown-environment",
            f"there was no environment `{name}` in {tree.revision[:12]}, which judged then",
            hint=did_you_mean(name, names) or f"there were: {listed(names)}",
            subject=name,
        )
    if len(same) > 1:
        notes.append(f"{len(same)} files had that name; this is of {same[0].path}")
    problems: Found = []
    loaded = load_environment(tree, same[0], problems)
    if loaded is None:
        first = as_problems(tree, problems)
        raise ReconcilerError(
            "broken",
            f"{same[0].path} could not be used in {tree.revision[:12]}"
            + (f": {first[0].message}" if first else ""),
            hint=f"`reconciler validate --rev {tree.revision[:12]}` shows all problems",
            subject=name,
        )
    return loaded
