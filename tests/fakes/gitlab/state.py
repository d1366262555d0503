"""What the fake GitLab knows: people, one project, its merge requests. Its repository is real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from tests.fakes.gitlab.faults import Faults
from tests.fakes.gitlab.git import Git
from tests.fakes.gitlab.webhooks import Hooks

GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50
Tier = Literal["Free", "Premium", "Ultimate"]
_MOMENT = timedelta(milliseconds=1)


@dataclass
class User:
    id: int
    username: str
    name: str
    level: int
    token: str
    scopes: tuple[str, ...] = ("api",)
    admin: bool = False
    revoked: bool = False
    email: str = ""


@dataclass
class Note:
    id: int
    author: User
    body: str
    created: datetime
    updated: datetime
    system: bool = False
    position: dict[str, Any] | None = None


@dataclass
class Discussion:
    id: str
    notes: list[Note]
    individual: bool = False
    """A note by itself: there is nothing to resolve."""
    resolved: bool = False
    resolved_by: User | None = None


@dataclass
class Version:
    """What a push to a merge request leaves behind."""

    id: int
    head: str
    base: str
    start: str
    created: datetime


@dataclass
class Agreed:
    user: User
    at: datetime
    patch: str


@dataclass
class CommitStatus:
    id: int
    name: str
    status: str
    sha: str
    description: str
    target_url: str | None
    author: User
    created: datetime
    pipeline: int
    retried: bool = False


@dataclass
class Pipeline:
    id: int
    sha: str
    ref: str
    status: str
    source: str
    created: datetime
    head: str = ""
    """The merge request's last commit that it is about; merged results have another `sha`."""
    jobs: tuple[str, ...] = ()
    """Names of CI jobs, which no status may have."""


@dataclass
class Merge:
    """A merge request."""

    iid: int
    title: str
    description: str
    author: User
    source: str
    target: str
    created: datetime
    updated: datetime
    fork: Git | None = None
    fork_id: int | None = None
    state: str = "opened"
    labels: list[str] = field(default_factory=list)
    reviewers: list[User] = field(default_factory=list)
    head: str = ""
    status: str = "preparing"
    """What is known of whether it can be merged; found out later, and by somebody else."""
    versions: list[Version] = field(default_factory=list)
    discussions: list[Discussion] = field(default_factory=list)
    agreed: dict[int, Agreed] = field(default_factory=dict)
    pipelines: list[Pipeline] = field(default_factory=list)
    merge_commit: str | None = None
    squash_commit: str | None = None
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    merge_error: str | None = None

    @property
    def head_pipeline(self) -> Pipeline | None:
        """The newest one, which may be about an older commit until the next one begins."""
        return self.pipelines[0] if self.pipelines else None

    @property
    def draft(self) -> bool:
        return self.title.lower().startswith(("draft:", "[draft]", "(draft)"))


@dataclass
class Deployment:
    id: int
    environment: str
    sha: str
    ref: str
    status: str
    user: User
    created: datetime
    updated: datetime


@dataclass
class Environment:
    id: int
    name: str
    tier: str
    created: datetime


@dataclass
class Settings:
    """The project's own."""

    path: str = "acme/environments"
    id: int = 7
    default_branch: str = "main"
    merge_method: str = "merge"
    squash: bool = False
    pipeline_must_succeed: bool = False
    skipped_is_success: bool = False
    discussions_must_be_resolved: bool = False
    ci_config_path: str | None = None
    author_may_approve: bool = True
    committers_may_approve: bool = True
    keeps_approvals_on_push: bool = False
    approval_rules: list[dict[str, Any]] = field(default_factory=list)
    protected: dict[str, dict[str, Any]] = field(default_factory=dict)
    pipelines: bool = False
    """Whether a push starts a pipeline of the merge request."""
    merged_results: bool = False
    ci_jobs: tuple[str, ...] = ()


