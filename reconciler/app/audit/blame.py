"""`audit blame`: the commit, the people and the rules behind an attribute's present value."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.app.audit.log import at_number
from reconciler.app.audit.reading import Trail, entry, reading, records_of, whole
from reconciler.app.environment import find_environment
from reconciler.app.records import Kept
from reconciler.core.hcl.source import TerraformSource
from reconciler.core.records.blame import (
    MISSING,
    Attribute,
    Steps,
    attribute,
    block,
    merge_request,
    nearest_to,
    source_of,
    value_at,
    written,
)
from reconciler.core.records.deeds import approvals, approver
from reconciler.core.redact import HIDDEN, hidden
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import files_below
from reconciler.core.yaml_reader import YamlError, find_positions, read_yaml
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.audit import Blamed, Break
from reconciler.model.commit import Commit
from reconciler.model.record import ApplyEnded, ApplyStarted, DecisionBody
from reconciler.model.tree import DOCUMENT_LIMIT, STATIC_LIMIT
from reconciler.ports import Commits, RepoTree

_APPLIED: Final = "applied"
_CANDIDATES: Final = 20
_LOOKED: Final = 1000
_BUILDS: Final = ("templates", "profiles", "reconciler.yaml")
"""What an environment is rendered from, beside its document."""


@dataclass(frozen=True, slots=True)
class Repo:
    """Where to look."""

    trail: Trail
    target: RepoTree
    commits: Commits
    snapshot: Callable[[str], RepoTree]


def blame(repo: Repo, environment: str, text: str) -> Blamed:
    """Who is behind the value that the attribute has now."""
    wanted = attribute(text)
    if wanted is None:
        raise UsageError(
            "bad-attribute",
            f"`{text}` names no attribute",
            hint="one of the document, such as spec.parameters.size, or one of Terraform, such as"
            " aws_s3_bucket.logs.force_destroy",
        )
    asked = Blamed(
        environment, text, None, "", 0, None, None, "", (), None, None, (), "", ()
    )  # what is found out is filled in
    found = (
        _of_terraform(repo, asked, wanted) if wanted.address else _of_document(repo, asked, wanted)
    )
    shown = json.dumps(found.value, ensure_ascii=False)
    return found if hidden(shown) == shown else replace(found, value=HIDDEN)


# ---------------------------------------------------------------------------------- the document


@dataclass(slots=True)
class _Document:
    """An environment's document as commits have it; what was read once is not read again."""

    repo: Repo
    name: str
    steps: Steps
    known: dict[str, str | None] = field(default_factory=dict)

    def value(self, oid: str) -> str | None:
        """The value in a blob, as text; where it cannot be read it is like no other."""
        if oid not in self.known:
            try:
                document = read_yaml(self.repo.commits.read(oid, DOCUMENT_LIMIT).data)
            except YamlError:
                self.known[oid] = f"(not readable: {oid})"
            else:
                self.known[oid] = written(value_at(document, self.steps))
        return self.known[oid]

    def elsewhere(self, commit: str) -> str | None:
        """Where it lay before it was moved."""
        tree = self.repo.snapshot(commit)
        same = [one for one in files_below(tree, "environments") if one.name == f"{self.name}.yaml"]
        return same[0].path if same else None


def _of_document(repo: Repo, asked: Blamed, wanted: Attribute) -> Blamed:
    place = find_environment(repo.target, asked.environment)
    path, head = place.path, repo.target.revision
    document = _Document(repo, asked.environment, wanted.steps)
    oid = repo.commits.lies(head, path)
    now = _read(repo, oid)
    value = value_at(now, wanted.steps)
    if oid is None or value is MISSING:
        return _not_written(asked, place.filled, path, wanted, now)
    line = (
        find_positions(repo.commits.read(oid, DOCUMENT_LIMIT).data)
        .of_value(_real(wanted.steps))
        .line
    )
    origin, merge, notes = _walk(document, head, path, oid)
    found = replace(
        asked,
        value=value,
        path=path,
        line=line,
        origin=origin,
        merge=merge,
        merge_request=merge_request(
            *([merge.message] if merge else []), *([origin.message] if origin else [])
        ),
        notes=tuple(notes),
    )
    return _with_records(repo, found, origin.id) if origin else found


