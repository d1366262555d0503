"""Tell the forge of an apply, for whoever looks there; the apply itself never waits for its yes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.core.records.words import line
from reconciler.core.redact import hidden
from reconciler.errors import ReconcilerError
from reconciler.model.merge_request import Deployment, DeploymentState
from reconciler.ports import Forge

_LONGEST = 300


@dataclass(slots=True)
class Telling:
    """Shows one apply at the forge as it goes on, and remembers when that failed."""

    forge: Callable[[], Forge]
    """Made only when there is something to tell: it may be what fails."""
    about: Deployment
    untold: str = ""
    """Why the forge does not know the last state; empty: it does."""

    def __call__(self, state: DeploymentState) -> None:
        """Show it; whatever goes wrong is remembered, and goes no further."""
        try:
            self.forge().deployed(replace(self.about, state=state))
        except ReconcilerError as err:
            self.untold = line(hidden(err.message), _LONGEST)
        except Exception as err:  # noqa: BLE001  # our fault here must not cut off an apply
            self.untold = f"our fault: {type(err).__name__}: {line(hidden(str(err)), _LONGEST)}"
        else:
            self.untold = ""