class Lab:
    """A GitLab with one project. Whoever touches it holds `lock`."""

    def __init__(self, repository: Path, tier: Tier = "Free", version: str = "18.9.0") -> None:
        self.lock = threading.RLock()
        self.git = Git(repository)
        self.tier = tier
        self.version = version
        self.url = "http://gitlab.invalid"
        self.project = Settings()
        self.users: dict[int, User] = {}
        self.merges: dict[int, Merge] = {}
        self.environments: list[Environment] = []
        self.deployments: list[Deployment] = []
        self.statuses: list[CommitStatus] = []
        self.pipelines: dict[int, Pipeline] = {}
        self.faults = Faults()
        self.hooks = Hooks()
        self.asked: list[tuple[str, str]] = []
        """Every request: method and path with query."""
        self.commands: list[tuple[str, str]] = []
        """Quick actions that somebody's text made GitLab do: who, and what."""
        self.skew = timedelta()
        """How wrong its clock is."""
        self.patience = 1
        """How many more requests are answered before what was put off is done."""
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._last = datetime.min.replace(tzinfo=UTC)
        self._number = 100

    # ------------------------------------------------------------------ time and numbers

    def now(self) -> datetime:
        """GitLab's time, to the millisecond; no two things happen in the same one."""
        now = datetime.now(UTC) + self.skew
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._last = max(now, self._last + _MOMENT) if self.skew >= timedelta() else now
        return self._last

    def number(self) -> int:
        self._number += 1
        return self._number

    def later(self, job: Callable[[], None]) -> None:
        """What Sidekiq does, some time."""
        self._waiting.append((self.patience, job))

    def turn(self) -> None:
        """One more request was answered."""
        waiting, self._waiting = self._waiting, []
        for left, job in waiting:
            if left > 0:
                self._waiting.append((left - 1, job))
            else:
                job()

    def settle(self) -> None:
        """Everything that was put off is done."""
        with self.lock:
            self.notice()
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                for _, job in waiting:
                    job()

    # ----------------------------------------------------------------------------- people

    def user(self, username: str, level: int = DEVELOPER, **more: Any) -> User:
        """Somebody new, with a token made of the name."""
        with self.lock:
            one = User(self.number(), username, username.title(), level, f"glpat-{username}")
            for name, value in more.items():
                setattr(one, name, value)
            self.users[one.id] = one
            return one

    def holder(self, token: str) -> User | None:
        found = (one for one in self.users.values() if one.token == token and not one.revoked)
        return next(found, None) if token else None

    # --------------------------------------------------------------------- merge requests

    def open_merges(self) -> Iterator[Merge]:
        return (one for one in self.merges.values() if one.state == "opened")

    def opened(
        self,
        author: User,
        source: str,
        target: str = "main",
        title: str = "A change",
        fork: Path | None = None,
        **more: Any,
    ) -> Merge:
        """A merge request, opened as its author would."""
        with self.lock:
            now = self.now()
            iid = max(self.merges, default=0) + 1
            one = Merge(iid, title, more.pop("description", ""), author, source, target, now, now)
            for name, value in more.items():
                setattr(one, name, value)
            if fork is not None:
                one.fork, one.fork_id = Git(fork), self.number()
            self.merges[iid] = one
            self._look(one)
            one.status = "preparing"

            def prepared() -> None:
                one.status = "unchecked"

            self.later(prepared)
            self.hooks.event(self, "merge_request", one, "open")
            return one

    def notice(self) -> None:
        """What was pushed since: GitLab hears of it by a hook in its repository."""
        for one in list(self.open_merges()):
            self._look(one)

    def look(self, iid: int) -> None:
        """The same for one."""
        one = self.merges.get(iid)
        if one is not None and one.state == "opened":
            self._look(one)

    def _look(self, one: Merge) -> None:
        tip = (one.fork or self.git).tip(one.source)
        if not tip or tip == one.head:
            return
        if one.fork is not None:
            self.git.take(one.fork, one.source, f"refs/merge-requests/{one.iid}/head")
        old, one.head = one.head, tip
        self.git.point(f"refs/merge-requests/{one.iid}/head", tip)
        target = self.git.tip(one.target)
        base = self.git.base(target, tip)
        version = Version(self.number(), tip, base, target, self.now())
        one.versions.insert(0, version)
        one.updated = version.created
        one.status = "unchecked"
        if self.project.pipelines:
            self.start(one)
        if old:
            self.later(lambda: self._forget(one, tip))
            self.hooks.event(self, "merge_request", one, "update", oldrev=old)

    def _forget(self, one: Merge, tip: str) -> None:
        """Approvals of another patch go; those of the same one stay."""
        if self.project.keeps_approvals_on_push or one.head != tip:
            return
        patch = self.git.patch(one.versions[0].base, tip)
        one.agreed = {id_: agreed for id_, agreed in one.agreed.items() if agreed.patch == patch}

    def start(self, one: Merge, source: str = "merge_request_event") -> Pipeline:
        """A new pipeline of a merge request."""
        sha, ref = one.head, f"refs/merge-requests/{one.iid}/head"
        if self.project.merged_results:
            merged = self.git.merged_tree(self.git.tip(one.target), one.head)
            if isinstance(merged, str):
                sha = self.git.commit(merged, [self.git.tip(one.target), one.head], "Merge", None)
                ref = f"refs/merge-requests/{one.iid}/merge"
                self.git.point(ref, sha)
        made = Pipeline(
            self.number(), sha, ref, "running", source, self.now(), one.head, self.project.ci_jobs
        )
        one.pipelines.insert(0, made)
        self.pipelines[made.id] = made
        return made

    def approved(self, one: Merge, user: User) -> None:
        """Somebody agrees, on the page."""
        with self.lock:
            self.look(one.iid)
            patch = self.git.patch(one.versions[0].base, one.head)
            one.agreed[user.id] = Agreed(user, self.now(), patch)

    def said(self, one: Merge, user: User, body: str) -> Discussion:
        """Somebody says something, on the page."""
        with self.lock:
            now = self.now()
            made = Discussion(
                f"{self.number():040x}",
                [Note(self.number(), user, body, now, now)],
                individual=True,
            )
            one.discussions.append(made)
            one.updated = now
            self.hooks.event(self, "note", one, "create", note=made.notes[0])
            return made