def _real(steps: Steps) -> Steps:
    """A number between dots is an index of a list, for whoever looks for places."""
    return tuple(int(one) if isinstance(one, str) and one.isdecimal() else one for one in steps)


def _read(repo: Repo, oid: str | None) -> Any:
    try:
        return read_yaml(repo.commits.read(oid, DOCUMENT_LIMIT).data) if oid else {}
    except YamlError:
        return {}


def _not_written(asked: Blamed, filled: Any, path: str, wanted: Attribute, document: Any) -> Blamed:
    """It is no attribute of the document; maybe one that it gets from elsewhere."""
    name = str(wanted.steps[-1])
    if (
        filled is not None
        and wanted.steps[:2] == ("spec", "parameters")
        and name in filled.parameters
    ):
        profile = filled.profile
        gives = (
            profile.path
            if name in profile.document.spec.defaults.parameters
            else (filled.blueprint.loaded.path)
        )
        return replace(
            asked,
            value=filled.parameters[name],
            path=gives,
            notes=(f"{path} does not say it: the default holds; see `git log -- {gives}`",),
        )
    around = value_at(document, wanted.steps[:-1])
    names = around if isinstance(around, dict) else {}
    raise UsageError(
        "unknown-attribute",
        f"{path} has no `{asked.attribute}`",
        hint=did_you_mean(name, names) or f"there are: {listed(names)}",
        subject=asked.attribute,
    )


def _walk(
    document: _Document, head: str, path: str, oid: str
) -> tuple[Commit | None, Commit | None, list[str]]:
    """The commit that set the value, and the merge that brought it into the branch.

    Wherever a parent has the same value, that parent had it before.
    """
    commits, wanted = document.repo.commits, document.value(oid)
    merge: Commit | None = None
    at = commits.commit(head)
    while True:
        cut = ""
        for number, parent in enumerate(at.parents):
            try:
                before, where = commits.lies(parent, path), path
                if before is None and (moved := document.elsewhere(parent)) is not None:
                    before, where = commits.lies(parent, moved), moved
            except UsageError:
                cut = parent
                continue
            if before == oid or (before is not None and document.value(before) == wanted):
                if number and merge is None:
                    merge = at
                at, path, oid = commits.commit(parent), where, before
                break
        else:
            if cut:
                why = f"commit {cut[:12]} is not here, and may have had it already"
                return None, None, [f"the history is cut off: {why} (`git fetch --unshallow`)"]
            return at, merge, []


# ------------------------------------------------------------------------------------- Terraform


def _of_terraform(repo: Repo, asked: Blamed, wanted: Attribute) -> Blamed:
    records = repo.trail.records
    tip = records.tip()
    applied = _Applied(repo.trail, asked.environment)
    with reading(tip):
        source = applied.source(records.kept(tip).tree) if tip else None
        known = bool(records.status(asked.environment))
    if source is None:
        return replace(asked, notes=(_nothing_applied(repo, asked.environment, known=known),))
    if isinstance(source, str):
        return replace(asked, notes=(f"what was applied cannot be read: {source}",))
    thing = block(source, wanted.address)
    value = value_at(thing.values, wanted.steps) if thing else MISSING
    if thing is None or value is MISSING:
        raise UsageError(
            "unknown-attribute",
            f"what was applied of {asked.environment} has no `{asked.attribute}`",
            hint=nearest_to(source, wanted) or "what a provider fills in by itself is in no file",
            subject=asked.attribute,
        )
    found = replace(asked, value=value, path=thing.path, line=thing.line)
    since = _since(applied, wanted, value)
    if since is None:
        return replace(found, notes=("no record says when it was put in place",))
    found = replace(found, applied=entry(since))
    found = _with_decision(repo.trail, found, since)
    return _with_change(repo, found, since)


