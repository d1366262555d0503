"""Refs at a remote: what is pushed there counts, and a server compares what is moved.

libgit2 does not compare what it overwrites at a remote on this machine's disk: that is worked on
directly (`on_this_disk`).
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pygit2
from pygit2.enums import CredentialType

from reconciler.adapters.git_refs import GitRefs
from reconciler.core.records.words import line
from reconciler.core.redact import HIDDEN, Redactor
from reconciler.errors import ReconcilerError, TransientError, UsageError

_CONNECT: Final = 10_000
_SILENT: Final = 60_000
"""Milliseconds until a server that says nothing is taken to be away."""
_SAID: Final = 300
_LATE: Final = (
    "fast-forward",
    "fast forward",
    "fastforward",
    "not present locally",
    "failed to lock",
    "cannot lock",
    "incorrect old value",
    "failed to update ref",
    "fetch first",
    "stale info",
    "already exists",
)
_DENIED: Final = re.compile(r"\b40[134]\b|authenticat|credential|access denied")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Credentials = Callable[[str, str | None, CredentialType], Any]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one fetch may bring, and how long it may take.

    libgit2 tells of it with each object, each 100 KiB and each word of progress. What comes slower
    than that is bound only by the time for which a server may say nothing.
    """

    size: int = 1024 * 1024 * 1024
    seconds: float = 900.0


def remote_of(repository: pygit2.Repository, name: str, noun: str) -> pygit2.Remote:
    """A remote by its name."""
    try:
        return repository.remotes[name]
    except (KeyError, ValueError) as err:
        raise UsageError(
            "no-such-remote",
            f"{noun} are kept at the remote `{name}`, and there is none of that name here",
            hint=f"`git remote add {name} ...`, or say in reconciler.yaml where they are",
        ) from err


def place_of(repository: pygit2.Repository, name: str, noun: str) -> Path | None:
    """The folder of a remote on this machine's disk; None: it is behind a server."""
    found = remote_of(repository, name, noun)
    url, push_url = found.url or "", found.push_url
    if push_url and push_url != url:
        raise UsageError(
            "remote-in-two-places",
            f"the remote `{name}` is read at one place and written at another",
            hint=f"{noun} have one home: `git remote set-url --delete --push {name} .`",
        )
    place = _on_this_disk(url, Path(repository.workdir or repository.path))
    if place is not None and not place.is_dir():
        raise UsageError(
            "no-such-remote",
            f"{noun} are kept at the remote `{name}`, and there is nothing at {place}",
            hint="is that disk mounted?",
        )
    return place


