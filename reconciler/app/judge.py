"""The static gates, asked about rendered environments: policies and Checkov.

Answers are kept by everything that they rest on, so what did not change costs nothing. What could
not be told is never kept, and never nothing.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from reconciler.app.checkov import Scan, requests_for
from reconciler.app.kept import Kept, pack_finding, unpack_finding
from reconciler.core.checkov import with_plan
from reconciler.core.decide import Law
from reconciler.core.fingerprint import fingerprint
from reconciler.core.hcl.parse import HclError
from reconciler.core.hcl.source import TerraformSource, read_source
from reconciler.core.pipeline import PIPELINE, read_pipeline
from reconciler.core.policy.evaluate import evaluate, findings
from reconciler.core.policy.inputs import (
    as_input,
    environment_fields,
    looks_beyond,
    no_pipeline,
    plan_fields,
    profile_fields,
    terraform_fields,
)
from reconciler.core.redact import Redactor
from reconciler.core.yaml_reader import YamlError
from reconciler.model.base import format_timestamp
from reconciler.model.decision import GateRun
from reconciler.model.desired import Effective
from reconciler.model.finding import Finding
from reconciler.model.plan import Plan
from reconciler.model.policy import Indeterminate, Pack
from reconciler.model.profile import Profile
from reconciler.model.rendered import Rendered
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest
from reconciler.ports import PolicyEngine, Scanner

_KIND: Final = "policy"
_HIDE: Final = Redactor()
BLOCK: Final = 64
"""Environments that are asked about together: Checkov looks at them while policies run."""
_AHEAD: Final = 2
"""Blocks that are under way at a time."""
_TERRAFORM: Final = "terraform/"
_PIPELINES: Final = "pipeline/"
_UNSEEN: Final = (
    ".auto.tfvars",
    ".tf.json",
    ".tfvars",
    ".tfvars.json",
    ".tfbackend",
    ".tfquery.hcl",
    ".tftest.hcl",
    ".tofu",
    ".tofu.json",
    "/override.tf",
    "_override.tf",
)
"""Files that change what Terraform does and that rules would not see."""

Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """One environment, rendered, and the laws that it is judged by."""

    filled: Effective
    rendered: Rendered
    laws: tuple[Law, ...]
    change: Mapping[str, Any] | None = None
    """Who changes what; None: nobody changes anything."""
    scan: bool = True
    """False: where two answers are compared that Checkov gives alike, it is not asked."""
    plan: Plan | None = None
    """What Terraform would do, when it was asked."""
    plan_json: bytes | None = None
    """The same as Terraform gives it: for Checkov, and for nobody else, since it holds secrets."""

    @property
    def name(self) -> str:
        """The environment's."""
        return self.filled.environment.document.metadata.name

    @property
    def requests(self) -> tuple[ScanRequest, ...]:
        """What Checkov is asked."""
        if not self.scan or not scanners_of(self.laws):
            return ()
        return requests_for(self.rendered, self.plan_json)


class Unreadable(Exception):  # noqa: N818  # a state of what was rendered, told in words
    """What was rendered is not what its name says."""


def read_terraform(rendered: Rendered) -> TerraformSource:
    """The rendered Terraform as data; Unreadable when it is none."""
    files = [(one.path, one.content) for one in rendered.files if one.path.startswith(_TERRAFORM)]
    for path, _ in files:
        if path.endswith(_UNSEEN):
            msg = f"{path}: Terraform reads such a file, and no rule does; write it as plain `.tf`"
            raise Unreadable(msg)
    try:
        return read_source(files)
    except HclError as err:
        msg = f"{err.path}:{err.line} is not HCL: {err.message}"
        raise Unreadable(msg) from err
    except RecursionError:
        msg = "the rendered Terraform is nested too deeply to be read"
        raise Unreadable(msg) from None


