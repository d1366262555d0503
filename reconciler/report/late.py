"""How people agree to a plan that waits for them after the merge, in words that hold."""


def how(environment: str, plan: str, *, request: int | None) -> str:
    """What to do, as a hint. `request`: the merge request that brought it; None: not known here."""
    number = f"{request}" if request is not None else "N"
    which = "" if request is not None else ", N being the merge request that brought it"
    return f"`reconciler mr approve {number} --plan {environment}={plan}`{which}"
