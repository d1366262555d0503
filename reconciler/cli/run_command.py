"""`reconciler run`."""

import signal
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click

from reconciler.app.telemetry import measures, passed_on
from reconciler.app.watch import Inbox
from reconciler.cli.again import again
from reconciler.cli.building import sandbox_option
from reconciler.cli.controlling import spec_of, working_of
from reconciler.cli.ending import TOLD, told_to_end
from reconciler.cli.mr_watch import place_option
from reconciler.cli.screen import repo_option, stop_with
from reconciler.cli.voice import VOICE
from reconciler.controller import Controller
from reconciler.errors import Exit, ReconcilerError
from reconciler.model.base import format_timestamp
from reconciler.model.work import Ended, Job, Standing
from reconciler.ports import Log
from reconciler.wiring import build

_VERBS: Final = {
    Job.APPLY: "applied",
    Job.DESTROY: "destroyed",
    Job.ROLL: "looked whether it does well",
    Job.LOOK: "looked for drift",
    Job.REVIEW: "looked at merge requests",
    Job.CHORES: "saw to what follows",
}
_DEEDS: Final = (Job.APPLY, Job.DESTROY)
_LEFT: Final = ("Stalled", "Frozen", "Reconciling", "Drifted")
"""The conditions of what is not as declared; of several the first is told."""


