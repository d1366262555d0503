"""Ask a URL once, and hear no more than the status of the answer.

Where it leads is up to documents and to DNS, and this process stands where it reaches much that
users do not. So the name is looked up once, every address that it has must be one that may be
asked, and it is that address which is asked. No redirect, no proxy, nothing of ours is sent along.
"""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from reconciler.errors import ReconcilerError

Address = IPv4Address | IPv6Address
_SECONDS: Final = 10.0
_HEAD: Final = 4096
_NAT64: Final = IPv6Network("64:ff9b::/96")


def outside(address: Address) -> bool:
    """Whether everybody on the internet reaches it."""
    return address.is_global and not address.is_multicast


def inside(address: Address) -> bool:
    """Also private ones: not this machine, and not what its host tells it on a link of its own."""
    never = address.is_loopback or address.is_link_local or address.is_unspecified
    return not (never or address.is_multicast or address.is_reserved)


class NoAnswer(Exception):  # noqa: N818  # no failure of ours: it is what was asked about
    """Nothing answered, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class WebCheck:
    """Asks URLs. `may`: which addresses may be asked."""

    may: Callable[[Address], bool]
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    seconds: float = _SECONDS
    """For everything together."""

    def status(self, url: str, path: str) -> int:
        """The status that it answers with; `NoAnswer` says why there is none."""
        host, port = _read(url)
        end = time.monotonic() + self.seconds
        try:
            with socket.create_connection((self._address(host, port), port), self.seconds) as plain:
                return self._asked(plain, host, port, path, end)
        except TimeoutError:
            raise NoAnswer("it takes too long") from None
        except ssl.SSLError as err:
            raise NoAnswer(f"no TLS: {err.reason or type(err).__name__}") from None
        except OSError as err:
            raise NoAnswer(f"{type(err).__name__}") from None

    def _address(self, host: str, port: int) -> str:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        refused = sorted(one for one in found if not self.may(_plain(one)))
        if refused:
            raise ReconcilerError(
                "address-not-allowed",
                f"{host} leads to {refused[0]}, where no check may go",
                hint="only addresses of the internet are asked; `health: {insideAddresses: true}`"
                " in the profile allows private ones too",
                subject=host,
            )
        return min(found)

    def _asked(self, plain: socket.socket, host: str, port: int, path: str, end: float) -> int:
        named = f"[{host}]" if ":" in host else host
        place = named if port == 443 else f"{named}:{port}"  # noqa: PLR2004  # https
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {place}",
            "User-Agent: reconciler",
            "Accept: */*",
            "Connection: close",
        )
        with self.trust.wrap_socket(plain, server_hostname=host) as channel:
            channel.sendall("\r\n".join((*lines, "", "")).encode("ascii"))
            head = b""
            while b"\n" not in head and len(head) < _HEAD:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                channel.settimeout(left)
                more = channel.recv(_HEAD)
                if not more:
                    break
                head += more
        words = head.partition(b"\n")[0].split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():  # noqa: PLR2004  # version, status
            raise NoAnswer("no HTTP")
        return int(words[1])


def _read(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:
        raise _bad_address() from None
    bare = not (parts.username or parts.password or parts.query or parts.path.strip("/"))
    if parts.scheme != "https" or not host or not bare:
        raise _bad_address()
    return host, port


def _bad_address() -> ReconcilerError:
    return ReconcilerError(
        "bad-address",
        "the address of a check is not `https://` and a host",
        hint="look at the output that the blueprint's `health` names",
    )


def _plain(text: str) -> Address:
    """The address that is meant: one of IPv4 also stands within ones of IPv6."""
    found = ip_address(text.partition("%")[0])
    if isinstance(found, IPv4Address):
        return found
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or found
