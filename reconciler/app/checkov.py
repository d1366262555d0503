"""Scan environments with Checkov; what was looked at before is not looked at again."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from threading import Condition, Thread
from typing import Any

from reconciler.app.kept import Kept, pack_finding, unpack_finding
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest, Skip
from reconciler.ports import Scanner

PLAN = "plan.json"
"""What findings call the plan when the source does not say where."""
_KIND = "checkov"


def requests_for(rendered: Rendered, plan: bytes | None = None) -> tuple[ScanRequest, ...]:
    """What Checkov looks at: Terraform, pipeline, and the plan if there is one."""
    terraform = tuple(one for one in rendered.files if one.path.startswith("terraform/"))
    pipeline = tuple(one for one in rendered.files if one.path.endswith(".gitlab-ci.yml"))
    wanted = []
    if terraform:
        wanted.append(ScanRequest("terraform", rendered.environment, terraform))
    if pipeline:
        wanted.append(ScanRequest("gitlab_ci", rendered.environment, pipeline))
    if plan is not None:
        wanted.append(
            ScanRequest("terraform_plan", rendered.environment, (RenderedFile(PLAN, plan),))
        )
    return tuple(wanted)


def scan(
    scanner: Scanner, kept: Kept, requests: Sequence[ScanRequest]
) -> tuple[Scanned | ScanFailed, ...]:
    """An answer for each request, in order. A failure is never kept."""
    return Scan(scanner, kept, requests).answers()


class Scan:
    """A scan on its way: it begins at once, and runs beside what the caller does."""

    def __init__(self, scanner: Scanner, kept: Kept, requests: Sequence[ScanRequest]) -> None:
        self._kept = kept
        self._answers: dict[int, Scanned | ScanFailed] = {}
        self._missing: list[int] = []
        self._found: list[Scanned | ScanFailed] = []
        self._raised: list[BaseException] = []
        self._news = Condition()
        self._ended = False
        self._thread: Thread | None = None
        self._count = len(requests)
        self.identity = scanner.identity()
        if isinstance(self.identity, ScanFailed):
            self._answers = dict.fromkeys(range(self._count), self.identity)
            return
        identity = self.identity
        self._keys = [kept.key(_KIND, identity, one.environment, one.digest) for one in requests]
        stored = kept.cache.get_many(_KIND, self._keys)
        for place, key in enumerate(self._keys):
            if key in stored:
                self._answers[place] = _unpack(json.loads(stored[key]))
            else:
                self._missing.append(place)
        if self._missing:
            missing = [requests[place] for place in self._missing]
            self._thread = Thread(target=self._run, args=(scanner, missing), daemon=True)
            self._thread.start()

    def _run(self, scanner: Scanner, requests: Sequence[ScanRequest]) -> None:
        try:
            for answer in scanner.scan_many(requests):
                with self._news:
                    self._found.append(answer)
                    self._news.notify_all()
        except BaseException as err:  # noqa: BLE001  # it is raised again where it is waited for
            self._raised.append(err)
        finally:
            with self._news:
                self._ended = True
                self._news.notify_all()

    def answers(self) -> tuple[Scanned | ScanFailed, ...]:
        """Wait for all of them."""
        return tuple(self.each())

    def each(self) -> Iterator[Scanned | ScanFailed]:
        """Each when it is there, in order; what is new is kept with the last of it."""
        fresh = []
        waiting = deque(self._missing)
        for place in range(self._count):
            if waiting and waiting[0] == place:
                waiting.popleft()
                answer = self._wait_for(len(self._missing) - len(waiting) - 1)
                self._answers[place] = answer
                if isinstance(answer, Scanned):
                    fresh.append((self._keys[place], json.dumps(_pack(answer)).encode()))
                if not waiting:  # now: nobody may ask for more than this one
                    self._end(fresh)
            yield self._answers[place]

    def _end(self, fresh: Sequence[tuple[str, bytes]]) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._raised:
            raise self._raised[0]
        self._kept.cache.put_many(_KIND, fresh)

    def _wait_for(self, number: int) -> Scanned | ScanFailed:
        with self._news:
            self._news.wait_for(lambda: self._ended or len(self._found) > number)
            if len(self._found) > number:
                return self._found[number]
        if self._raised:
            raise self._raised[0]
        msg = "the scanner gave fewer answers than it was asked for"
        raise ValueError(msg)


def _pack(one: Scanned) -> list[object]:
    """For JSON."""
    return [
        [pack_finding(finding) for finding in one.findings],
        [astuple(skip) for skip in one.skips],
        sorted(one.passed),
    ]


def _unpack(packed: Any) -> Scanned:
    """The reverse."""
    findings, skips, passed = packed
    return Scanned(
        tuple(unpack_finding(row) for row in findings),
        tuple(Skip(*row) for row in skips),
        frozenset((rule, resource) for rule, resource in passed),
    )
