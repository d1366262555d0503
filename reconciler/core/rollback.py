"""Which commit was good, and whether going back to it may wait for nobody. Pure."""

from collections.abc import Callable, Iterable

from reconciler.model.base import RISKS, Risk
from reconciler.model.move import Good
from reconciler.model.profile import FastRollback
from reconciler.model.record import ApplyEnded, Record, Rollback


def last_good(history: Iterable[Record], now: str, document: Callable[[str], str]) -> Good | None:
    """The newest apply that went well with another document than the one that stands there now.

    `history`: the environment's records, newest first. `document`: what a commit has for it, as
    one word; empty where nobody can tell. What was taken back once is not good again.
    """
    bad = {now, ""}
    for record in history:
        body = record.body
        if isinstance(body, Rollback):
            bad.add(document(body.bad))
        elif isinstance(body, ApplyEnded) and body.action == "apply" and body.commit is not None:
            if body.result == "done" and document(body.commit) not in bad:
                return Good(body.commit, record.chain.sequence)
            if body.result == "failed":
                bad.add(document(body.commit))
    return None


def fast_one(
    history: Iterable[Record], rules: Iterable[FastRollback], stage: str, risk: Risk, files: str
) -> int | None:
    """The rollback that lets an apply begin before anybody agreed, by its record; None: none does.

    It has to be the last thing that was done with the environment but for looks and decisions, to
    be what every one of the rules lets go fast, and to bring just what an earlier apply of the good
    commit brought: `files` is the digest of what is to be applied.
    """
    limits = tuple(rules)
    if not limits or not files:
        return None
    if any(stage not in one.stages for one in limits):
        return None
    if any(RISKS.index(risk) > RISKS.index(one.highest_risk) for one in limits):
        return None
    back: Record | None = None
    good = ""
    for record in history:
        body = record.body
        if back is None:
            if isinstance(body, Rollback):
                if not body.fast:
                    return None
                back, good = record, body.good
            elif isinstance(body, ApplyEnded) and body.result == "done":
                return None
        elif isinstance(body, ApplyEnded) and (body.action, body.result, body.commit) == (
            "apply",
            "done",
            good,
        ):
            return back.chain.sequence if body.files == files else None
    return None
