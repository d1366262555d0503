"""What judges records: the documents of commits, as this clone has them, each read once."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from reconciler.core.approve import People, agreement, key_fingerprint
from reconciler.core.decide import standing_still
from reconciler.core.git_objects import RawCommit
from reconciler.core.load import lazy_shared
from reconciler.core.records.decision import agreed_of, asked_of, needs_of
from reconciler.core.ssh_signature import BadSignature
from reconciler.errors import ReconcilerError
from reconciler.model.base import parse_start
from reconciler.model.desired import Shared
from reconciler.model.record import Actor, DecisionBody
from reconciler.ports import Snapshots, Verify

JUDGING: Final = ("policies", "profiles", "templates", "reconciler.yaml")
"""What judges, at the root of the repository."""


class Bench:
    """The documents of a clone."""

    def __init__(self, commits: Snapshots, target: str, verify: Verify) -> None:
        self._commits = commits
        self._target = target
        self._verify = verify
        self.on_target = lru_cache(None)(self._on_target)
        self.follows = lru_cache(None)(self._follows)
        self.trees = lru_cache(None)(self._trees)
        self._shared = lru_cache(64)(self._load)
        self._keys = lru_cache(64)(self._load_keys)

    def signed_by(self, raw: RawCommit) -> str:
        """The key of a good signature."""
        if not raw.signature:
            return ""
        try:
            return self._verify(raw.signed, raw.signature).fingerprint
        except BadSignature as err:
            raise ValueError(str(err)) from err

    def signer(self, commit: str, key: str, actor: Actor) -> bool:
        """Whether that key may write records of that person."""
        writers, people = self._keys(commit)
        return key in writers or actor.email.lower() in people.get(key, ())

    def must_sign(self, commit: str) -> bool:
        """Whether every record has to be signed."""
        settings = self._shared(commit).settings
        return settings is not None and settings.document.spec.records.signed

    def human(self, commit: str, actor: Actor) -> bool:
        """Whether somebody is a person of a team."""
        return any(
            member.email.lower() == actor.email.lower()
            for team in self._shared(commit).teams.values()
            for member in team.document.spec.members
        )

    def frozen(self, commit: str, environment: str, track: str, at: str) -> str:
        """Why an environment stood still at a time."""
        freezes = (one.document for one in self._shared(commit).freezes.values())
        still = standing_still(freezes, environment, {track}, parse_start(at))
        return next((one.spec.reason for one in still), "")

    def disagreement(self, decision: DecisionBody) -> str:
        """Why what was agreed does not suffice."""
        needs = needs_of(decision)
        if not needs:
            return ""
        asked = asked_of(decision)
        people = People.of(self._shared(decision.target), asked.now)
        found = agreement(needs, agreed_of(decision), asked, people)
        for one in found.disregarded:
            return f"the approval of {one.approval.by.name} does not count: {one.why}"
        for need in found.missing:
            return f"{need.count} approval of {', '.join(need.teams)} is missing: {need.why}"
        return ""

    def _on_target(self, commit: str) -> bool:
        return self._follows(self._target, commit)

    def _follows(self, later: str, earlier: str) -> bool:
        if later == earlier:
            return True
        try:
            return self._commits.began(later, earlier) == earlier
        except ReconcilerError:
            return False

    def _trees(self, commit: str) -> Mapping[str, str]:
        return trees_of(self._commits, commit)

    def _load(self, commit: str) -> Shared:
        return lazy_shared(self._commits.snapshot(commit))

    def _load_keys(self, commit: str) -> tuple[frozenset[str], Mapping[str, frozenset[str]]]:
        shared = self._shared(commit)
        settings = shared.settings
        writers = settings.document.spec.records.writers if settings else ()
        people: dict[str, set[str]] = {}
        for team in shared.teams.values():
            for member in team.document.spec.members:
                for key in member.keys:
                    people.setdefault(key_fingerprint(key), set()).add(member.email.lower())
        return (
            frozenset(key_fingerprint(key) for writer in writers for key in writer.keys),
            {key: frozenset(emails) for key, emails in people.items()},
        )


def trees_of(commits: Snapshots, commit: str) -> dict[str, str]:
    """The object ids of everything that judges; none when the commit is not here."""
    try:
        entries = commits.snapshot(commit).children(None)
    except ReconcilerError:
        return {}
    return {entry.path: entry.oid for entry in entries if entry.path in JUDGING}