def _pipeline(rendered: Rendered) -> dict[str, Any]:
    for one in rendered.files:
        if one.path != PIPELINE and one.path.startswith(_PIPELINES):
            msg = f"{one.path}: no rule reads a pipeline's file but {PIPELINE}; put it in there"
            raise Unreadable(msg)
    for one in rendered.files:
        if one.path == PIPELINE:
            try:
                return read_pipeline(one.path, one.content)
            except YamlError as err:
                msg = f"{one.path}:{err.line} cannot be read: {err.message}"
                raise Unreadable(msg) from err
    return no_pipeline()


class Judge:
    """Asks one pack of policies, and Checkov."""

    def __init__(
        self, pack: Pack, engine: PolicyEngine, scanner: Scanner, kept: Kept, now: datetime
    ) -> None:
        self._pack = pack
        self._engine = engine
        self._scanner = scanner
        self._kept = kept
        self._now = now
        self._beyond = looks_beyond(pack.modules.files)
        self._profiles: dict[int, tuple[Profile, dict[str, Any]]] = {}
        self._sources: dict[str, TerraformSource] = {}

    def begin(self, subjects: Sequence[Subject], begun: "Scanning | None" = None) -> "Judging":
        """Checkov begins at once, and runs beside what the caller does until it asks."""
        scanning = begun or Scanning.begin(subjects, self._scanner, self._kept)
        return Judging(self, tuple(subjects), scanning.requests, scanning.scan)

    def runs(self, subjects: Iterable[Subject], step: Step) -> Iterator[tuple[GateRun, ...]]:
        """For each subject what each gate came to, in order; few are held at a time.

        The next ones are begun before the last are waited for, so that Checkov is never idle.
        """
        waiting = iter(subjects)
        done = 0
        begun: deque[Judging] = deque()
        while True:
            while len(begun) < _AHEAD and (block := list(islice(waiting, BLOCK))):
                begun.append(self.begin(block))
            if not begun:
                return
            for run in begun.popleft().runs():
                done += 1
                yield run
                step(done)

    def terraform(self, rendered: Rendered) -> TerraformSource:
        """The rendered Terraform as data, read once; Unreadable when it is none."""
        digest = rendered.digest
        found = self._sources.get(digest)
        if found is None:
            found = read_terraform(rendered)
            while len(self._sources) >= BLOCK:
                self._sources.pop(next(iter(self._sources)))
            self._sources[digest] = found
        return found

    def policies(self, subjects: Sequence[Subject]) -> list[GateRun]:
        """What the policies say of each."""
        keys = [self._key(subject) for subject in subjects]
        stored = self._kept.cache.get_many(_KIND, keys)
        runs, fresh = [], []
        for subject, key in zip(subjects, keys, strict=True):
            if key in stored:
                rows = json.loads(stored[key])
                found = tuple(unpack_finding(row) for row in rows)
                runs.append(GateRun("policy", found, digest=key))
                continue
            run = self._policy(subject, key)
            if not run.failure:
                packed = [pack_finding(one) for one in run.findings]
                fresh.append((key, json.dumps(packed).encode()))
            runs.append(run)
        if fresh:
            self._kept.cache.put_many(_KIND, fresh)
        return runs

    def _key(self, subject: Subject) -> str:
        asked = {
            "environment": environment_fields(subject.filled),
            "path": subject.filled.environment.path,  # where findings without a place are put
            "profiles": [self._profile(law) for law in subject.laws],
            "beyond": [
                format_timestamp(self._now),
                subject.change,
                subject.plan.digest if subject.plan else None,
            ]
            if self._beyond
            else None,
        }
        words = json.dumps(asked, sort_keys=True)
        return self._kept.key(
            _KIND, self._pack.digest, self._engine.name, subject.rendered.digest, words
        )

    def _profile(self, law: Law) -> dict[str, Any]:
        """A profile as rules see it; the same one for each environment of a track."""
        # The profile is kept beside its fields: an id is one's own only as long as one lives.
        found = self._profiles.get(id(law.profile))
        if found is None:
            found = (law.profile, profile_fields(law.profile))
            self._profiles[id(law.profile)] = found
        return found[1]

    def _policy(self, subject: Subject, key: str) -> GateRun:
        if not subject.laws:
            return GateRun("policy", failure="the target branch has no profile for it")
        if self._pack.problems:
            found = evaluate(self._engine, self._pack, {})
            assert isinstance(found, Indeterminate)  # noqa: S101  # a broken pack is not asked
            return GateRun("policy", failure=found.message, hint=found.hint)
        try:
            terraform = terraform_fields(self.terraform(subject.rendered))
            pipeline = _pipeline(subject.rendered)
        except Unreadable as err:
            hint = f"`reconciler render {subject.name}` shows the file; mend its template"
            return GateRun("policy", failure=str(err), hint=hint)
        environment = environment_fields(subject.filled)
        results: set[Finding] = set()
        for law in subject.laws:
            document = as_input(
                environment,
                self._profile(law),
                terraform,
                pipeline,
                subject.change,
                self._now,
                plan_fields(subject.plan) if subject.plan else None,
            )
            answer = evaluate(self._engine, self._pack, document)
            if isinstance(answer, Indeterminate):
                return GateRun("policy", failure=answer.message, hint=answer.hint)
            results.update(
                _placed(one, subject) for one in findings(self._pack, answer, subject.name)
            )
        return GateRun("policy", tuple(sorted(results)), digest=key)


