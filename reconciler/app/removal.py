"""What is there without a document, and whether it may be destroyed.

That a document is gone says nothing of who agreed: so the change that took it out is judged again,
by the rules that it began at, with what people said of it. What has come to its end needs nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.app.law import Law
from reconciler.app.merge import WithoutPlans
from reconciler.app.records import Records
from reconciler.app.review import Judge, agreed
from reconciler.app.steward import Caller, Steward, actor_of, mark_of
from reconciler.core.approve import People, Somebody, recognised
from reconciler.core.chat_subjects import member_of
from reconciler.core.expiry import ended_by
from reconciler.core.load import load_environment
from reconciler.core.records.facts import override_body
from reconciler.core.removal import Removed, may_remove
from reconciler.core.review.marker import Trust
from reconciler.core.tree import files_below, find
from reconciler.errors import NotAllowedError, ReconcilerError, UsageError
from reconciler.model.approval import Given
from reconciler.model.decision import Verdict
from reconciler.model.life import Waiting
from reconciler.model.record import ApplyEnded
from reconciler.model.team import Member
from reconciler.ports import Commits, Forge, Snapshots

_DAY: Final = timedelta(days=1)
_FARTHEST: Final = 20_000
"""So many commits back a removal is looked for."""
_MOVES: Final = 20


@dataclass(frozen=True)
class Clearing:
    """Everything that telling takes."""

    git: Commits
    snapshots: Snapshots
    records: Records
    forge: Forge
    target: str
    """The target branch."""
    judge: Judge
    """By the rules of a commit, judge another one, with what was said about it."""
    trust: Callable[[int], Trust]
    """Whose word on a merge request is believed."""
    limit: int
    """So many a day are destroyed without a human."""
    _judged: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """By removing commit: by environment why not; what was judged stays so while this is here."""

    def waiting(self, law: Law, now: datetime) -> tuple[Waiting, ...]:
        """Every environment that is there without a document."""
        found = []
        for name in self._names(law):
            status = self.records.status(name)
            if _there(status):
                found.append((name, status))
        if not found:
            return ()
        places = {name: self._place(law, name, status) for name, status in found}
        removed = [self._removed(places[name], status) for name, status in found]
        may = may_remove(removed, self._destroyed(now), self.limit, now)
        return tuple(
            Waiting(name, one.commit, one.last, one.path, may[name]) for name, one in places.items()
        )

    def _names(self, law: Law) -> Iterator[str]:
        tip = self.records.tip()
        known = self.records.environments(self.records.kept(tip).tree) if tip else iter(())
        return (name for name in sorted(known) if not law.has(name))

    # -- who agreed

    def _removed(self, one: Waiting, status: Mapping[str, Any]) -> Removed:
        name, commit = one.environment, one.commit
        let = bool(commit) and (status.get("removal") or {}).get("commit") == commit
        if ended_by(status) is not None:
            return Removed(name, commit, "over", let=let)
        if not commit:
            return Removed(name, "", "not", one.why)
        try:
            why = self._why_not(one)
        except ReconcilerError as error:  # nobody is known to have agreed, so nobody has
            why = f"it cannot be told who agreed: {error.message}"
        return Removed(name, commit, "not" if why else "agreed", why, let)

    def _why_not(self, one: Waiting) -> str:
        if one.commit not in self._judged:
            self._judged[one.commit] = self._verdicts(one)
        judged = self._judged[one.commit]
        return judged.get(one.environment, judged.get("", "it was not judged"))

    def _verdicts(self, one: Waiting) -> Mapping[str, str]:
        """Why each environment of a change may not go; under no name: why none may."""
        request = self.forge.brought(one.commit)
        if request is not None and request.target == self.target and request.head:
            head = request.head
            if self.git.lies(head, one.path) is not None:
                return {"": "what was agreed to did not take it out, and the merge of it did"}
            heard, _ = agreed(self.forge, request, self.trust(request.number))
            said: Mapping[str, Given] = WithoutPlans(heard)
            where = f"merge request {request.number}"
        else:
            head, said, where = one.commit, {}, f"{one.commit[:12]}, which no merge request brought"
        with self.judge(one.last, head, said) as done:
            report = done.checked.report
        whole = [each for each in report.decisions if not each.environment]
        beside = next((each for each in whole if each.verdict is not Verdict.ALLOW), None)
        found = {"": f"{where} does not speak of it"}
        for each in report.decisions:
            if each.environment:
                bad = each if each.verdict is not Verdict.ALLOW else beside
                found[each.environment] = (
                    "" if bad is None else f"{where}: {bad.verdict}: {'; '.join(bad.reasons)}"
                )
        return found

    # -- what took it out

    def _place(self, law: Law, name: str, status: Mapping[str, Any]) -> Waiting:
        try:
            return self._taken_out(law, name, status)
        except ReconcilerError as error:
            return Waiting(name, "", "", "", f"it cannot be told what took it out: {error.message}")

    def _taken_out(self, law: Law, name: str, status: Mapping[str, Any]) -> Waiting:
        at = next(str(status[key]["commit"]) for key in ("applied", "lastApply", "applying")
                  if isinstance(status.get(key), dict) and status[key].get("commit"))  # fmt: skip
        path = _path_of(name, self.snapshots, at)
        for _ in range(_MOVES):
            commit, last = self._vanished(law.commit, path)
            moved = _path_of(name, self.snapshots, commit, otherwise="")
            if not moved:
                return Waiting(name, commit, last, path)
            path = moved
        raise ReconcilerError("moved", f"{name} was moved more than {_MOVES} times")

    def _vanished(self, tip: str, path: str) -> tuple[str, str]:
        """The newest commit of the branch that took a file out, and the one before it."""
        at = tip
        for _ in range(_FARTHEST):
            parents = self.git.commit(at).parents
            if not parents:
                break
            if self.git.lies(parents[0], path) is not None and self.git.lies(at, path) is None:
                return at, parents[0]
            at = parents[0]
        raise ReconcilerError("no-such-file", f"{path} is not in the history of {tip[:12]}")

    def _destroyed(self, now: datetime) -> Sequence[datetime]:
        """When environments were destroyed, within a day; but for those that a human let go."""
        found = []
        for kept in self.records.walk():
            record = kept.record
            at = datetime.fromisoformat(record.at)
            if at < now - _DAY:
                break
            body = record.body
            if not isinstance(body, ApplyEnded) or body.action != "destroy":
                continue
            name = record.environment or ""
            if body.result == "done" and "removal" not in self.records.status(name):
                found.append(at)
        return found


def bound(given: Given, plan: str, policies: str) -> Given:
    """What was agreed to about a removal, for the plan that destroys what was removed.

    Whoever agreed that a document goes agreed that all of it goes: there was nothing less to agree
    to. Only for what `Clearing` lets go, which held every approval to its commit and its rules.
    """
    approvals = tuple(replace(one, plan=plan, policies=policies) for one in given.approvals)
    return replace(given, approvals=approvals)


def _there(status: Mapping[str, Any]) -> bool:
    """Whether anything of it may be in the cloud."""
    last = status.get("lastApply") or {}
    gone = last.get("action") == "destroy" and last.get("result") == "done"
    return bool(status.get("applying")) or bool(status.get("applied")) or bool(last and not gone)


def _path_of(name: str, snapshots: Snapshots, commit: str, otherwise: str | None = None) -> str:
    for one in files_below(snapshots.snapshot(commit), "environments"):
        if one.name == f"{name}.yaml":
            return one.path
    if otherwise is None:
        raise ReconcilerError("no-such-file", f"{commit[:12]} has no document of {name}")
    return otherwise


# -- a human's word


def allow(
    at: Steward,
    caller: Caller,
    clearing: Clearing,
    names: Iterable[str],
    because: str,
) -> tuple[Waiting, ...]:
    """A human of the owning team says that a removal is meant, however many go with it."""
    law, now = at.law(), at.clock().replace(microsecond=0)
    waiting = {one.environment: one for one in clearing.waiting(law, now)}
    chosen = []
    for name in names:
        if name not in waiting or not waiting[name].commit:
            raise UsageError(
                "not-waiting",
                f"{name} does not wait to be destroyed",
                hint="`reconciler removal list` shows what does",
                subject=name,
            )
        chosen.append((waiting[name], _owner(at, caller, waiting[name], clearing, law)))
    for one, member in chosen:
        body = override_body("removal", one.commit, because, ())
        mark = mark_of("removal", one.environment, one.commit)
        at.record(mark, law.commit, body, actor_of(member), one.environment)
    clearing.records.store.tip(fresh=True)  # what was just written went another way
    after = {one.environment: one for one in clearing.waiting(law, now)}
    return tuple(after[one.environment] for one, _ in chosen)


def _owner(at: Steward, caller: Caller, one: Waiting, clearing: Clearing, law: Law) -> Member:
    """The person, where they are a human of the team that owned it."""
    tree = clearing.snapshots.snapshot(one.last)
    entry = find(tree, one.path)
    loaded = load_environment(tree, entry, []) if entry is not None else None
    owner = loaded.document.metadata.owner if loaded is not None else ""
    who = recognised(caller.by, caller.signed_by, People.of(law.shared, at.clock()))
    why = "" if isinstance(who, Somebody) else who
    if isinstance(who, Somebody) and who.agent:
        why = "an agent lets nothing be destroyed: ask a human"
    elif isinstance(who, Somebody) and owner not in who.teams:
        why = f"it was {owner or 'nobody'}'s: ask somebody of that team"
    if why or not isinstance(who, Somebody):
        raise NotAllowedError(
            "not-allowed",
            f"{caller.actor.name} may not let {one.environment} go: {why}",
            subject=one.environment,
        )
    return member_of(who, owner, law.shared)
