"""One GitLab over HTTP: every request has an end, and what went wrong is told in our own kinds.

python-gitlab would obey any `Retry-After`, retry what must not be done twice, and follow a redirect
with the token in its hand. None of that is left to it.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import gitlab
import requests
import urllib3

from reconciler import __version__
from reconciler.adapters.gitlab.bounds import TooLargeError, bound
from reconciler.core.records.words import line
from reconciler.core.redact import Redactor
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError

Verb = Literal["get", "post", "put", "delete"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PAGE: Final = 100
_MOST_PAGES: Final = 1000
"""A server that always has a next page must not keep us for ever."""
_TRIES: Final = 3
_SAID: Final = 300
_LOCKED: Final = "resource lock"
_RETRIED: Final = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})
_AWAY: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    gitlab.exceptions.GitlabParsingError,
)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # looked up when it is needed: a test lets no time pass


@dataclass(frozen=True, slots=True)
class Pace:
    """How long anything may take, in seconds, and how large it may be."""

    request: float = 30.0
    """One request, until the server says something."""
    whole: float = 120.0
    """One request, until the server has said everything."""
    size: int = 256 * 1024 * 1024
    """Bytes of one answer. A page of a hundred descriptions of a MiB each has to fit."""
    wait: float = 30.0
    """The longest that a server may ask us to wait here; more is told to the caller."""
    pause: Callable[[float], None] = _sleep


class RefusedError(Exception):
    """The server said no; whoever asked knows what that means."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


class UnsureError(TransientError):
    """The answer got lost: nobody knows whether it was done."""


@dataclass(frozen=True, slots=True)
class _Later:
    """No answer, and perhaps one later."""

    why: ReconcilerError
    seconds: float | None = None
    """How long the server asks to wait; None: it does not say."""
    nothing_done: bool = False
    """Whether it is certain that nothing came of it."""