def _on_this_disk(url: str, home: Path) -> Path | None:
    """Where a remote lies, when it lies on this machine; as git reads its name."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    before, colon, _ = url.partition(":")
    if "://" in url or (colon and "/" not in before):
        return None
    return home / url


class RemoteRefs(GitRefs):
    """The refs of a server; objects are in the repository here."""

    bounds = Bounds()

    def reach(self, remote: str, credentials: Credentials | None) -> None:
        """Which server, and what proves to it who we are."""
        self._url = remote_of(self._repository, remote, self._noun).url or ""
        self._name = remote
        self._credentials = credentials
        self.connect()

    @staticmethod
    def connect() -> None:
        """A server that hangs must not hang us; libgit2 waits for ever unless told."""
        pygit2.settings.server_connect_timeout = _CONNECT
        pygit2.settings.server_timeout = _SILENT

    def tips(self, *prefixes: str) -> Mapping[str, str]:
        """Where every ref is at the remote whose name begins so. Objects may not be here yet."""
        told = self._told({})
        try:
            heads = self._server.list_heads(callbacks=told, proxy=True)
        except (KeyError, OSError, pygit2.GitError) as err:
            raise self._failed(err, "read", told) from err
        return {
            one.name: str(one.oid) for one in heads if one.name and one.name.startswith(prefixes)
        }

    def fetch(self, *specs: str) -> None:
        """Bring refs here, as git's refspecs say."""
        told = self._told({})
        told.bounds = self.bounds
        try:
            self._server.fetch(list(specs), callbacks=told, proxy=True)
        except _TooMuch as err:
            raise self._endless(err) from None
        except (KeyError, OSError, pygit2.GitError) as err:
            raise self._failed(err, "read", told) from err

    def move(self, name: str, old: str, new: str, *, durable: bool) -> bool:
        """Push; the server compares."""
        self._flush()
        if durable:
            self._on_disk()
        return self._pushed(f"{new}:{name}", name, old)

    def replace(self, name: str, old: str, new: str) -> bool:
        """Push, also what does not stand on what is there; the server compares."""
        self._flush()
        return self._pushed(f"+{new}:{name}" if new else f":{name}", name, old)

    def _pushed(self, spec: str, name: str, old: str) -> bool:
        told = self._told({name: old})
        try:
            self._server.push([spec], callbacks=told, proxy=True)
        except _Late:
            return False
        except (OSError, pygit2.GitError) as err:
            if not told.arrived:
                if _outdated(str(err)):
                    return False
                raise self._failed(err, "written", told) from err
        if told.rejected:
            if _outdated(told.rejected):
                return False
            raise self._refused(told, name)
        return True

    @property
    def _server(self) -> pygit2.Remote:
        """A connection of its own for each question: one that has fetched does not push."""
        return self._repository.remotes[self._name]

    def _told(self, expected: Mapping[str, str]) -> "_Told":
        return _Told(self._url, self._credentials, expected)

    def _refused(self, told: "_Told", name: str) -> ReconcilerError:
        return ReconcilerError(
            f"{self._slug}-rejected",
            f"the remote `{self._name}` does not take {self._noun}: {told.safe(told.rejected)}"
            + told.more,
            hint=f"whoever writes {self._noun} must be allowed to push to"
            f" `{name.removeprefix('refs/heads/')}`, and nobody to force it",
        )

    def _endless(self, err: "_TooMuch") -> ReconcilerError:
        return TransientError(
            f"{self._slug}-endless",
            f"{self._noun} could not be read at the remote `{self._name}`: {err}",
            hint="nothing of it is kept; if it is meant to be that large, `git fetch` it here once"
            " by hand",
        )

    def _failed(self, err: Exception, what: str, told: "_Told") -> ReconcilerError:
        why = told.safe(told.unasked or str(err)) + told.more
        said = f"{self._noun} could not be {what} at the remote `{self._name}`: {why}"
        if isinstance(err, pygit2.CertificateError) or "certificate" in why.lower():
            return ReconcilerError(
                f"{self._slug}-unsure",
                said,
                hint="nobody knows whose server that is; is its certificate (or, for SSH, its key"
                " in known_hosts) in order?",
            )
        if told.unasked or isinstance(err, pygit2.AuthError) or _DENIED.search(str(err).lower()):
            return ReconcilerError(
                f"{self._slug}-denied",
                said,
                hint="does the repository exist, and may the token or the key that is used here"
                " read and push it?",
            )
        return TransientError(
            f"{self._slug}-away",
            said,
            hint="is the network there, and may this machine reach the repository? then again",
        )


class _Late(Exception):  # noqa: N818  # what is so, told in a word
    """The branch is not where it was."""


class _TooMuch(Exception):  # noqa: N818  # what is so, told in words
    """A fetch that brings more, or takes longer, than it may."""


