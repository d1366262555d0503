"""What got to the target branch around the gates goes no further: it is judged here once more.

A commit of the target branch went through no gate just because it is there: whoever may push can.
Rules are taken from the target branch as they are: one who may push those makes the law, so that
branch has to be protected, which `doctor` looks at.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reconciler.app.environment import find_environment
from reconciler.app.makings import Step
from reconciler.app.record import Recorder
from reconciler.cli.building import Declared, declared_tree, settings_of
from reconciler.cli.checking import Asked, judged
from reconciler.cli.recording import recorder_of
from reconciler.core.records.words import line
from reconciler.core.redact import hidden
from reconciler.errors import IndeterminateError, NotAllowedError, ReconcilerError
from reconciler.model.finding import Gate
from reconciler.ports import Commits
from reconciler.wiring import Ports

_OF_CHANGES: Final = frozenset[Gate](("authority", "secrets"))
"""Gates that only a change can be judged by: what it makes is judged as it stands."""
_SETTINGS: Final = "reconciler.yaml"


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
    for step in ports.makings(repo).steps(one.revision, since, one.name, one.path):
        if not step.before or not _has_rules(ports, repo, step.before):
            continue
        denied = _denied(ports, repo, one.name, recorder, step)
        if denied:
            _refuse(ports, repo, one, recorder, said, step, denied)


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


def _denied(ports: Ports, repo: Path, name: str, recorder: Recorder, step: Step) -> list[str]:
    """Why a change may not be; nothing: it may.

    A merge request that was put on top without a merge is many commits, of which those of one
    author in a row may also be judged as the one change that they come to.
    """
    own = (step.before, _brought_in(ports.commits(repo), step.commit))
    found: list[str] = []
    for base, head in dict.fromkeys((own, step.row)):
        why = _judged(ports, Asked(repo, base, head, False, (name,), recorder.clock()))  # noqa: FBT003  # not `--all`
        if not why:
            return []
        found = found or why
    return found


def _judged(ports: Ports, asked: Asked) -> list[str]:
    with judged(ports, asked) as done:
        decisions = [
            one for one in (done.checked.change, *done.report.decisions) if one is not None
        ]
    silent = sorted(
        {each.reason for one in decisions for each in one.silent if each.gate in _OF_CHANGES}
    )
    if silent:
        raise IndeterminateError(
            "not-judged",
            f"{str(asked.head)[:12]} could not be judged: {line(hidden('; '.join(silent)), 300)}",
            hint="it is tried again",
        )
    return sorted(
        {
            f"{each.finding.rule}: {each.finding.message}"
            for one in decisions
            for each in one.findings
            if each.finding.gate in _OF_CHANGES and each.level == "hard" and not each.waived_by
        }
    )


def _brought_in(commits: Commits, commit: str) -> str:
    """What a commit brought: of a merge in which nobody had a hand, what was merged."""
    return commits.commit(commit).parents[1] if commits.merged_by_git(commit) else commit


def _refuse(  # all that is told of
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    said: Callable[[str], None],
    step: Step,
    denied: list[str],
) -> None:
    commit, why, branch = step.commit, "; ".join(denied), one.spec.branches.target
    what = f"bring {commit[:12]} to {branch} though its gates deny it"
    try:
        recorder.refused(one.name, declared_tree(ports, repo, None).revision, commit, what, why)
    except ReconcilerError as error:  # it is refused all the same
        said(f"That this was refused could not be recorded: {line(hidden(error.message), 300)}")
    raise NotAllowedError(
        "bypass",
        f"{commit[:12]} brought {one.name} to {branch}, and its gates deny it:"
        f" {line(hidden(why), 300)}",
        hint=f"`reconciler check --base {step.before[:12]} --head {commit[:12]}` tells all;"
        " revert it, or bring it again by a merge request",
        subject=one.name,
    )


def tell_bypass(ports: Ports, repo: Path, name: str, why: str, *, sandbox: bool) -> None:
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
        what = f"push {commit[:12]} to {spec.branches.target} without a merge request"
        recorder.refused(name, tree.revision, commit, what, why)
    except ReconcilerError as error:  # it is refused all the same
        sys.stderr.write(f"a bypass could not be recorded: {hidden(error.message)}\n")
