"""The same as `review`, with GitLab over HTTP: the genuine client, git, and webhooks on loopback.

The server is the fake of the tests, in a thread of this process: what it takes to answer is in what
is measured, and a network is not. `python -m benchmarks.review_gitlab` measures.
"""

import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pygit2

from benchmarks.measure import Result, seconds, show
from benchmarks.review import ON_TOP, READS, environment
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.review import review
from reconciler.app.watch import Inbox, Look, Watching, watch
from reconciler.cli.attending import Attending
from reconciler.cli.building import settings_of
from reconciler.core.review.consent import Heard
from reconciler.errors import ReconcilerError
from reconciler.model.approval import Person
from reconciler.model.review import Outcome
from reconciler.settings import ProcessSettings
from tests.check.project import PITCH, Warm, base_files, warm
from tests.forge.gitlab_forges import GitLabForges
from tests.repos import edited
from tests.review.samples_at_gitlab import Watcher, reads, samples_at_gitlab

SECRET = "a-token-of-some-length"  # noqa: S105  # only this process knows the server
LATE = 60.0
SERVER = "GitLab over HTTP"


class Box(Inbox):
    """Tells when whoever looks has nothing left to look at."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def take(self, seconds: float) -> Look:
        if seconds > 0:
            self.waits.set()
        return super().take(seconds)


def complain(error: ReconcilerError | None) -> None:
    assert error is None, error


def pushed(forges: GitLabForges, branch: str, place: int) -> str:
    """A change that nobody has seen."""
    text = edited(base_files(), PITCH, "ttl: 72h", f"ttl: 72h # {place}")[PITCH]
    return forges.push(branch, {PITCH: text})


def on_top(forges: GitLabForges, watcher: Watcher, rounds: int) -> list[Result]:
    """`mr watch` hears of a push by webhook; and the gates alone, on another change."""
    pushed(forges, "fix", 0)
    author = forges.lab.user("sara", 30)
    forges.lab.opened(author, "fix", "main", "A change")
    clone = pygit2.Repository(str(watcher.work))
    boxes, ends = [Box()], dict[str, float]()
    starts = dict[str, float]()

    def tell(outcome: Outcome) -> None:
        assert outcome.review is not None, outcome.told
        assert not outcome.mishaps, outcome.mishaps
        head = outcome.review.report.head
        if head in starts and head not in ends:
            ends[head] = time.perf_counter()
            boxes[-1].stop()

    def push(place: int) -> None:
        assert boxes[-1].waits.wait(LATE)
        forges.lab.asked.clear()
        start = time.perf_counter()
        with forges.lab.lock:  # nobody asks between the push and its time
            starts[pushed(forges, "fix", place)] = start
        forges.lab.hooks.send()

    attending = Attending(watcher.ports, watcher.work, False, tell, complain)  # noqa: FBT003
    watching = Watching(attending.everything, attending.one, 3600, 60, time.monotonic, complain)
    spec, times, asked = settings_of(watcher.room().rules), [], 0

    def hint(number: int) -> None:
        boxes[-1].hint(number)

    with watcher.ports.webhook_server("127.0.0.1", 0, spec, hint, print) as server:
        forges.lab.hooks.add(f"http://127.0.0.1:{server.port}/", token=SECRET)
        for place in range(rounds + 1):
            boxes.append(Box())
            pusher = threading.Thread(target=push, args=(1 + 2 * place,))
            pusher.start()
            watch(watching, boxes[-1])
            pusher.join()
            asked = len(forges.lab.asked)
            head = list(starts)[-1]
            alone = pushed(forges, "alone", 2 + 2 * place)
            clone.remotes["origin"].fetch()
            room = watcher.room()
            heard = Heard((), (), (Person("Sara", "", author.id),), alone)
            begin = time.perf_counter()
            with room.judge(room.rules.revision, alone, heard):
                pass
            times.append((ends[head] - starts[head], time.perf_counter() - begin))
        forges.lab.hooks.hooks.clear()
    whole, gates = (statistics.median(column) for column in zip(*times[1:], strict=True))
    more = statistics.median(one - other for one, other in times[1:])
    return [
        Result(
            f"{SERVER}: from a push (webhook) to a posted verdict, one environment,"
            f" {asked} requests",
            show(whole),
            f"the gates alone: {show(gates)}",
            max(more, 0.0001) * 1000,
            ON_TOP,
            "ms on top",
        )
    ]


def a_thousand(forges: GitLabForges, watcher: Watcher, many: int) -> list[Result]:
    """All were looked at; then one of them is pushed to, and has an approval."""
    pushed(forges, "same", 5000)
    author = forges.lab.user("ines", 30)
    for _ in range(many):
        forges.lab.opened(author, "same", "main", "The same")
    number = max(forges.lab.merges)
    review(watcher.room(), number)
    watcher.settled()
    merge = forges.lab.merges[number]
    forges.lab.approved(merge, forges.lab.user("ben", 30))
    forges.lab.patience = 10 * many  # GitLab has not taken it away yet
    pushed(forges, "other", 5001)
    merge.source = "other"
    forges.lab.notice()
    reads(forges)
    found: list[Outcome] = []
    spent = seconds(lambda: found.extend(watcher.look_all()))
    assert [one.number for one in found if one.state != "skipped"] == [number]
    asked = reads(forges)
    still = statistics.median(seconds(watcher.look_all) for _ in range(3))
    what = f"{SERVER}: {many:,} open merge requests"
    return [
        Result(
            f"{what}, one changed and with an approval: requests that read, beyond the listing",
            f"{len(asked)}, and {show(spent)}",
            "what is asked for",
            len(asked),
            READS,
            "requests",
        ),
        Result(
            f"{what}, looked at again",
            show(still),
            "how often they are looked at is told in seconds; nearly all of it is the fake",
            still,
            5,
            "s",
        ),
    ]


def run(many: int = 1000, rounds: int = 7) -> list[Result]:
    """All of it; a minute."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        engine = EmbeddedEngine(10, 1)
        stack.callback(engine.close)
        stack.enter_context(
            environment(
                RECONCILER_STATE_DIR=str(folder / "state"),
                GITLAB_TOKEN="glpat-bot",  # noqa: S106  # the fake's
                HOOK_SECRET=SECRET,
            )
        )
        kept = warm(folder / "kept", engine)
        ports = Warm(ProcessSettings(), kept.kept, kept.workers, engine)
        work = folder / "work"
        forges = stack.enter_context(samples_at_gitlab(folder / "gitlab", base_files(), work))
        watcher = Watcher(ports, work)
        return [*on_top(forges, watcher, rounds), *a_thousand(forges, watcher, many)]


if __name__ == "__main__":
    print("\n".join(one.row for one in run()))
