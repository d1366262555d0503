"""The branch of records, here or at a remote: objects, and a ref moved only from where it was.

A remote on this machine's disk is worked on directly: libgit2 does not compare what it overwrites
there. A remote behind a server does, and rejects what does not follow.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pygit2
from pygit2.enums import CredentialType, ObjectType

from reconciler.adapters.git import common_folder, open_repository
from reconciler.adapters.loose import loose_objects, read_loose
from reconciler.core.git_objects import object_id
from reconciler.core.git_pack import pack
from reconciler.core.records.words import line
from reconciler.core.redact import HIDDEN, Redactor
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.git import ObjectKind
from reconciler.ports import RecordStore

_KINDS: Final = {
    "blob": ObjectType.BLOB,
    "tree": ObjectType.TREE,
    "commit": ObjectType.COMMIT,
    "tag": ObjectType.TAG,
}
_NAMES: Final = {int(kind): name for name, kind in _KINDS.items()}
_LOCKED: Final = 10.0
_STALE: Final = 60.0
"""A ref is locked for a moment; a lock of this age was left by somebody who died."""
_PAUSE: Final = 0.002
_ODD: Final = 100
_SOON: Final = 1.0
"""What was seen is noted at most so often."""
_MANY: Final = 64
_FRESH: Final = 4096
"""So many files are waited for one by one; of more the whole disk is."""
_TRIES: Final = 5
_CONNECT: Final = 10_000
_SILENT: Final = 60_000
"""Milliseconds until a server that says nothing is taken to be away."""
_SAID: Final = 300
_LARGEST: Final = 64 * 1024 * 1024
"""Nobody writes a larger object; whoever pushes one only wants to take our memory."""
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
_SEEN: Final = "refs/reconciler/seen/"
_CACHE: Final = 16 * 1024 * 1024
"""libgit2 keeps objects that it has read, by itself up to 256 MB in each process; a history is read
once from end to end, and what is read twice is remembered here."""

Credentials = Callable[[str, str | None, CredentialType], Any]


def record_store(
    path: Path, branch: str, remote: str = "", credentials: Credentials | None = None
) -> RecordStore:
    """Where records are kept: in the repository around a path, or at a remote of it."""
    if not remote:
        return GitRecords(path, branch)
    repository = open_repository(path)
    found = _remote(repository, remote)
    url, push_url = found.url or "", found.push_url
    if push_url and push_url != url:
        raise UsageError(
            "remote-in-two-places",
            f"the remote `{remote}` is read at one place and written at another",
            hint=f"records have one home: `git remote set-url --delete --push {remote} .`",
        )
    place = _on_this_disk(url, Path(repository.workdir or repository.path))
    if place is None:
        return RemoteRecords(path, branch, remote, credentials)
    if not place.is_dir():
        raise UsageError(
            "no-such-remote",
            f"records are kept at the remote `{remote}`, and there is nothing at {place}",
            hint="is that disk mounted?",
        )
    return GitRecords(place, branch)


def _remote(repository: pygit2.Repository, name: str) -> pygit2.Remote:
    try:
        return repository.remotes[name]
    except (KeyError, ValueError) as err:
        raise UsageError(
            "no-such-remote",
            f"records are kept at the remote `{name}`, and there is none of that name here",
            hint=f"`git remote add {name} ...`, or say in reconciler.yaml where they are",
        ) from err


def _on_this_disk(url: str, home: Path) -> Path | None:
    """Where a remote lies, when it lies on this machine; as git reads its name."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    before, colon, _ = url.partition(":")
    if "://" in url or (colon and "/" not in before):
        return None
    return home / url


