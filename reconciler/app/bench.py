"""What judges records: the documents of commits, as this clone has them, each read once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Final

from reconciler.core.approve import People, agreement, key_fingerprint
from reconciler.core.authority import is_stopped
from reconciler.core.decide import standing_still
from reconciler.core.git_objects import RawCommit
from reconciler.core.load import lazy_shared
from reconciler.core.records.decision import agreed_of, asked_of, needs_of
from reconciler.core.records.verify import Doer
from reconciler.core.ssh_signature import BadSignature
from reconciler.errors import ReconcilerError
from reconciler.model.base import parse_start
from reconciler.model.desired import Shared
from reconciler.model.record import DecisionBody
from reconciler.ports import Snapshots, Verify

JUDGING: Final = ("policies", "profiles", "templates", "reconciler.yaml")
"""What judges, at the root of the repository."""
_KEPT: Final = 64
_Known = tuple[str, int | None]
"""An address and an id at the forge."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Fingerprints of keys, and whose they are."""

    writers: frozenset[str]
    people: Mapping[str, Collection[_Known]]
    agents: Mapping[str, Collection[_Known]]


class Bench:
    """The documents of a clone."""

    def __init__(self, commits: Snapshots, target: str, verify: Verify) -> None:
        self._commits = commits
        self.target = target
        self._verify = verify
        self.follows = lru_cache(None)(self._follows)
        self.trees = lru_cache(None)(self._trees)
        self._known: dict[tuple[str, frozenset[str]], People] = {}
        self._loaded: dict[tuple[tuple[str, str], ...], Shared] = {}
        self.must_sign = lru_cache(None)(self._must_sign)
        self._keys = lru_cache(64)(self._load_keys)

    def signed_by(self, raw: RawCommit) -> str:
        """The key of a good signature."""
        if not raw.signature:
            return ""
        try:
            return self._verify(raw.signed, raw.signature).fingerprint
        except BadSignature as err:
            raise ValueError(str(err)) from err

    def signer(self, commit: str, key: str, doer: Doer) -> bool:
        """Whether that key may write records of that person."""
        keys = self._keys(commit)
        known = {"agent": keys.agents, "human": keys.people}.get(doer.kind, {})
        return key in keys.writers or any(
            email == doer.email.lower() and doer.forge_id in (None, forge_id)
            for email, forge_id in known.get(key, ())
        )

    def known(self, key: str) -> bool:
        """Whether the target branch still names a key."""
        keys = self._keys(self.target)
        return key in keys.writers or key in keys.people or key in keys.agents

    def anchors(self, commit: str, key: str) -> bool:
        """Whether whoever has that key may say how far the history has come."""
        keys = self._keys(commit)
        return key in keys.writers or key in keys.people

    def _must_sign(self, commit: str) -> bool:
        """Whether every record has to be signed."""
        settings = self._shared(commit).settings
        return settings is not None and settings.document.spec.records.signed

    def human(self, commit: str, doer: Doer) -> bool:
        """Whether somebody is a person of a team."""
        shared, email = self._shared(commit), doer.email.lower()
        if doer.kind != "human" or doer.agent:
            return False
        if any(one.document.spec.identity.email.lower() == email for one in shared.agents.values()):
            return False
        return any(
            member.email.lower() == email and doer.forge_id in (None, member.forge_id)
            for team in shared.teams.values()
            for member in team.document.spec.members
        )

    def frozen(self, commit: str, environment: str, track: str, at: int) -> str:
        """Why an environment stood still at a time."""
        shared = self._shared(commit)
        if not shared.freezes:
            return ""
        freezes = (one.document for one in shared.freezes.values())
        when = datetime.fromtimestamp(at, UTC)
        still = standing_still(freezes, environment, {track}, when)
        return next((one.spec.reason for one in still), "")

    def disagreement(self, decision: DecisionBody) -> str:
        """Why what was agreed does not suffice."""
        needs = needs_of(decision)
        if not needs:
            return ""
        asked = asked_of(decision)
        people = self._people(decision.target, asked.now)
        found = agreement(needs, agreed_of(decision), asked, people)
        for one in found.disregarded:
            return f"the approval of {one.approval.by.name} does not count: {one.why}"
        for need in found.missing:
            return f"{need.count} approval of {', '.join(need.teams)} is missing: {need.why}"
        return ""

    def unwaived(self, decision: DecisionBody) -> str:
        """Why a waiver that it names excepts nothing."""
        named = {
            (str(one["waivedBy"]), str(one["rule"]))
            for one in decision.decision["findings"]
            if one.get("waivedBy")
        }
        if not named:
            return ""
        waivers, now = self._shared(decision.target).waivers, parse_start(decision.now)
        for name, rule in sorted(named):
            waiver = waivers.get(name)
            if waiver is None or waiver.document.spec.rule != rule:
                return f"there was no waiver {name} for {rule}"
            if waiver.document.spec.expires < now:
                return f"the waiver {name} had come to its end"
        return ""

    def _people(self, commit: str, now: datetime) -> People:
        """Everybody, as they were then: only whether an agent is stopped changes by the hour."""
        shared = self._shared(commit)
        freezes = shared.freezes.values()
        stopped = frozenset(
            name for name, one in shared.agents.items() if is_stopped(one.document, freezes, now)
        )
        if (commit, stopped) not in self._known:
            self._known[commit, stopped] = People.of(shared, now)
        return self._known[commit, stopped]

    def on_target(self, commit: str) -> bool:
        """Whether the target branch has the commit behind it."""
        return commit in self._behind

    @cached_property
    def _behind(self) -> frozenset[str]:
        return self._commits.behind(self.target)

    def _follows(self, later: str, earlier: str) -> bool:
        if later == earlier:
            return True
        try:
            return self._commits.began(later, earlier) == earlier
        except ReconcilerError:
            return False

    def _trees(self, commit: str) -> Mapping[str, str]:
        return trees_of(self._commits, commit)

    def _shared(self, commit: str) -> Shared:
        """The documents of a commit. Many commits have the same ones, which are read once."""
        key = tuple(sorted(self.trees(commit).items()))
        if key not in self._loaded:
            while len(self._loaded) >= _KEPT:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[key] = lazy_shared(self._commits.snapshot(commit))
        return self._loaded[key]

    def _load_keys(self, commit: str) -> _Keys:
        shared = self._shared(commit)
        settings = shared.settings
        writers = settings.document.spec.records.writers if settings else ()
        people: dict[str, set[_Known]] = {}
        agents: dict[str, set[_Known]] = {}
        for team in shared.teams.values():
            for member in team.document.spec.members:
                for key in member.keys:
                    known = (member.email.lower(), member.forge_id)
                    people.setdefault(key_fingerprint(key), set()).add(known)
        for agent in shared.agents.values():
            identity = agent.document.spec.identity
            for key in identity.keys:
                known = (identity.email.lower(), identity.forge_id)
                agents.setdefault(key_fingerprint(key), set()).add(known)
        return _Keys(
            frozenset(key_fingerprint(key) for writer in writers for key in writer.keys),
            people,
            agents,
        )


def trees_of(commits: Snapshots, commit: str) -> dict[str, str]:
    """The object ids of everything that judges; none when the commit is not here."""
    try:
        entries = commits.snapshot(commit).children(None)
    except ReconcilerError:
        return {}
    return {entry.path: entry.oid for entry in entries if entry.path in JUDGING}