class _Told(pygit2.RemoteCallbacks):
    """Hears what a server says, and answers who we are."""

    bounds: Bounds | None = None

    def __init__(
        self, url: str, credentials: Credentials | None, expected: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._url = url
        self._ask = credentials
        self._expected = expected
        self._secrets: set[str] = _userinfo(url)
        self._said = ""
        self._began = time.monotonic()
        self.asked = False
        self.unasked = ""
        self.rejected = ""
        self.arrived = False

    def push_negotiation(self, updates: list[Any]) -> None:
        """What is there right before the push."""
        for one in updates:
            old = self._expected.get(one.dst_refname)
            if old is not None and old != ("" if set(str(one.src)) == {"0"} else str(one.src)):
                raise _Late

    def push_update_reference(self, refname: str, message: str | None) -> None:
        """The server's word for one ref; none when it went well."""
        del refname
        self.arrived = not message
        if message:
            self.rejected = message

    def sideband_progress(self, string: str) -> None:
        """What a hook there says beside."""
        self._said = (self._said + string)[-4 * _SAID :]
        self._bound(0)

    def transfer_progress(self, stats: Any) -> None:
        """How much there is by now."""
        self._bound(stats.received_bytes)

    def _bound(self, received: int) -> None:
        if self.bounds is None:
            return
        if received > self.bounds.size:
            msg = f"it sends more than {self.bounds.size / 1024 / 1024:,.0f} MiB"
            raise _TooMuch(msg)
        if time.monotonic() - self._began > self.bounds.seconds:
            msg = f"it is not done after {self.bounds.seconds:.0f} s"
            raise _TooMuch(msg)

    def credentials(self, url: str, username: str | None, allowed: CredentialType) -> Any:
        """What proves who we are; to whom it was meant for, once."""
        if self._ask is None:
            if allowed & CredentialType.SSH_KEY and _server(url)[0] not in {"http", "https"}:
                return self._once(url, ssh_agent, username, allowed)
            self.unasked = "it asks who we are, and no token or key is set up"
            raise pygit2.AuthError(self.unasked)
        return self._once(url, self._ask, username, allowed)

    def _once(
        self, url: str, ask: Credentials, username: str | None, allowed: CredentialType
    ) -> Any:
        if allowed == CredentialType.USERNAME:
            return pygit2.Username(username or "git")
        if self.asked:
            self.unasked = "it does not accept the token or key"
            raise pygit2.AuthError(self.unasked)
        self.asked = True
        if _server(url) != _server(self._url):
            self.unasked = "it sends us on to another server, which gets no token"
            raise pygit2.AuthError(self.unasked)
        found = ask(url, username, allowed)
        if isinstance(found, pygit2.UserPass):
            self._secrets |= set(found.credential_tuple)
        return found

    def safe(self, text: str) -> str:
        """A server's words, on one line, without what proves who we are."""
        text = line(text, _SAID)
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN) if secret else text
        return Redactor()(text)

    @property
    def more(self) -> str:
        """What was said beside, if anything."""
        said = self.safe(self._said)
        return f" ({said})" if said else ""


def token_credentials(token: str, user: str = "oauth2") -> Credentials:
    """A forge's token, for HTTPS; an SSH remote asks the agent."""

    def answer(url: str, username: str | None, allowed: CredentialType) -> Any:
        if not allowed & CredentialType.USERPASS_PLAINTEXT:
            return ssh_agent(url, username, allowed)
        scheme, host, _ = _server(url)
        if scheme != "https" and host not in _LOOPBACK:
            raise pygit2.AuthError(f"a token is not sent over {scheme}, where anybody can read it")
        return pygit2.UserPass(username or user, token)

    return answer


def ssh_agent(_url: str, username: str | None, allowed: CredentialType) -> Any:
    """A key that the SSH agent holds: no key is read by us."""
    if not allowed & CredentialType.SSH_KEY:
        raise pygit2.AuthError("it wants a token, and an SSH key is all there is")
    return pygit2.KeypairFromAgent(username or "git")


def ssh_key(public: Path, private: Path, passphrase: str = "") -> Credentials:
    """A key in a file, as a controller without an agent has one."""

    def answer(_url: str, username: str | None, allowed: CredentialType) -> Any:
        if not allowed & CredentialType.SSH_KEY:
            raise pygit2.AuthError("it wants a token, and an SSH key is all there is")
        return pygit2.Keypair(username or "git", str(public), str(private), passphrase)

    return answer


def _server(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port."""
    if "://" not in url:
        return "ssh", url.partition(":")[0].rpartition("@")[2], None
    try:
        parts = urlsplit(url)
        return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", "", None


def same_server(one: str, other: str) -> bool:
    """Whether two addresses lead to one server: what proves us to one is for the other."""
    return bool(_server(one)[1]) and _server(one)[1] == _server(other)[1]


def _userinfo(url: str) -> set[str]:
    """What stands before the host of an address and is nobody's business."""
    found = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    name, _, password = found.partition(":")
    return {one for text in (found, password, "" if password else name) for one in _forms(text)}


def _forms(text: str) -> set[str]:
    return {text, unquote(text)} - {"", "git"}


def _outdated(why: str) -> bool:
    """Whether a push was refused since somebody else was faster."""
    return any(one in why.lower() for one in _LATE)
