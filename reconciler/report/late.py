"""How people agree to a plan that waits for them after the merge, in words that hold."""

from reconciler.model.order import Agrees


def how(environment: str, plan: str, *, request: int | None, note: Agrees | None = None) -> str:
    """What to do, as a hint.

    `request`: the merge request that brought it; None: not known here. `note`: what is agreed to,
    where the forge takes no approval of what is merged, and a note does.
    """
    number = f"{request}" if request is not None else "N"
    which = "" if request is not None else ", N being the merge request that brought it"
    command = f"`reconciler mr approve {number} --plan {environment}={plan}`{which}"
    return f"{command}; or this line in a note on it: `{note.words}`" if note else command
