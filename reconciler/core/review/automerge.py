"""May a merge request be merged by itself? Only where every law that judges it says so. Pure.

Strict, and every reason against it is told: whoever merges by hand looks once more, and here nobody
does.
"""

from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.chatops import waits
from reconciler.core.decide import Law
from reconciler.core.review.marker import thread_mark
from reconciler.model.decision import Verdict
from reconciler.model.merge_request import MergeRequest, Note
from reconciler.model.review import Review

Laws = Mapping[str, Sequence[Law]]
"""Environment -> everything that judges it, by the target branch."""
_NAMED = 3


def wants(review: Review, laws: Laws) -> bool:
    """Whether the law of anything that is touched speaks of it; if not, nobody expects it."""
    return any(_says(law) for one in review.report.touched for law in laws.get(one.name, ()))


def against(
    review: Review, request: MergeRequest, laws: Laws, paths: Sequence[str]
) -> tuple[str, ...]:
    """Why it may not be. `paths`: every file that it touches."""
    return tuple(_against(review, request, laws, paths))


def waiting(notes: Sequence[Note]) -> tuple[str, ...]:
    """Why it may not be yet: what was said on it and is not over."""
    orders = sum(1 for note in notes if waits(note, notes))
    threads = sum(1 for note in notes if thread_mark(note) and note.resolved is False)
    found = [(orders, "an order in its notes is not answered")] if orders else []
    found += [(threads, "a finding on a line is not settled")] if threads else []
    return tuple(f"{words} ({count})" if count > 1 else words for count, words in found)


def _says(law: Law) -> bool:
    return law.stage in law.profile.spec.auto_merge.stages


def _against(
    review: Review, request: MergeRequest, laws: Laws, paths: Sequence[str]
) -> Iterator[str]:
    report = review.report
    if report.verdict is not Verdict.ALLOW:
        yield f"it is not allowed: {report.verdict}"
    if report.head != request.head:
        yield "another commit was judged than its last one"
    if request.draft or review.draft:
        yield "it is a draft"
    if request.fork:
        yield "it comes from a fork"
    if review.simulated:
        yield "its plans are of the sandbox"
    if not report.touched:
        yield "it touches no environment"
    judged = {one.environment for one in report.decisions}
    if "" not in judged:
        yield "nothing was decided about the change itself"
    for one in report.touched:
        own = laws.get(one.name, ())
        if one.name not in judged or not own:
            yield f"nothing judges `{one.name}`"
        for law in own:
            if not _says(law):
                where = f"at the stage {law.stage}"
                yield f"`{one.name}`: the track {law.track} does not want it {where}"
    # Also a document of which nothing but a comment changed: no law was asked about it.
    known = {path for one in report.touched for path in (one.path, one.moved_from)}
    others = sorted(set(paths) - known)
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        named = ", ".join(f"`{path}`" for path in others[:_NAMED])
        yield f"it changes more than the environments that were judged: {named}{more}"
