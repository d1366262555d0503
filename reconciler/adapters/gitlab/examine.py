"""How a project on GitLab is set up: what holds, what does not, and what to do about it.

GitLab's own gates are advice to people; what is applied rests on what we check ourselves. They
still keep people from merging what would then be refused.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final, Protocol

from reconciler.adapters.gitlab.client import Client, RefusedError
from reconciler.adapters.gitlab.protection import (
    DEVELOPER,
    MAINTAINER,
    PROTECT,
    ROLES,
    bad,
    good,
    pattern,
    records_rule,
    target_rule,
    unclear,
)
from reconciler.core.records.words import line
from reconciler.model.merge_request import Advice, Tier

_OUTSIDE: Final = re.compile(r"(?P<file>[^@]+)@(?P<project>[^:@]+)(?::(?P<ref>.+))?")
_OLDEST: Final = 16
_PREMIUM: Final = frozenset({"approvals_before_merge", "merge_requests_template"})
_SKEW: Final = 60.0
_MERGES: Final = "Settings > Merge requests"

Now = Callable[[], datetime]


class Judge(Protocol):
    """What a rule of a protected branch comes to."""

    def __call__(self, name: str, rule: dict[str, Any], *, paid: bool) -> Iterator[Advice]: ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Examination:
    """One look at one project. What we may not see is told as such."""

    client: Client
    accounts: frozenset[int] = frozenset()
    """Those that speak for us, by the settings."""
    now: Now = _utc_now

    def everything(self, target: str, records: str) -> Iterator[Advice]:
        """All of it, in the order in which it matters. A token that is no good ends it."""
        user = self._who()
        yield from self._server()
        yield from self._account(user)
        yield self._clock()
        yield self._tier_advice()
        yield self._default(target)
        yield from self._branch(target, target_rule)
        yield from self._branch(records, records_rule)
        yield self._pipelines()
        yield self._configuration()
        yield from self._approvals()
        yield self._checks()

    # ------------------------------------------------------------------ server and account

    def _who(self) -> dict[str, Any]:
        with self.client.about("who we are"):
            return self.client.one("/user")

    def _asked(self, path: str) -> Any:
        """What is there; a number: how it was refused."""
        try:
            return self.client.get(path)
        except RefusedError as err:
            return err.status

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        found = self._asked("/metadata")
        return found if isinstance(found, dict) else {}

    @cached_property
    def _project(self) -> dict[str, Any]:
        with self.client.about("the project", self.client.no_project()):
            return self.client.one(self.client.below())

    def _server(self) -> Iterator[Advice]:
        version = str(self._metadata.get("version") or "")
        if not version:
            yield unclear("server", f"{self.client.host} does not tell its version")
            return
        old = re.match(r"\d+", version)
        told = f"{self.client.host} is GitLab {line(version, 40)}"
        if old is not None and int(old[0]) >= _OLDEST:
            yield good("server", told)
        else:
            hint = f"upgrade GitLab: what we rely on is known of {_OLDEST} and newer"
            yield bad("server", told, hint)

    def _account(self, user: dict[str, Any]) -> Iterator[Advice]:
        name = line(str(user.get("username")), 80)
        level = self._level(user)
        role = ROLES.get(level, str(level))
        told = f"`{name}` (id {user.get('id')}) is {role}"
        if level >= MAINTAINER:
            yield good("account", told)
        elif level >= DEVELOPER:
            yield unclear(
                "account",
                f"{told}: it cannot see how branches are protected",
                "enough to write notes; to merge into a protected branch and to examine this, it"
                " has to be Maintainer",
            )
        else:
            yield bad("account", told, "give the account of the token the role Developer at least")
        if self.accounts:
            yield self._among(user)
        if user.get("is_admin"):
            yield bad(
                "administrator",
                f"`{name}` is an administrator of the whole GitLab",
                "take an account that is a member of this project only: a bot with less rights"
                " loses less",
            )
        yield self._token()

    def _among(self, user: dict[str, Any]) -> Advice:
        """Of those that speak for us, each has to know of the others."""
        if user.get("id") in self.accounts:
            return good("accounts", "it is one of `spec.forge.accounts`")
        return bad(
            "accounts",
            "it is none of `spec.forge.accounts`: what it shows is not believed by the others, and"
            " they say it again in a note of their own",
            f"add {user.get('id')} to `spec.forge.accounts` of reconciler.yaml, or take the token"
            " of one of them",
        )

    def _level(self, user: dict[str, Any]) -> int:
        """The highest role, by the project or its groups."""
        given = self._project.get("permissions") or {}
        levels = [
            int(one["access_level"])
            for one in (given.get("project_access"), given.get("group_access"))
            if isinstance(one, dict) and isinstance(one.get("access_level"), int)
        ]
        member = self._asked(self.client.below("members", "all", user.get("id")))
        if isinstance(member, dict) and isinstance(member.get("access_level"), int):
            levels.append(member["access_level"])
        return max(levels, default=0)

    def _token(self) -> Advice:
        found = self._asked("/personal_access_tokens/self")
        if not isinstance(found, dict):
            return unclear("token", "GitLab does not tell what the token may do")
        scopes = sorted(str(one) for one in found.get("scopes") or ())
        ends = found.get("expires_at")
        told = f"it has {', '.join(scopes) or 'no scope'}" + (f", until {ends}" if ends else "")
        if "api" in scopes:
            return good("token", line(told, 200))
        return bad(
            "token",
            line(told, 200),
            "make one with the scope `api`: notes, statuses and merging need it",
        )

    def _clock(self) -> Advice:
        """Approvals are compared by time, and one of the future does not count."""
        try:
            theirs = parsedate_to_datetime(self.client.date)
        except (TypeError, ValueError):
            return unclear("clock", "GitLab does not tell what time it is there")
        off = (theirs - self.now()).total_seconds()
        if abs(off) <= _SKEW:
            return good("clock", "GitLab's clock and this machine's agree")
        way = "ahead of" if off > 0 else "behind"
        return bad(
            "clock",
            f"GitLab's clock is {abs(off) / 60:.0f} min {way} this machine's",
            "set the clock that is wrong (NTP): approvals from the future do not count",
        )

    # ---------------------------------------------------------------------------- tier

    @cached_property
    def tier(self) -> tuple[Tier, str]:
        """What it offers, and how we know: the licence is shown to administrators only."""
        # Each is a field that GitLab shows of a project to every role, where the licence has it.
        if "only_allow_merge_if_all_status_checks_passed" in self._project:
            return Tier.ULTIMATE, "the project has external status checks"
        if _PREMIUM & self._project.keys():
            return Tier.PREMIUM, "the project has approval rules, and no external status checks"
        if "enterprise" not in self._metadata:
            return Tier.UNKNOWN, "GitLab does not tell which edition it is"
        edition = "Enterprise" if self._metadata["enterprise"] else "Community"
        return Tier.FREE, f"the project has no approval rules ({edition} Edition)"

    def _tier_advice(self) -> Advice:
        tier, why = self.tier
        if tier is Tier.UNKNOWN:
            return unclear("tier", why)
        return good("tier", f"{tier}: {why}")

    @property
    def _paid(self) -> bool:
        return self.tier[0] in (Tier.PREMIUM, Tier.ULTIMATE)

    # ------------------------------------------------------------------------- branches

    def _default(self, target: str) -> Advice:
        found = str(self._project.get("default_branch") or "")
        if found == target:
            return good("default branch", f"`{target}` is the default branch")
        return bad(
            "default branch",
            f"the default branch is `{line(found, 100)}`, and what is applied is `{target}`",
            "merge requests would go elsewhere: make them the same in Settings > Repository, or"
            " correct `spec.branches.target`",
        )

    @cached_property
    def _rules(self) -> list[dict[str, Any]] | int:
        try:
            return list(self.client.rows(self.client.below("protected_branches")))
        except RefusedError as err:
            return err.status

    def _branch(self, name: str, judge: Judge) -> Iterator[Advice]:
        what = f"branch {name}"
        rules = self._rules
        if isinstance(rules, int):
            yield self._unseen(name, what)
            return
        found = [one for one in rules if fnmatchcase(name, pattern(str(one.get("name"))))]
        if not found:
            yield bad(
                what,
                f"`{name}` is not protected: whoever may push can change it past every gate",
                f"protect it in {PROTECT}",
            )
        for rule in found:  # with several, the most generous one counts
            yield from judge(name, rule, paid=self._paid)

    def _unseen(self, name: str, what: str) -> Advice:
        """Whether at all, at least."""
        found = self._asked(self.client.below("repository", "branches", name))
        if not isinstance(found, dict):
            return unclear(what, f"we may not see whether `{name}` is protected")
        if not found.get("protected"):
            return bad(what, f"`{name}` is not protected", f"protect it in {PROTECT}")
        if found.get("developers_can_push"):
            told = f"`{name}` is protected, and every Developer may push to it"
            return bad(what, told, f"let nobody push in {PROTECT}")
        return unclear(
            what,
            f"`{name}` is protected; against whom we may not see",
            "make the account of the token a Maintainer to see more",
        )

    # ---------------------------------------------------------------- pipelines and rules

    def _pipelines(self) -> Advice:
        what = "pipelines must succeed"
        must = self._project.get("only_allow_merge_if_pipeline_succeeds")
        if must is None:
            return unclear(what, "we may not see whether pipelines must succeed")
        if not must:
            return bad(
                what,
                "a merge request can be merged though its pipeline failed",
                f"in {_MERGES}, tick `Pipelines must succeed`",
            )
        if self._project.get("allow_merge_on_skipped_pipeline"):
            return bad(
                what,
                "a skipped pipeline counts as a good one: `[skip ci]` gets around it",
                f"in {_MERGES}, clear `Skipped pipelines are considered successful`",
            )
        return good(what, "they must, and a skipped one does not count")

    def _configuration(self) -> Advice:
        what = "pipeline's configuration"
        if "ci_config_path" not in self._project:
            return unclear(what, "we may not see where the pipeline's configuration is")
        path = str(self._project.get("ci_config_path") or ".gitlab-ci.yml")
        found = _OUTSIDE.fullmatch(path)
        if found is None:
            return bad(
                what,
                f"it is `{line(path, 120)}` of the same project: a merge request can change what"
                " checks it",
                "in Settings > CI/CD > General pipelines, name a file of a protected project:"
                " `reconciler.yml@group/pipelines:main`. An `include:` protects nothing",
            )
        if not found["ref"]:
            return bad(
                what,
                f"`{line(path, 120)}` names no branch of that project",
                "name a protected one: `...:main`",
            )
        return good(what, f"it is `{line(path, 120)}`, out of a merge request's reach")

    def _approvals(self) -> Iterator[Advice]:
        what = "approval rules"
        if not self._paid:
            if self.tier[0] is Tier.FREE:
                yield unclear(
                    what,
                    "Free has none: approvals are signals, and we count them ourselves",
                    "nothing to do; with Premium GitLab itself would hold back what lacks one",
                )
            return
        rules = self._asked(self.client.below("approval_rules"))
        count = len(rules) if isinstance(rules, list) else 0
        if not count:
            hint = f"add one in {_MERGES}: without any GitLab calls everything approved"
            yield bad(what, "there is none", hint)
        else:
            yield good(what, f"there are {count}" if count > 1 else "there is one")
        own = self._asked(self.client.below("merge_request_approval_setting"))
        if not isinstance(own, dict):
            yield unclear("approval settings", "we may not see them")
            return
        yield _setting(
            "approval by the author",
            "the author's approval",
            "`Prevent approval by merge request creator`",
            counts=_allowed(own, "allow_author_approval"),
        )
        yield _setting(
            "approval by committers",
            "the approval of who wrote a commit of it",
            "`Prevent approvals by users who add commits`",
            counts=_allowed(own, "allow_committer_approval"),
        )
        yield _setting(
            "approvals after a push",
            "an approval of what was there before a push",
            "`Remove all approvals` when a commit is added",
            counts=_allowed(own, "retain_approvals_on_push"),
        )

    def _checks(self) -> Advice:
        tier = self.tier[0]
        what = "external status checks"
        if tier is Tier.ULTIMATE:
            return unclear(
                what, "there are some; any Developer can answer them, so they only signal"
            )
        return unclear(
            what,
            f"{'this GitLab' if tier is Tier.UNKNOWN else tier} has none;"
            " pipeline execution policies and security widgets need Ultimate, too",
        )


def _setting(what: str, whose: str, tick: str, *, counts: bool) -> Advice:
    if not counts:
        return good(what, f"GitLab does not count {whose}")
    return bad(
        what,
        f"GitLab counts {whose}; we do not",
        f"in {_MERGES}, tick {tick}, so that its page tells the same",
    )


def _allowed(own: dict[str, Any], name: str) -> bool:
    """What is not told is taken to be allowed."""
    found = own.get(name)
    return not isinstance(found, dict) or found.get("value") is not False