class Client:
    """The API of one project."""

    def __init__(self, url: str, project: str, token: str, variable: str, pace: Pace) -> None:
        if not url.startswith("https://") and urlsplit(url).hostname not in _LOOPBACK:
            raise UsageError(
                "forge-plain",
                f"a token is not sent to {line(url, _SAID)}, where anybody on the way can read it",
                hint="write `https://` into `spec.forge.url` of reconciler.yaml",
            )
        self._url = url.rstrip("/")
        self._project = project
        self._token = token
        self._variable = variable
        self._pace = pace
        self._safe = Redactor((token,))
        self._threads = threading.local()
        self._clients: list[gitlab.Gitlab] = []
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """The server, for people."""
        return urlsplit(self._url).netloc or self._url

    @property
    def project(self) -> str:
        """The project, for people."""
        return self._project

    def address(self) -> str:
        """Where git finds the project."""
        with self.about("the project", self.no_project()):
            address = self.one(self.below()).get("http_url_to_repo")
        if not isinstance(address, str):
            raise self._nonsense("a project without an address")
        return address

    def close(self) -> None:
        """Let go of every connection."""
        with self._lock:
            clients, self._clients = self._clients, []
        for one in clients:
            one.session.close()

    def below(self, *parts: object) -> str:
        """A path below the project; each part is one, whatever is in it."""
        words = [str(one) for one in (self._project, *parts)]
        for word in words:
            # Dots would be taken for folders, and lead to another path.
            if word in ("", ".", ".."):
                raise UsageError("bad-name", f"{word!r} is no name of anything on {self.host}")
        return "/projects/" + "/".join(quote(word, safe="", errors="replace") for word in words)

    # --------------------------------------------------------------------------- asking

    def get(self, path: str, **query: object) -> Any:
        """One thing, read."""
        return self._json(self.asked("get", path, query=query))

    def one(self, path: str) -> dict[str, Any]:
        """One thing with fields."""
        found = self.get(path)
        if not isinstance(found, dict):
            raise self._nonsense("a list or a word instead of one thing")
        return found

    def rows(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """A listing, page by page, each when it is wanted. No address of the server is followed."""
        page = "1"
        for _ in range(_MOST_PAGES):
            answer = self.asked("get", path, query={**query, "per_page": _PAGE, "page": page})
            found = self._json(answer)
            if not isinstance(found, list):
                raise self._nonsense("a listing that is none")
            yield from (one for one in found if isinstance(one, dict))
            page = answer.headers.get("X-Next-Page", "")
            if not page.isdigit():
                return
        raise self._nonsense(f"more than {_MOST_PAGES} pages")

    def put(self, path: str, **body: object) -> Any:
        """Make it so; a second time changes nothing, so it is tried again."""
        return self._json(self.asked("put", path, body=body))

    def post(
        self, path: str, body: Mapping[str, object] | None = None, *, again: bool = False
    ) -> Any:
        """Do it. `again`: a second time does no harm; else `UnsureError` when nobody knows."""
        return self._json(self.asked("post", path, body=body or {}, again=again))

    def put_once(self, path: str, body: Mapping[str, object]) -> Any:
        """Make it so, where a second time would do harm: `UnsureError` when nobody knows."""
        return self._json(self.asked("put", path, body=body, again=False))

    def asked(
        self,
        verb: Verb,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        again: bool = True,
    ) -> requests.Response:
        """The answer to one question, asked more than once only where that does no harm."""
        waited = 0.0
        for turn in range(1, _TRIES + 1):
            found = self._tried(verb, path, query, body)
            if not isinstance(found, _Later):
                return found
            if not found.nothing_done and not again:
                raise UnsureError(found.why.reason, found.why.message, hint=found.why.hint)
            seconds = 2.0**turn / 4 if found.seconds is None else found.seconds
            waited += seconds
            if turn == _TRIES or waited > self._pace.wait:
                raise found.why
            self._pace.pause(seconds)
        raise AssertionError  # the last turn returns or raises

    def _tried(
        self,
        verb: Verb,
        path: str,
        query: Mapping[str, object] | None,
        body: Mapping[str, object] | None,
    ) -> "requests.Response | _Later":
        """The answer, or what may be otherwise later; an error where later is no better."""
        try:
            return self._once(verb, path, query, body)
        except gitlab.exceptions.GitlabHttpError as err:
            return self._told(err)
        except gitlab.exceptions.GitlabAuthenticationError as err:
            raise RefusedError(401, self.safe(_words(err.error_message))) from None
        except (gitlab.exceptions.RedirectError, requests.TooManyRedirects):
            raise self._moved() from None
        except requests.exceptions.SSLError as err:
            raise self._unknown(err) from None
        except TooLargeError:
            return _Later(self._large(), math.inf)  # the next one would be as large
        except _AWAY as err:
            return _Later(self._away(_why(err)))
        except (gitlab.exceptions.GitlabError, requests.RequestException, ValueError) as err:
            raise self._nonsense(self.safe(str(err))) from None

    def _told(self, err: gitlab.exceptions.GitlabHttpError) -> "_Later":
        status, said = err.response_code or 0, _words(err.error_message)
        if status == requests.codes.too_many_requests:
            seconds = _seconds(self._headers)
            return _Later(self._busy(seconds), seconds, nothing_done=True)
        if status == requests.codes.conflict and _LOCKED in said.lower():
            why = WaitingError(
                "forge-busy",
                f"{self.host} does the same thing for somebody else",
                hint="it is done the next time",
            )
            return _Later(why, nothing_done=True)
        if status in _RETRIED:
            return _Later(self._away(f"it answers {status}"))
        raise self._refused(err) from None

    def _once(
        self,
        verb: Verb,
        path: str,
        query: Mapping[str, object] | None,
        body: Mapping[str, object] | None,
    ) -> requests.Response:
        return self._client.http_request(
            verb,
            path,
            query_data=dict(query or {}),
            post_data=dict(body) if body is not None else None,
            obey_rate_limit=False,
            retry_transient_errors=False,
            max_retries=0,
            timeout=self._pace.request,
        )

    @property
    def _client(self) -> gitlab.Gitlab:
        """A session is for one thread."""
        found: gitlab.Gitlab | None = getattr(self._threads, "client", None)
        if found is None or found not in self._clients:
            found = gitlab.Gitlab(
                self._url,
                private_token=self._token,
                timeout=self._pace.request,
                per_page=_PAGE,
                keep_base_url=True,
                retry_transient_errors=False,
                user_agent=f"reconciler/{__version__}",
                session=bound(requests.Session(), self._pace.whole, self._pace.size),
            )
            # A redirect would take the token along, to whatever server it names.
            found.session.max_redirects = 0
            found.session.hooks["response"].append(self._heard)
            self._threads.client = found
            with self._lock:
                self._clients.append(found)
        return found

    def _heard(self, answer: requests.Response, *_: object, **__: object) -> None:
        """python-gitlab's exceptions do not have the headers that came with a refusal."""
        self._threads.headers = answer.headers

    @property
    def _headers(self) -> Mapping[str, str]:
        found: Mapping[str, str] = getattr(self._threads, "headers", {})
        return found

    @property
    def date(self) -> str:
        """When the last answer was given, by the server's clock; empty: it did not say."""
        return self._headers.get("Date", "")

    def _json(self, answer: requests.Response) -> Any:
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise self._nonsense("what it answers is no JSON") from None

    # -------------------------------------------------------------------------- failures

    def safe(self, text: str) -> str:
        """A server's words, on one line, without what proves who we are."""
        return self._safe(line(text, _SAID))

    def _refused(self, err: gitlab.exceptions.GitlabHttpError) -> Exception:
        """What the server does not want."""
        status, said = err.response_code or 0, self.safe(_words(err.error_message))
        if status == requests.codes.not_found and "project not found" in said.lower():
            return self.no_project()
        return RefusedError(status, said)

    def refusal(
        self, err: RefusedError, what: str, gone: ReconcilerError | None = None
    ) -> ReconcilerError:
        """What a refusal means where it means nothing special; `gone`: that it is not there."""
        if err.status == requests.codes.unauthorized:
            return self.unknown_account()
        if err.status == requests.codes.forbidden:
            return self.denied(what, err.said)
        if err.status == requests.codes.not_found and gone is not None:
            return gone
        return ReconcilerError(
            "forge-refused",
            f"{self.host} refuses {what}: {err.said} ({err.status})",
            hint="look at it there; `reconciler doctor` says how the project is set up",
        )

    @contextmanager
    def about(self, what: str, gone: ReconcilerError | None = None) -> Iterator[None]:
        """Whatever is refused inside is told as this."""
        try:
            yield
        except RefusedError as err:
            raise self.refusal(err, what, gone) from None

    def no_project(self) -> UsageError:
        """The project is not to be seen."""
        return UsageError(
            "no-such-project",
            f"{self.host} has no project `{line(self._project, _SAID)}` that the token may see",
            hint="is `spec.forge.project` of reconciler.yaml right, and the account of the token"
            " a member of the project?",
            subject=self._project,
        )

    def denied(self, what: str, said: str) -> ReconcilerError:
        """The account may not do it."""
        scope = "scope" in said.lower()
        hint = (
            f"the token in {self._variable} needs the scope `api`"
            if scope
            else "the account of the token needs the role Developer; Maintainer to merge into a"
            " protected branch and to read how it is protected"
        )
        return ReconcilerError(
            "forge-denied", f"{self.host} does not let us: {what} ({said})", hint=hint
        )

    def unknown_account(self) -> ReconcilerError:
        """The token is of no use."""
        return ReconcilerError(
            "forge-token",
            f"{self.host} does not accept the token in {self._variable}: it is wrong, expired or"
            " revoked",
            hint=f"make a new one with the scope `api`, and put it into {self._variable}",
        )

    def _away(self, why: str) -> TransientError:
        return TransientError(
            "forge-away",
            f"{self.host} cannot be reached: {why}",
            hint="nothing is lost: it is done the next time; is the network there, and the server"
            " up?",
        )

    def _large(self) -> TransientError:
        size = f"{self._pace.size / 1024 / 1024:.0f} MiB"
        return TransientError(
            "forge-large",
            f"{self.host} answers with more than {size}, and no more of it is read",
            hint="does somebody fill merge requests there with very long texts? close those; else"
            " is `spec.forge.url` of reconciler.yaml the address of a GitLab?",
        )

    def _busy(self, seconds: float) -> WaitingError:
        return WaitingError(
            "forge-busy",
            f"{self.host} takes no more requests now, and asks to wait {seconds:.0f} s",
            hint="it is done the next time; if that is often, raise `spec.intervals.poll`",
        )

    def _moved(self) -> ReconcilerError:
        return ReconcilerError(
            "forge-moved",
            f"{self.host} sends us on to another address, which gets no token",
            hint="write the address and the project's path into reconciler.yaml as they are now",
        )

    def _unknown(self, err: Exception) -> ReconcilerError:
        return ReconcilerError(
            "forge-unsure",
            f"nobody knows whose server {self.host} is: {self.safe(str(err))}",
            hint="is its certificate in order? an authority of your own is named by"
            " REQUESTS_CA_BUNDLE",
        )

    def _nonsense(self, why: str) -> TransientError:
        return TransientError(
            "forge-nonsense",
            f"{self.host} does not answer as GitLab does: {why}",
            hint="is `spec.forge.url` of reconciler.yaml the address of a GitLab?",
        )


def _seconds(headers: Mapping[str, str]) -> float:
    """How long the server asks to wait."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 1.0


def _words(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _why(err: Exception) -> str:
    """In a word: the exceptions of the library quote addresses and memory."""
    if isinstance(err, requests.ConnectTimeout):
        return "it does not answer at all"
    late = bool(err.args) and isinstance(err.args[0], urllib3.exceptions.ReadTimeoutError)
    if late or isinstance(err, requests.Timeout):
        return "it does not answer in time"
    if isinstance(err, requests.ConnectionError):
        return "there is no connection, or it broke off"
    return "its answer was cut off"