def _nothing_applied(repo: Repo, environment: str, *, known: bool) -> str:
    files = files_below(repo.target, "environments")
    names = [one.name.removesuffix(".yaml") for one in files]
    meant = "" if known or environment in names else did_you_mean(environment, names)
    words = f"no record on `{repo.trail.branch}` holds what was applied of {environment}"
    return f"{words}; {meant}" if meant else words


@dataclass(slots=True)
class _Applied:
    """Rendered files as they were applied, by the tree of a record."""

    trail: Trail
    environment: str
    known: dict[str, TerraformSource | str] = field(default_factory=dict)

    def source(self, tree: str) -> TerraformSource | str | None:
        """What a tree holds of them: None where it holds nothing, text where it is unreadable."""
        records = self.trail.records
        place = records.objects.at(tree, (*self.folder(tree), _APPLIED.encode()))
        if place is None or not place.folder:
            return None
        oid = place.oid.hex()
        if oid not in self.known:
            files = [
                (path, records.objects.blob(blob))
                for path, blob in records.objects.files(oid, f"{_APPLIED}/")
                if path.endswith(".tf")
            ]
            large = [path for path, data in files if len(data) > STATIC_LIMIT]
            self.known[oid] = f"{large[0]} is too large" if large else source_of(files)
        return self.known[oid]

    def folder(self, tree: str) -> tuple[bytes, ...]:
        """Where the environment lies in a tree."""
        return self.trail.records.folder(tree, self.environment)


def _since(applied: _Applied, wanted: Attribute, value: Any) -> Kept | None:
    """The record with which the value came: right before it there was none, or another one."""
    records = applied.trail.records
    for one in whole(records_of(applied.trail, applied.environment)):
        with reading(one.commit):
            prefix = f"{b'/'.join(applied.folder(one.tree)).decode()}/{_APPLIED}/"
            if not any(path.startswith(prefix) for path in one.record.files):
                continue
            parent = one.record.chain.parent
            before = applied.source(records.kept(parent).tree) if parent else None
        thing = block(before, wanted.address) if isinstance(before, TerraformSource) else None
        if thing is None or written(value_at(thing.values, wanted.steps)) != written(value):
            return one
    return None


def _with_change(repo: Repo, found: Blamed, since: Kept) -> Blamed:
    """The commit that brought it, where there is but one that can be it."""
    commit = getattr(since.record.body, "commit", None)
    if not isinstance(commit, str):
        return replace(found, notes=(*found.notes, "its record names no commit"))
    before = _applied_before(repo.trail, found.environment, since)
    if before is None:
        return replace(
            found,
            notes=(*found.notes, f"it is so since the first recorded apply, of {commit[:12]}"),
        )
    try:
        several = list(_between(repo, found.environment, before, commit))
    except UsageError as err:
        return replace(found, notes=(*found.notes, f"{err.message}: {err.hint}"))
    if len(several) == 1:
        (at,) = several
        origin = _merged(repo, at)
        return replace(
            found,
            origin=origin,
            merge=None if origin is at else at,
            merge_request=merge_request(at.message, origin.message),
        )
    if not several:
        why = "nothing that it is rendered from changed between the two applies"
        return replace(found, notes=(*found.notes, why))
    why = (
        f"{len(several)} changes were applied at once (of {before[:12]} to {commit[:12]});"
        " which of them it was cannot be told"
    )
    shown = tuple(several[:_CANDIDATES])
    return replace(found, candidates=shown, notes=(*found.notes, why))


def _merged(repo: Repo, merge: Commit) -> Commit:
    """The one commit that a merge brought; the merge itself, where there were several."""
    if len(merge.parents) != 2:  # noqa: PLR2004  # no merge, or one of many branches
        return merge
    last = repo.commits.commit(merge.parents[1])
    alone = last.parents and repo.commits.contains(merge.parents[0], last.parents[0])
    return last if alone else merge


