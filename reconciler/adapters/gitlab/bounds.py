"""An answer has an end: in time as a whole, and in bytes as a whole, whatever the server does.

A time-out of `requests` is for each read by itself: a server that sends a byte now and then is
waited for for ever, already for its headers. And a body is read whole, however long it is.
"""

import io
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_SCHEMES: Final = ("http://", "https://")


class TooLargeError(requests.RequestException):
    """More came than is read."""


def bound(session: requests.Session, seconds: float, size: int) -> requests.Session:
    """Let no answer to this session take longer, or be larger once it is unpacked."""
    for scheme in _SCHEMES:
        session.mount(scheme, _Adapter(seconds, size))
    return session


class _Adapter(HTTPAdapter):
    """Makes connections whose answers are timed, and responses whose bodies are counted."""

    def __init__(self, seconds: float, size: int) -> None:
        self._size = size
        self._pools = _pools(seconds)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        found = super().proxy_manager_for(*args, **kwargs)
        found.pool_classes_by_scheme = self._pools
        return found

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        found = super().build_response(req, resp)
        found.raw = _Counted(found.raw, self._size)
        return found


def _pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    class Timed(HTTPResponse):
        """From the end of the question to the end of the answer."""

        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            inner = self.fp.detach()
            self.fp = io.BufferedReader(_Watched(inner, sock, time.monotonic() + seconds))

    class Plain(HTTPConnection):
        response_class = Timed

    class Secure(HTTPSConnection):
        response_class = Timed

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Watched(io.RawIOBase):
    """What comes from a socket, until a moment; no read lasts longer than the socket allows."""

    def __init__(self, inner: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._inner = inner
        self._sock = sock
        self._until = until
        self._patience = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            msg = "the whole of it took too long"
            raise TimeoutError(msg)
        self._sock.settimeout(left if self._patience is None else min(left, self._patience))
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Counted:
    """A body as urllib3 gives it, up to so many bytes."""

    def __init__(self, inner: urllib3.BaseHTTPResponse, size: int) -> None:
        self._inner = inner
        self._size = size

    def stream(self, amount: int, *, decode_content: bool) -> Iterator[bytes]:
        """As `requests` asks for it."""
        left = self._size
        for data in self._inner.stream(amount, decode_content=decode_content):
            left -= len(data)
            if left < 0:
                self._inner.close()
                raise TooLargeError
            yield data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
