"""Where a record stands: numbers, parents, and jumps by which any earlier one is reached."""

from reconciler.model.record import Chain, Jump


def next_chain(parent: str, before: Chain, digest: str, beyond: Jump | None) -> Chain:
    """The place after `before`, whose commit is `parent` and whose document has that digest.

    `beyond` is the jump of the record that `before` jumps to. A jump is twice as long as the one
    before it wherever two of equal length meet, so that no way is longer than twice the number's
    logarithm.
    """
    here = Jump.model_construct(sequence=before.sequence, commit=parent)
    jump = here
    if before.jump is not None:
        landing = beyond or before.jump
        if before.sequence - before.jump.sequence == before.jump.sequence - landing.sequence:
            jump = landing
    return Chain.model_construct(
        sequence=before.sequence + 1, parent=parent, previous=digest, jump=jump
    )


def first_chain() -> Chain:
    """The place of the first record."""
    return Chain.model_construct(sequence=0, parent=None, previous=None, jump=None)


def after_break(tip: str | None, last: Chain | None, commit: str) -> Chain:
    """The place on a history that is broken: on its last commit, whatever that is.

    It does not vouch for that commit: it names no document before it. It points to the last good
    record, so that what was before the break is still reached.
    """
    if last is None:
        return Chain.model_construct(sequence=0, parent=tip, previous=None, jump=None)
    good = Jump.model_construct(sequence=last.sequence, commit=commit)
    return Chain.model_construct(sequence=last.sequence + 1, parent=tip, previous=None, jump=good)


def behind(chain: Chain) -> str | None:
    """The commit of the record before; after a break that of the last good one."""
    if chain.previous is not None:
        return chain.parent
    return chain.jump.commit if chain.jump is not None else None