def _applied_before(trail: Trail, environment: str, since: Kept) -> str | None:
    for one in whole(records_of(trail, environment)):
        body = one.record.body
        if one.record.chain.sequence < since.record.chain.sequence and _is_done(body):
            assert isinstance(body, ApplyEnded)  # noqa: S101  # as `_is_done` says
            return body.commit
    return None


def _is_done(body: Any) -> bool:
    return isinstance(body, ApplyEnded) and body.action == "apply" and body.result == "done"


def _between(repo: Repo, environment: str, before: str, after: str) -> Iterator[Commit]:
    """The steps of the branch after one commit that changed what the environment is made from."""
    commits = repo.commits
    paths = [one.path for one in files_below(repo.snapshot(after), "environments")
             if one.name == f"{environment}.yaml"]  # fmt: skip
    at = commits.commit(after)
    for _ in range(_LOOKED):
        if at.id == before or not at.parents or commits.contains(before, at.id):
            return
        parent = at.parents[0]
        if any(commits.lies(at.id, one) != commits.lies(parent, one) for one in (*paths, *_BUILDS)):
            yield at
        at = commits.commit(parent)


# --------------------------------------------------------------------------------------- records


def _with_records(repo: Repo, found: Blamed, commit: str) -> Blamed:
    """The apply that put a commit in place, and what allowed it."""
    first: Kept | None = None
    decided: Kept | None = None
    notes: list[str] = []
    for one in records_of(repo.trail, found.environment):
        if isinstance(one, Break):
            notes.append(f"the records cannot be read at {one.commit[:12]}: {one.why}")
            break
        body = one.record.body
        if isinstance(body, DecisionBody) and decided is None:
            if repo.commits.contains(body.head, commit):
                decided = one
        elif isinstance(body, ApplyEnded) and body.action == "destroy" and body.result == "done":
            notes += [] if first else ["the environment was destroyed since"]
            break
        elif isinstance(body, ApplyEnded) and _is_done(body):
            has = repo.commits.contains(body.commit, commit) if body.commit else None
            if has is None:
                notes.append(f"what was applied, {body.commit or 'unknown'}, is not here")
            if not has:
                break
            first = one
    found = replace(found, notes=(*found.notes, *notes))
    if first is not None:
        return _with_decision(repo.trail, replace(found, applied=entry(first)), first)
    found = replace(found, notes=(*found.notes, "no record says that it was applied"))
    return _approved(found, decided) if decided else found


def _with_decision(trail: Trail, found: Blamed, ended: Kept) -> Blamed:
    """What allowed it; a record in between that cannot be read is told, and hides nothing else."""
    body = ended.record.body
    number = body.started if isinstance(body, ApplyEnded) else None
    try:
        begun = _numbered(trail, ended, number)
        start = begun.record.body if begun else None
        allowing = start.decision if isinstance(start, ApplyStarted) else None
        decided = _numbered(trail, ended, allowing)
    except ReconcilerError as err:
        return replace(found, notes=(*found.notes, err.message))
    if decided is None:
        return replace(found, notes=(*found.notes, "no record says what allowed it"))
    return _approved(found, decided)


def _numbered(trail: Trail, last: Kept, number: int | None) -> Kept | None:
    """An earlier record; the names in a record lead back and never on."""
    if number is None or number >= last.record.chain.sequence:
        return None
    return at_number(trail, last, number)


def _approved(found: Blamed, decided: Kept) -> Blamed:
    body = decided.record.body
    if not isinstance(body, DecisionBody):
        return replace(found, notes=(*found.notes, "what allowed it is no decision"))
    inputs = body.decision.get("inputs")
    policies = inputs.get("policies") if isinstance(inputs, dict) else None
    who = [approver(one)[:3] for one in approvals(body)]
    return replace(
        found,
        decision=entry(decided),
        approved=tuple(dict.fromkeys(who)),
        policies=policies if isinstance(policies, str) else "",
    )


def no_target() -> ReconcilerError:
    """Without the target branch nothing can be told."""
    return UsageError(
        "no-target",
        "there is no target branch here, whose commits could tell",
        hint="fetch it: `git fetch origin`",
    )
