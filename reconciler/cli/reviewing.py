"""What a review of merge requests works with, built from a repository and its settings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconciler.app.review import Judgement, Room
from reconciler.app.terraform import Site
from reconciler.cli.building import building_of, declared, hearing, settings_of
from reconciler.cli.checking import Asked, Done, judged
from reconciler.cli.screen import err
from reconciler.cli.target import target_of
from reconciler.core.redact import Redactor
from reconciler.model.approval import Given
from reconciler.ports import RepoTree
from reconciler.wiring import Ports


@contextmanager
def _judge(
    ports: Ports, repo: Path, rules: str, head: str, said: Mapping[str, Given], *, sandbox: bool
) -> Iterator[Done]:
    # With fractions of a second: who has just agreed did not do so in the future.
    now = datetime.now(UTC)
    asked = Asked(
        repo,
        rules,
        head,
        everything=False,
        environments=(),
        now=now,
        merged=True,
        records="none" if sandbox else "fresh",
    )
    with judged(ports, asked, approvals=said) as done:
        yield done


def room_of(ports: Ports, repo: Path, *, plan: bool, sandbox: bool, post: bool) -> Room:
    """What looks at the merge requests of a repository."""
    repository = ports.repository(repo)

    def target() -> RepoTree:
        return repository.snapshot(target_of(repository))

    rules = target()
    signer, verify = ports.signing()

    def site(name: str, done: Judgement) -> Site:
        # Where states are and how accounts are entered, the target branch says.
        one = declared(ports, done.head, name, settings_of(done.target))
        return building_of(ports, repo, one, simulated=sandbox).site

    return Room(
        ports.forge(repo, settings_of(rules)),
        rules,
        target,
        repository.git,
        ports.merging(repo).met,
        ports.history(repo).root,
        lambda target, head, said: _judge(ports, repo, target, head, said, sandbox=sandbox),
        site if plan else None,
        ports.reviewing(repo),
        datetime.now(UTC),
        ports.kept.program,
        verify,
        signer,
        hearing(err(), Redactor(), show=False),
        sandbox,
        post,
        ports.settings.job_url,
    )
