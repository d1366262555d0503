"""Leases as refs: `refs/reconciler/leases/NAME`, moved only from where it was.

Nobody wants to know how often a lease was renewed. One that was given back has no ref.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from threading import RLock
from typing import Final

from reconciler.adapters.document_refs import DocumentRefs
from reconciler.adapters.git import open_repository
from reconciler.adapters.git_remote import Credentials
from reconciler.adapters.processes import has_ended, machine, uptime
from reconciler.core.git_objects import BadObject, Who
from reconciler.core.lease import environment_named, lease_bytes, mark, read_lease, unreadable
from reconciler.errors import TransientError, UsageError
from reconciler.model.author import Author
from reconciler.model.lease import Lease
from reconciler.ports import Memory

_NOUN: Final = "leases"
_DOCUMENT: Final = b"lease.json"
_LOOKS: Final = 10


class LeaseRefs:
    """The leases of one repository: of the one here, or of a remote of it."""

    def __init__(
        self,
        home: Path,
        remote: str,
        credentials: Credentials | None,
        me: Author,
        seen: Callable[[str], Memory],
        *,
        simulated: bool = False,
    ) -> None:
        """`seen`: what this machine remembers of an environment's lease."""
        self._refs = DocumentRefs(home, remote, credentials, _NOUN, _DOCUMENT)
        self._repository = open_repository(home)
        self._me = me
        self._seen = seen
        self._root = f"refs/reconciler/leases{'-sandbox' if simulated else ''}/"
        self._known: dict[str, Lease] = {}
        self._alone = RLock()

    def all(self) -> Mapping[str, Lease]:
        """Every one that has a ref."""
        with self._alone:
            tips = self._tips(self._root)
            found = {name: self._lease(name, tip) for name, tip in tips.items()}
            self._known = {tips[name]: lease for name, lease in found.items()}
            return found

    def read(self, environment: str) -> tuple[str, Lease | None]:
        """Where one is, and what stands there."""
        with self._alone:
            tip = self._tips(self._ref(environment)).get(environment, "")
            return tip, self._lease(environment, tip) if tip else None

    def put(self, environment: str, old: str, lease: Lease) -> str:
        """Write one where the ref is still there."""
        ref = self._ref(environment)
        who = Who(self._me.name, self._me.email, int(lease.beat.timestamp()))
        words = f"{environment} is held by {lease.holder}\n\n{lease.reason}\n"
        with self._alone:
            return self._refs.put(ref, old, lease_bytes(lease), who, words)

    def remove(self, environment: str, old: str) -> bool:
        """Take one away where the ref is still there."""
        with self._alone:
            return self._refs.refs.replace(self._ref(environment), old, "")

    def stood(self, lease: Lease) -> timedelta:
        """For how long it was seen to stand so: remembered on the disk, until the machine ends."""
        memory, now, there = self._seen(lease.environment), uptime(), mark(lease)
        boot, _, rest = memory.get().partition(" ")
        since, _, known = rest.partition(" ")
        if machine() and boot == machine() and known == there and since.isdigit():
            return timedelta(seconds=max(0.0, now - int(since)))
        memory.put(f"{machine()} {int(now) + 1} {there}")
        return timedelta()

    def gone(self, lease: Lease) -> bool:
        """Whether its holder was a process of this machine, and is no more."""
        return has_ended(lease.holder)

    def uptime(self) -> float:
        """Seconds since the machine was started."""
        return uptime()

    def _ref(self, environment: str) -> str:
        if not environment_named(environment):
            raise UsageError("no-environment", f"{environment!a} is no name of an environment")
        return self._root + environment

    def _tips(self, prefix: str) -> Mapping[str, str]:
        """Where they are; what a server has is here then. It is kept nowhere: git tidies it away.

        One that was moved before it was fetched is at the server no more: looked at again.
        """
        before: dict[str, str] = {}
        failed: TransientError | None = None
        for _ in range(_LOOKS):
            tips = {
                name: tip
                for ref, tip in self._refs.refs.tips(prefix).items()
                if environment_named(name := ref.removeprefix(self._root))
            }
            lacking = [
                self._root + name
                for name, tip in tips.items()
                if tip not in self._known and tip not in self._repository
            ]
            if self._refs.server is None or not lacking:
                return tips
            if failed is not None and tips == before:
                raise failed
            before, failed = tips, None
            try:
                self._refs.server.fetch(*lacking)
            except TransientError as err:
                failed = err
        return before

    def _lease(self, environment: str, tip: str) -> Lease:
        known = self._known.get(tip)
        if known is not None:
            return known
        try:
            return read_lease(environment, self._refs.read(tip), tip)
        except (LookupError, BadObject):
            return unreadable(environment, tip)
