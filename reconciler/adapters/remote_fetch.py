"""Merge requests of a remote, by git: their commits come into the repository here, and stay."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pygit2
from pygit2.enums import CredentialType

from reconciler.adapters.git import open_repository
from reconciler.core.records.words import line
from reconciler.core.redact import Redactor
from reconciler.errors import ReconcilerError, TransientError

_OURS: Final = "refs/reconciler/forge/"
"""Where what was fetched is kept, so that git does not tidy it away and no branch moves."""
_SAID: Final = 300
_CONNECT: Final = 10_000
_SILENT: Final = 60_000
_LARGEST: Final = 4 * 1024 * 1024 * 1024
"""Bytes. More than that nobody reviews: somebody wants our disk."""

Ask = Callable[[str, str | None, CredentialType], Any]


class RemoteFetch:
    """Fetches from one remote: by its name here, or else by an address that is found out late."""

    def __init__(self, path: Path, address: Callable[[], str], ask: Ask) -> None:
        self._path = path
        self._address = address
        self._ask = ask

    def commit(self, number: int, wanted: str) -> str:
        """A merge request's last commit; the network is asked only where it is not here."""
        name = f"{_OURS}merge-requests/{number}"
        if wanted and self._here(name) == wanted:
            return wanted
        self._fetch(f"+refs/merge-requests/{number}/head:{name}")
        return self._here(name)

    def conflicts(self, number: int, target: str) -> Sequence[str]:
        """The files in which a merge request and its target do not fit together."""
        source, branch = f"{_OURS}merge-requests/{number}", f"{_OURS}heads/{target}"
        self._fetch(
            f"+refs/merge-requests/{number}/head:{source}", f"+refs/heads/{target}:{branch}"
        )
        repository = open_repository(self._path)
        one, other = (pygit2.Oid(hex=self._here(name)) for name in (branch, source))
        index = repository.merge_commits(one, other)
        if index.conflicts is None:
            return ()
        return sorted({side.path for found in index.conflicts for side in found if side})

    def _here(self, name: str) -> str:
        try:
            return str(open_repository(self._path).references[name].resolve().target)
        except (KeyError, pygit2.GitError):
            return ""

    def _fetch(self, *specs: str) -> None:
        repository = open_repository(self._path)
        url = self._address()
        told = _Told(url, self._ask)
        pygit2.settings.server_connect_timeout = _CONNECT
        pygit2.settings.server_timeout = _SILENT
        try:
            remote = repository.remotes.create_anonymous(url)
            remote.fetch(list(specs), callbacks=told, proxy=True)
        except (KeyError, OSError, ValueError, pygit2.GitError) as err:
            raise _failed(err, told) from err


def _failed(err: Exception, told: "_Told") -> ReconcilerError:
    why = told.safe(told.denied or str(err))
    if told.denied or isinstance(err, pygit2.AuthError):
        return ReconcilerError(
            "fetch-denied",
            f"a merge request cannot be fetched: {why}",
            hint="the token needs the scope `read_repository` (or `api`), and its account the role"
            " Reporter",
        )
    return TransientError(
        "fetch-failed",
        f"a merge request cannot be fetched: {why}",
        hint="is the network there, and may this machine reach the repository? then again",
    )


class _Told(pygit2.RemoteCallbacks):
    """Answers who we are, once and to nobody else; and stops what is too large."""

    def __init__(self, url: str, ask: Ask) -> None:
        super().__init__()
        self._url = url
        self._ask = ask
        self._secrets: set[str] = set()
        self._asked = False
        self.denied = ""

    def credentials(self, url: str, username: str | None, allowed: CredentialType) -> Any:
        """What proves who we are."""
        if allowed == CredentialType.USERNAME:
            return pygit2.Username(username or "git")
        if self._asked or _server(url) != _server(self._url):
            self.denied = (
                "the token or key is not accepted"
                if self._asked
                else "we are sent on to another server, which gets no token"
            )
            raise pygit2.AuthError(self.denied)
        self._asked = True
        found = self._ask(url, username, allowed)
        if isinstance(found, pygit2.UserPass):
            self._secrets |= set(found.credential_tuple)
        return found

    def transfer_progress(self, stats: Any) -> None:
        """An end to what somebody may make us take."""
        if stats.received_bytes > _LARGEST:
            msg = "it is larger than 4 GiB"
            raise ValueError(msg)

    def safe(self, text: str) -> str:
        """Words of a server, without what proves who we are."""
        return Redactor(self._secrets | _userinfo(self._url))(line(text, _SAID))


def _server(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", "", None


def _userinfo(url: str) -> set[str]:
    found = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    password = found.partition(":")[2]
    return {found, password, unquote(password)} - {""}
