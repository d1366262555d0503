"""Which branch judges."""

from typing import Final

from reconciler.core.load import lazy_shared
from reconciler.errors import UsageError
from reconciler.wiring import Repository

_DEFAULTS: Final = ("HEAD", "main", "master")


def target_of(repository: Repository, base: str | None = None) -> str:
    """The target branch: what was named, else the one of the settings, as last fetched.

    Where there is an origin, its own branches say what they are: a branch that is checked out may
    be anybody's, and would name itself as its judge, and the server that tokens are sent to.
    """
    if base is not None:
        return base
    default = repository.git.named(*(f"refs/remotes/origin/{one}" for one in _DEFAULTS))
    if default is None and repository.workdir is not None and repository.git.address("origin"):
        raise UsageError(
            "no-target",
            "it cannot be told which branch of origin judges",
            hint="`git fetch origin`, then `git remote set-head origin --auto`; or name it with"
            " `--base` where a command has that",
        )
    settings = lazy_shared(repository.snapshot(default)).settings
    branch = settings.document.spec.branches.target if settings else "main"
    found = repository.git.named(f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")
    if found is None and repository.git.empty:
        raise UsageError(
            "no-target",
            f"nothing is committed here yet, so there is no branch `{branch}` that judges",
            hint="`git add . && git commit -m 'Start'`",
        )
    if found is None:
        raise UsageError(
            "no-target",
            f"there is no branch `{branch}` to compare with",
            hint=f"`git fetch origin {branch}`, or name another with `--base` where a command has"
            " that",
        )
    return found