def _placed(one: Finding, subject: Subject) -> Finding:
    """With its fingerprint, and with a place: what no file shows stands in the document."""
    place = one.location
    if not place.path:
        place = replace(place, path=subject.filled.environment.path)
    mark = fingerprint("policy", one.rule, one.environment, place.path, one.resource, one.message)
    # A rule may quote what it looked at, and what it looked at may hold a secret.
    return replace(one, location=place, fingerprint=mark, message=_HIDE(one.message))


def scanners_of(laws: Iterable[Law]) -> bool:
    """Whether any of the laws asks for Checkov."""
    return any("checkov" in getattr(law.profile.spec.scanners, law.stage) for law in laws)


@dataclass(frozen=True, slots=True)
class Scanning:
    """What Checkov was asked about some subjects; it needs no policies, so it may begin early."""

    requests: tuple[tuple[ScanRequest, ...], ...]
    scan: Scan

    @classmethod
    def begin(cls, subjects: Sequence[Subject], scanner: Scanner, kept: Kept) -> "Scanning":
        """Ask, and do not wait."""
        requests = tuple(subject.requests for subject in subjects)
        return cls(requests, Scan(scanner, kept, [one for many in requests for one in many]))


@dataclass(frozen=True, slots=True)
class Judging:
    """Some subjects on their way."""

    judge: Judge
    subjects: tuple[Subject, ...]
    requests: tuple[tuple[ScanRequest, ...], ...]
    scan: Scan

    def runs(self) -> Iterator[tuple[GateRun, ...]]:
        """For each subject what each gate came to, in order."""
        policies = self.judge.policies(self.subjects)
        answers = self.scan.each()
        for policy, requests in zip(policies, self.requests, strict=True):
            said = [next(answers) for _ in requests]
            yield (policy, _checkov(said, self.scan, requests)) if requests else (policy,)


def _checkov(
    answers: Sequence[Scanned | ScanFailed], scan: Scan, requests: Sequence[ScanRequest]
) -> GateRun:
    by_kind: dict[str, Scanned] = {}
    for answer, request in zip(answers, requests, strict=True):
        if isinstance(answer, ScanFailed):
            return GateRun("checkov", failure=answer.message, hint=answer.hint)
        by_kind[request.framework] = answer
    plan, source = by_kind.get("terraform_plan"), by_kind.get("terraform")
    if plan is not None and source is not None:
        by_kind["terraform"] = with_plan(source, by_kind.pop("terraform_plan"))
    found = {finding for answer in by_kind.values() for finding in answer.findings}
    digest = fingerprint(str(scan.identity), *(one.digest for one in requests))
    return GateRun("checkov", tuple(sorted(found)), digest=digest)