class GitRecords:
    """Records in a repository on this machine."""

    def __init__(self, path: Path, branch: str) -> None:
        pygit2.settings.cache_max_size(_CACHE)
        self._path = path
        self._repository = open_repository(path)
        self._odb = self._repository.odb
        self._common = common_folder(Path(self._repository.path))
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        if not pygit2.reference_is_valid_name(self._ref):
            raise UsageError("not-a-branch", f"{branch!a} is no name of a branch")
        self._known = ""
        self._saved = 0.0
        self._waiting: dict[str, tuple[ObjectKind, bytes]] = {}
        self._fresh: dict[str, None] = {}
        self._free = False

    def tip(self, *, fresh: bool = False) -> str:  # it always is
        """The last commit of the branch."""
        return self._target(self._ref)

    def read(self, oid: str) -> tuple[str, bytes]:
        """An object's kind and bytes."""
        if oid in self._waiting:
            return self._waiting[oid]
        if oid in self._loose:
            found = read_loose(self._objects, oid, _LARGEST)
            if found is not None:
                return found
        try:
            name = pygit2.Oid(hex=oid)
        except ValueError as err:
            raise LookupError(oid[:12]) from err
        try:
            return self._looked_up(name)
        except (KeyError, ValueError, pygit2.GitError):
            # `git gc` may have moved everything since the repository was opened.
            self._odb = open_repository(self._path).odb
            try:
                return self._looked_up(name)
            except (KeyError, ValueError, pygit2.GitError) as err:
                raise LookupError(oid[:12]) from err

    def _looked_up(self, name: pygit2.Oid) -> tuple[str, bytes]:
        size = self._odb.read_header(name)[1]
        if size > _LARGEST:
            msg = f"it is too large: {size} bytes"
            raise ValueError(msg)
        kind, data = self._odb.read(name)
        return _NAMES.get(int(kind), "object"), data

    def write(self, kind: ObjectKind, data: bytes) -> str:
        """Keep an object; it reaches the disk before anything points to it."""
        oid = object_id(kind, data)
        self._waiting[oid] = (kind, data)
        return oid

    def drop(self) -> None:
        """Forget what waits: nothing will point to it."""
        self._waiting = {}

    def _flush(self) -> None:
        """What waits, onto the disk: few by themselves, many in one pack."""
        waiting, self._waiting = self._waiting, {}
        try:
            if len(waiting) < _MANY:
                for kind, data in waiting.values():
                    oid = str(self._odb.write(_KINDS[kind], data))
                    self._wrote(f"{oid[:2]}/{oid[2:]}")
            else:
                self._pack(waiting)
        except (OSError, pygit2.GitError) as err:
            raise _not_written(err) from err

    def _pack(self, objects: Mapping[str, tuple[ObjectKind, bytes]]) -> None:
        name, body, index = pack(objects)
        folder = self._objects / "pack"
        folder.mkdir(exist_ok=True)
        for suffix, data in (("pack", body), ("idx", index)):
            path = folder / f"pack-{name}.{suffix}"
            part = folder / f"tmp_{os.getpid()}_{path.name}"
            try:
                part.write_bytes(data)
                part.chmod(0o444)
                part.rename(path)  # the index last: a pack without one is not there yet
            finally:
                part.unlink(missing_ok=True)
            self._wrote(f"pack/{path.name}")

    def _wrote(self, name: str) -> None:
        if len(self._fresh) <= _FRESH:
            self._fresh[name] = None

    @cached_property
    def _loose(self) -> frozenset[str]:
        """Those that others wrote, in whatever state they are."""
        return loose_objects(self._objects)

    @property
    def _objects(self) -> Path:
        return self._common / "objects"

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Move the branch, if it is still where it was."""
        if self._target(self._ref) != old:
            return False
        self._unused()
        self._flush()
        if durable:
            self._on_disk()
        moved = self._moved(self._ref, old, new)
        if moved:
            if durable:
                _synced(self._common / self._ref)
                _synced((self._common / self._ref).parent)
                self._saved = 0.0  # what has to last is remembered at once
            self.saw(new)
        return moved

    def seen(self) -> str:
        """The last commit that was on the branch."""
        return self._known or self._target(self._seen_ref)

    def saw(self, commit: str) -> None:
        """Remember where the branch was: in this process always, on the disk when it can be."""
        self._known = commit
        if self._saved and time.monotonic() - self._saved < _SOON:
            return
        self._saved = time.monotonic()
        with suppress(OSError, ValueError, pygit2.GitError):
            self._repository.references.create(self._seen_ref, commit, force=True)

    def others(self) -> Mapping[str, str]:
        """The branch at remotes, as it was fetched last."""
        found = {}
        for name in self._repository.references:
            parts = name.split("/", 3)
            if name.startswith("refs/remotes/") and parts[-1] == self._branch:
                found[parts[2]] = self._target(name)
        return found

    def tags(self, prefix: str) -> Mapping[str, str]:
        """Tags whose names begin so."""
        start = f"refs/tags/{prefix}"
        return {
            name.removeprefix("refs/tags/"): self._target(name)
            for name in self._repository.references
            if name.startswith(start)
        }

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag."""
        oid = self.write("tag", data)
        self._flush()
        self._on_disk()
        try:
            self._repository.references.create(f"refs/tags/{name}", oid)
        except pygit2.AlreadyExistsError as err:
            raise _tag_there(name) from err
        except (OSError, ValueError, pygit2.GitError) as err:
            raise _not_written(err) from err

    @property
    def _seen_ref(self) -> str:
        return _SEEN + self._branch

    def _unused(self) -> None:
        """Nobody works on a checkout of records: their next commit would undo what we write."""
        if self._free:
            return
        folders = list((self._common / "worktrees").glob("*"))
        config = self._repository.config
        if "core.bare" not in config or not config.get_bool("core.bare"):
            folders.append(self._common)
        for folder in folders:
            with suppress(OSError):
                head = (folder / "HEAD").read_text(encoding="utf-8").strip()
                if head == f"ref: {self._ref}":
                    raise ReconcilerError(
                        "records-checked-out",
                        f"nothing was recorded: the branch `{self._branch}` is checked out,"
                        " and a commit made there would undo records",
                        hint="`git worktree list` says where; check out another branch there."
                        f" `git log -p {self._branch}` shows records without a checkout",
                        subject=str(folder),
                    )
        self._free = True

    def _target(self, name: str) -> str:
        try:
            found = self._repository.references[name].resolve().target
        except (KeyError, ValueError, pygit2.GitError):
            return ""
        return str(found)

    def _moved(self, name: str, old: str, new: str) -> bool:
        until = time.monotonic() + _LOCKED
        odd = 0
        while True:
            try:
                if old:
                    reference = self._repository.references[name].resolve()
                    if str(reference.target) != old:
                        return False
                    reference.set_target(new)
                else:
                    self._repository.references.create(name, new)
            except (KeyError, pygit2.AlreadyExistsError):
                return False
            except OSError as err:
                odd += not self._lock(name).exists()  # its holder may just have let go
                if odd > _ODD:
                    raise _not_written(err) from err
                if not self._wait(name, until):
                    raise self._held(name) from err
            except pygit2.GitError as err:
                if "does not match" in str(err):
                    return False
                raise _not_written(err) from err
            else:
                return True

    def _lock(self, name: str) -> Path:
        return self._common / f"{name}.lock"

    def _held(self, name: str) -> ReconcilerError:
        lock = self._lock(name)
        return TransientError(
            "records-locked",
            f"nothing was recorded: somebody else holds {lock}",
            hint=f"if they died, it is taken away by itself {_STALE:.0f} s after they began;"
            " run it again then",
            subject=str(lock),
        )

    def _wait(self, name: str, until: float) -> bool:
        """Wait for whoever holds the ref; False when that takes too long."""
        lock = self._lock(name)
        with suppress(OSError):
            if time.time() - lock.stat().st_mtime > _STALE:
                self._unlock(lock)
                return True
        time.sleep(_PAUSE)
        return time.monotonic() < until

    def _unlock(self, lock: Path) -> None:
        """Take a dead man's lock away. One at a time: a second one would take a living man's."""
        with (self._common / "reconciler.lock").open("a") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            if time.time() - lock.stat().st_mtime > _STALE:
                lock.unlink()

    def _on_disk(self) -> None:
        """Wait until everything that was written here since the last time is on the disk."""
        if len(self._fresh) > _FRESH:
            os.sync()
        else:
            paths = [self._objects / name for name in self._fresh]
            for path in (*paths, *{path.parent for path in paths}):
                _synced(path)
        self._fresh = {}


