"""What got to the target branch around the gates goes no further: it is judged here once more.

A commit of the target branch went through no gate just because it is there: whoever may push can.
Rules are taken from the target branch as they are: one who may push those makes the law, so that
branch has to be protected, which `doctor` looks at.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.app.environment import find_environment
from reconciler.app.record import Recorder
from reconciler.cli.building import Declared, declared_tree, settings_of
from reconciler.cli.checking import Asked, judged
from reconciler.cli.recording import recorder_of, refusal_noted
from reconciler.core.lineage import Lineage
from reconciler.core.records.refusals import forced, pushed
from reconciler.core.records.words import line
from reconciler.core.redact import hidden
from reconciler.errors import IndeterminateError, NotAllowedError, ReconcilerError
from reconciler.model.decision import Decision
from reconciler.model.finding import Gate
from reconciler.model.record import Stood
from reconciler.ports import Commits
from reconciler.wiring import Ports

_OF_CHANGES: Final = frozenset[Gate](("authority", "secrets"))
"""Gates that only a change can be judged by: what it makes is judged as it stands."""
_SETTINGS: Final = "reconciler.yaml"
_LET_IN: Final = "let-in"


def refuse_bypass(
    ports: Ports, repo: Path, one: Declared, recorder: Recorder, said: Callable[[str], None]
) -> None:
    """Judge each change that made it what it is, by the rules that it met, and refuse it here.

    Since what was applied last, which was let in then; a change that was taken back meanwhile does
    not count.
    """
    known = recorder.records.status(one.name).get("applied")
    applied = known if isinstance(known, dict) else {}
    if applied.get("files") == one.rendered.digest:
        return
    since = str(applied.get("commit", ""))
    lineage = ports.makings(repo).lineage(one.revision, since, one.name, one.path)
    commits = ports.commits(repo)
    denied: tuple[int, list[str]] | None = None
    ways = _ways(commits, lineage, lineage.made(0))
    tried: set[tuple[int, int]] = set()
    while ways:
        at, base = ways.pop()
        if (at, base) in tried:
            continue
        tried.add((at, base))
        why = _judged_from(ports, repo, one.name, recorder, lineage, at, base)
        if why:
            denied = (at, why) if base == at + 1 else denied
            continue
        at = lineage.made(base)
        if at == lineage.end:
            return
        ways += _ways(commits, lineage, at)
    if denied is not None:
        at, why = denied
        change = lineage.commits[at + 1], lineage.commits[at]
        raise _refused(ports, repo, one, recorder, said, change, why)


def _ways(commits: Commits, lineage: Lineage, at: int) -> list[tuple[int, int]]:
    """A commit, and what it may have been made from; the last one is tried first.

    A merge request that was put on top without a merge is many commits: those of one author in a
    row may also be judged as the one change that they come to. What each way began at has to have
    been let in itself.
    """
    if at == lineage.end:
        return []
    return list(dict.fromkeys(((at, _row(commits, lineage, at)), (at, at + 1))))


def _judged_from(  # what, and from where on
    ports: Ports,
    repo: Path,
    name: str,
    recorder: Recorder,
    lineage: Lineage,
    at: int,
    base: int,
) -> list[str]:
    """Why a change may not be; nothing: it may."""
    before = lineage.commits[base]
    if not before or not _has_rules(ports, repo, before):
        return []
    head, now = _brought_in(ports.commits(repo), lineage.commits[at]), recorder.clock()
    kept = ports.kept
    # What was let in stays so for a while: of many environments, each would ask the same again.
    key = partial(kept.key, _LET_IN, before, head, now.strftime("%Y-%m-%d %H"))
    if kept.cache.get(_LET_IN, key(name)) is not None:
        return []
    asked = Asked(repo, before, head, False, (), now, only_making=True)  # noqa: FBT003  # not `--all`
    with judged(ports, asked) as done:
        decisions = {one.environment: one for one in done.report.decisions}
    whole = decisions.pop("", None)
    why = _denied((whole, decisions.get(name)), head)
    if not why:
        others = (one for one, decision in decisions.items() if not _stopped(decision))
        kept.cache.put_many(_LET_IN, [(key(one), b"yes") for one in {name, *others}])
    return why


def _denied(decisions: tuple[Decision | None, ...], head: str) -> list[str]:
    """Why a change may not be made; an error where that could not be told."""
    found = [one for one in decisions if one is not None]
    silent = sorted({why for one in found for why in _silent(one)})
    if silent:
        raise IndeterminateError(
            "not-judged",
            f"{head[:12]} could not be judged: {line(hidden('; '.join(silent)), 300)}",
            hint="it is tried again",
        )
    return sorted({why for one in found for why in _against(one)})


def _stopped(decision: Decision) -> bool:
    return bool(_silent(decision) or _against(decision))


def _silent(decision: Decision) -> list[str]:
    return [one.reason for one in decision.silent if one.gate in _OF_CHANGES]


def _against(decision: Decision) -> list[str]:
    return [
        f"{one.finding.rule}: {one.finding.message}"
        for one in decision.findings
        if one.finding.gate in _OF_CHANGES and one.level == "hard" and not one.waived_by
    ]


def _row(commits: Commits, lineage: Lineage, at: int) -> int:
    """What the commits of one author in a row were made from, none a merge, all under rules."""
    made, base = commits.commit(lineage.commits[at]), at + 1
    while len(made.parents) == 1 and base < lineage.end:
        before, further = commits.commit(lineage.commits[base]), lineage.commits[base + 1]
        if before.author != made.author or len(before.parents) != 1:
            break
        if not further or commits.lies(further, _SETTINGS) is None:
            break
        base += 1
    return base


def _has_rules(ports: Ports, repo: Path, commit: str) -> bool:
    """Whether there were rules yet; an error where somebody took them away."""
    commits = ports.commits(repo)
    if commits.lies(commit, _SETTINGS) is not None:
        return True
    at = commit
    while parents := commits.commit(at).parents:
        at = parents[0]
        if commits.lies(at, _SETTINGS) is not None:
            raise IndeterminateError(
                "rules-gone",
                f"{commit[:12]} has no {_SETTINGS}, which was there before: what came after it"
                " met no rules",
                hint="look at who took it away, and bring what came after by a merge request",
            )
    return False


def _brought_in(commits: Commits, commit: str) -> str:
    """What a commit brought: of a merge in which nobody had a hand, what was merged."""
    return commits.commit(commit).parents[1] if commits.merged_by_git(commit) else commit


def _refused(  # all that is told of
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    said: Callable[[str], None],
    change: tuple[str, str],
    denied: list[str],
) -> NotAllowedError:
    """What is raised, once it is recorded."""
    before, commit = change
    why, branch = "; ".join(denied), one.spec.branches.target
    what = forced(commit, branch)
    law = declared_tree(ports, repo, None).revision
    stood = Stood(one.rendered.digest, made_by(ports.commits(repo), commit))
    refusal_noted(recorder, one.name, law, commit, what, why, stood, said)
    return NotAllowedError(
        "bypass",
        f"{commit[:12]} brought {one.name} to {branch}, and its gates deny it:"
        f" {line(hidden(why), 300)}",
        hint=f"`reconciler check --base {before[:12]} --head {commit[:12]}` tells all;"
        " revert it, or bring it again by a merge request",
        subject=one.name,
    )


def made_by(commits: Commits, commit: str) -> str:
    """Who made a commit, as far as it says: git does not know who pushed it."""
    author = commits.commit(commit).author
    return f"{line(author.name, 80)} <{line(author.email, 120)}>"


def tell_bypass(
    ports: Ports, repo: Path, name: str, files: str, why: str, *, sandbox: bool
) -> None:
    """Record, once, that something got to the target branch around the gate, and goes no further.

    What a merge request brought was judged there, and waits or was denied in the open.
    """
    try:
        tree = declared_tree(ports, repo, None)
        spec = settings_of(tree)
        if sandbox and spec.forge.kind != "local":
            return  # nothing of a sandbox asks a server
        path = find_environment(tree, name).path
        commit = ports.makings(repo).brought(tree.revision, name, path)
        if ports.forge(repo, spec).brought(commit) is not None:
            return
        recorder = recorder_of(ports, repo, tree, spec, simulated=sandbox)
        what = pushed(commit, spec.branches.target)
        stood = Stood(files, made_by(ports.commits(repo), commit))
        recorder.refused(name, tree.revision, commit, what, why, stood)
    except ReconcilerError as error:  # it is refused all the same
        sys.stderr.write(f"a bypass could not be recorded: {hidden(error.message)}\n")
