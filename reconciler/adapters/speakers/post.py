"""One POST over HTTPS, to one place: no redirect, an end in time, and no word of the answer.

An address may hold what proves us, as that of a chat does: no error names it.
"""

import http.client
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from reconciler import __version__
from reconciler.errors import ReconcilerError, TransientError, UsageError

SECONDS: Final = 10.0
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ENDS: Final = 300
_FIRST_ERROR: Final = 400


def https(address: str, name: str) -> str:
    """An address that something may be sent to; `name`: how people know it."""
    try:
        parts = urlsplit(address)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not address.isascii() or not address.isprintable() or " " in address:
        raise UsageError(
            "bad-address",
            f"{name} holds no address that starts with https://",
            hint=f"put the whole address into {name}",
            subject=name,
        )
    return address


class Poster:
    """Sends to one address. `name`: how people know it."""

    def __init__(
        self,
        address: str,
        name: str,
        proxies: Mapping[str, str],
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._address = https(address, name)
        self._name = name
        self._seconds = seconds
        self._opener = build_opener(
            ProxyHandler(dict(proxies)),
            HTTPSHandler(context=context or ssl.create_default_context()),
            _NoRedirect(),
        )

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Send it; a TransientError when it may come through later."""
        more = {"User-Agent": f"reconciler/{__version__}", "Content-Type": "application/json"}
        request = Request(self._address, body, {**more, **headers}, method="POST")  # noqa: S310  # https
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                status = int(answer.status)
        except HTTPError as err:
            err.close()
            status = err.code
        except (URLError, OSError, http.client.HTTPException) as err:
            why = err.reason if isinstance(err, URLError) else err
            raise TransientError(
                "notice-unsent",
                f"nobody answers at the address of {self._name}: {type(why).__name__}",
                hint="is the network there, and the address right?",
                subject=self._name,
            ) from None
        if status >= _ENDS:
            raise self._refused(status)

    def _refused(self, status: int) -> ReconcilerError:
        if status in _PASSING:
            return TransientError(
                "notice-unsent", f"{self._name} does not take it now: {status}", subject=self._name
            )
        if status < _FIRST_ERROR:
            return ReconcilerError(
                "notice-refused",
                f"{self._name} sends us on to somewhere else ({status}), which is not followed",
                hint="name the address that it leads to",
                subject=self._name,
            )
        return ReconcilerError(
            "notice-refused",
            f"{self._name} does not take it: {status}",
            hint="are the address and the secret right, and is it still set up there?",
            subject=self._name,
        )


class _NoRedirect(HTTPRedirectHandler):
    """What is sent is for whoever the settings name."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """None: the answer is an error."""
        return