class RemoteRecords(GitRecords):
    """Records at a remote: what is pushed there counts, and nothing else."""

    def __init__(
        self, path: Path, branch: str, remote: str, credentials: Credentials | None = None
    ) -> None:
        super().__init__(path, branch)
        self._url = _remote(self._repository, remote).url or ""
        self._name = remote
        self._credentials = credentials
        self._tracking = f"refs/remotes/{remote}/{branch}"
        self._tip: str | None = None
        # A server that hangs must not hang us; libgit2 waits for ever unless told.
        pygit2.settings.server_connect_timeout = _CONNECT
        pygit2.settings.server_timeout = _SILENT

    def tip(self, *, fresh: bool = False) -> str:
        """The last commit of the branch as the remote has it."""
        if fresh or self._tip is None:
            self._tip = self._fetched()
        return self._tip

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Push; the server compares."""
        if self._tip != old:
            return False
        self._flush()
        if durable:
            self._on_disk()
        told = self._told({self._ref: old})
        try:
            self._server.push([f"{new}:{self._ref}"], callbacks=told, proxy=True)
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
            raise self._refused(told)
        self._tip = new
        self._track(new)
        if durable:
            self._saved = 0.0
        self.saw(new)
        return True

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag, there and then here."""
        oid = self.write("tag", data)
        self._flush()
        place = f"refs/tags/{name}"
        told = self._told({})
        try:
            heads = self._server.list_heads(callbacks=told, proxy=True)
            there = next((str(one.oid) for one in heads if one.name == place), oid)
            if there != oid:
                raise _tag_there(name)
            told = self._told({})
            self._server.push([f"{oid}:{place}"], callbacks=told, proxy=True)
        except (KeyError, OSError, pygit2.GitError) as err:
            raise self._failed(err, "anchored", told) from err
        if told.rejected:
            raise self._refused(told)
        with suppress(OSError, pygit2.GitError):
            self._repository.references.create(place, oid)

    @property
    def _server(self) -> pygit2.Remote:
        """A connection of its own for each question: one that has fetched does not push."""
        return self._repository.remotes[self._name]

    def _fetched(self) -> str:
        """The tip at the remote; whatever it stands on is here afterwards."""
        told = self._told({})
        for _ in range(_TRIES):
            told = self._told({})
            try:
                heads = self._server.list_heads(callbacks=told, proxy=True)
                tip = next((str(one.oid) for one in heads if one.name == self._ref), "")
                if not tip or tip in self._repository:
                    self._track(tip)
                    return tip
                told = self._told({})
                self._server.fetch([f"+{self._ref}:{self._tracking}"], callbacks=told, proxy=True)
            except (KeyError, OSError, pygit2.GitError) as err:
                raise self._failed(err, "read", told) from err
            if tip in self._repository:
                return tip
        raise self._failed(OSError("the branch moves faster than it is read"), "read", told)

    def _track(self, tip: str) -> None:
        """For people who look at what they fetched; nothing rests on it."""
        if tip and self._target(self._tracking) != tip:
            with suppress(OSError, ValueError, pygit2.GitError):
                self._repository.references.create(self._tracking, tip, force=True)

    def _told(self, expected: Mapping[str, str]) -> "_Told":
        return _Told(self._url, self._credentials, expected)

    def _refused(self, told: "_Told") -> ReconcilerError:
        return ReconcilerError(
            "records-rejected",
            f"the remote `{self._name}` does not take records: {told.safe(told.rejected)}"
            + told.more,
            hint=f"whoever writes records must be allowed to push to `{self._branch}`,"
            " and nobody to force it",
        )

    def _failed(self, err: Exception, what: str, told: "_Told") -> ReconcilerError:
        why = told.safe(told.unasked or str(err)) + told.more
        said = f"records could not be {what} at the remote `{self._name}`: {why}"
        if isinstance(err, pygit2.CertificateError) or "certificate" in why.lower():
            return ReconcilerError(
                "records-unsure",
                said,
                hint="nobody knows whose server that is; is its certificate (or, for SSH, its key"
                " in known_hosts) in order?",
            )
        if told.unasked or isinstance(err, pygit2.AuthError) or _DENIED.search(str(err).lower()):
            return ReconcilerError(
                "records-denied",
                said,
                hint="does the repository exist, and may the token or the key that is used here"
                " read and push it?",
            )
        return TransientError(
            "records-away",
            said,
            hint="is the network there, and may this machine reach the repository? then again",
        )


class _Late(Exception):  # noqa: N818  # what is so, told in a word
    """The branch is not where it was."""


class _Told(pygit2.RemoteCallbacks):
    """Hears what a server says, and answers who we are."""

    def __init__(
        self, url: str, credentials: Credentials | None, expected: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._url = url
        self._ask = credentials
        self._expected = expected
        self._secrets: set[str] = _userinfo(url)
        self._said = ""
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


def _tag_there(name: str) -> UsageError:
    return UsageError("tag-there", f"there is a tag {name} already", subject=name)


def _not_written(err: Exception) -> ReconcilerError:
    return ReconcilerError(
        "records-not-written",
        f"records could not be written: {line(str(err), _SAID)}",
        hint="is the disk full, or the repository read-only? nothing is done before it is written",
    )


def _synced(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