@click.command("run")
@repo_option
@sandbox_option
@click.option("--once", is_flag=True, help="One pass over everything, and end: for cron or CI.")
@place_option("--listen", "Listen for webhooks, so that nobody waits for the next look.")
@place_option("--health", "Show /metrics, /healthz and /readyz.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="Environments worked on at once; by default as reconciler.yaml says.",
)
@click.option("--plan", is_flag=True, help="Also plan merge requests that may be planned.")
def command(
    repo: Path,
    sandbox: bool,
    once: bool,
    listen: tuple[str, int] | None,
    health: tuple[str, int] | None,
    jobs: int | None,
    plan: bool,
) -> None:
    """Keep every environment as the target branch declares it, for as long as it runs.

    Every `intervals.poll` it asks where the branches are; what did not move costs nothing more. A
    webhook only hurries that. What is merged is judged again, planned, and applied when it may be;
    drift is looked for by each profile's interval. Several controllers may run at once: a lease
    keeps each environment with one of them. It may be killed at any time: whoever comes next goes
    on from what is recorded.

    SIGTERM, Ctrl-C and a terminal that is closed start nothing more and let what runs end; a second
    one asks it to end at the next safe point.

    \b
    Examples:
      reconciler run
      reconciler run --once
      reconciler run --log-json
      reconciler run --listen 127.0.0.1:8080 --health 127.0.0.1:9090
      reconciler run --sandbox

    Exit code 0: it was told to end, or with --once all is as declared; with --once also 1: one
    failed, or is not done yet; 10: denied or stalled; 11: somebody has to agree, or to end a
    freeze; 12: drift.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    spec = spec_of(ports, repo)
    ports.records(repo, spec, simulated=sandbox).begin()
    log = VOICE.log()
    inbox = Inbox()
    telemetry = ports.telemetry()
    voice = _Voice(log)
    holder: list[Controller] = []

    def over(ended: Ended, more: Mapping[str, Any]) -> None:
        passed_on(measures(more), telemetry)
        holder[0].over(ended)

    order = {"repo": str(repo.resolve()), "sandbox": sandbox, "plan": plan}
    crew = ports.deeds(order, over)
    working = working_of(
        ports,
        repo,
        spec,
        crew,
        telemetry,
        voice.weather,
        voice.news,
        voice.lost,
        sandbox=sandbox,
        jobs=jobs or spec.controller.concurrency,
    )
    controller = Controller(working, inbox)
    holder.append(controller)
    hooks = (
        ports.webhook_server(*listen, spec, inbox.hint, voice.refused) if listen else nullcontext()
    )
    shown = (
        ports.health_server(
            health,
            telemetry,
            lambda: "",
            lambda: "" if controller.ready else "nothing was looked at yet",
            voice.refused,
        )
        if health
        else nullcontext()
    )
    with told_to_end(inbox.stop, (*TOLD, signal.SIGINT)), hooks as listening, shown as showing:
        for what, at in (("webhooks", listening), ("health", showing)):
            if at is not None:
                log.said("listening", what=what, host=at.host, port=at.port)
        log.said("begun", repository=str(repo), simulated=sandbox, jobs=working.jobs)
        began = time.monotonic()
        crew.prepare()
        try:
            if once:
                controller.once()
            else:
                controller.run()
        finally:
            crew.close()
            telemetry.close()
    if once:
        voice.left(controller.standings.values())
    voice.ended(controller.standings.values(), time.monotonic() - began, once=once)
    stop_with(_exit(controller, voice) if once else Exit.OK)


def _exit(controller: Controller, voice: "_Voice") -> Exit:
    """The worst of what is left."""
    standings = controller.standings.values()
    states = voice.states
    if {"again", "held"} & {*states.values()} or voice.failing:
        return Exit.FAILURE
    if "stuck" in states.values() or any(one.of("Stalled") for one in standings):
        return Exit.DENIED
    if "waiting" in states.values() or any(_stopped(one) for one in standings):
        return Exit.APPROVAL_NEEDED
    if any(one.of("Reconciling") for one in standings):  # it only waits before it tries again
        return Exit.FAILURE
    return Exit.DRIFT if any(one.of("Drifted") for one in standings) else Exit.OK


def _stopped(standing: Standing) -> bool:
    """Whether nothing but a freeze keeps it from being as declared."""
    is_so = standing.of("Ready") or standing.of("Drifted") or standing.of("Stalled")
    return standing.of("Frozen") is not None and not is_so


class _Voice:
    """Says what happens; the same failure of the same thing is not said again."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._said: dict[tuple[str, str], str] = {}
        self.states: dict[tuple[str, str], str] = {}
        self.failing = False
        self._counts: Counter[str] = Counter()

    def news(self, ended: Ended, standing: Standing | None) -> None:
        """What came of a task."""
        task = ended.task
        key, words = (task.environment, task.job), f"{ended.state} {ended.why}"
        before, self._said[key] = self._said.get(key), words
        self.states[key] = ended.state
        if task.job in _DEEDS and ended.state in ("done", "again"):
            self._counts[_VERBS[task.job] if ended.state == "done" else "failed"] += 1
        if ended.state == "done":
            if task.job in (Job.APPLY, Job.DESTROY) or (ended.why and before != words):
                self._log.said(_VERBS[task.job], **self._about(ended, standing))
            elif before is not None and not before.startswith("done"):
                self._log.said("well again", **self._about(ended, standing))
        elif before != words:
            write = self._log.said if ended.state in ("held", "waiting") else self._log.failed
            write(f"not {_VERBS[task.job]}", **self._about(ended, standing))

    def left(self, standings: Iterable[Standing]) -> None:
        """What is not as declared, where no task told why: an exit code alone helps nobody."""
        told = {name for (name, _), state in self.states.items() if state != "done"}
        for one in standings:
            left = next((each for kind in _LEFT if (each := one.of(kind)) is not None), None)
            if one.name in told or left is None or (left.name == "Frozen" and not _stopped(one)):
                continue
            about = {"environment": one.name, "why": again(left.said), "track": one.track}
            if one.task is not None and left.name == "Reconciling":
                about["due"] = format_timestamp(one.task.due)
            self._log.said(f"not as declared: {left.name}", **about)

    def lost(self, standings: Collection[Standing]) -> None:
        """What went with a sandbox. Its tasks tell of each; here it is said how many they are."""
        if standings:
            self._log.warned(
                "gone with the sandbox",
                environments=len(standings),
                why=next(iter(standings)).lost,
                then="they are made again, as far as they may be",
            )

    def ended(self, standings: Iterable[Standing], seconds: float, *, once: bool) -> None:
        """What all of it came to, and how long it took."""
        about: dict[str, object] = {**self._counts}
        if once:
            about["left"] = sum(any(one.of(kind) for kind in _LEFT) for one in standings)
        self._log.said("ended", **about, seconds=round(seconds, 1))

    def weather(self, error: ReconcilerError | None) -> None:
        """Whether it can look at all."""
        self.failing = error is not None
        if error is None:
            self._log.said("all is well again")
        else:
            self._log.failed(error.message, reason=error.reason, hint=again(error.hint))

    def refused(self, why: str) -> None:
        """Nothing of a sender is in these words, and each is said once."""
        self._log.warned("a request was refused", why=why)

    @staticmethod
    def _about(ended: Ended, standing: Standing | None) -> dict[str, str]:
        found = {
            "environment": ended.task.environment,
            "because": ended.task.why,
            "why": ended.why,
            # Who has a lease is at it: nobody is to break it for that.
            "hint": "" if ended.state == "held" else ended.hint,
            "track": standing.track if standing else "",
        }
        return {name: value for name, value in found.items() if value}
