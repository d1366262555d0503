"""URLs are asked on a real server; and never one that nobody outside reaches."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.web_check import NoAnswer, WebCheck, inside, outside
from reconciler.errors import ReconcilerError

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
OURS = ("127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", "224.0.0.0/4")
OURS_6 = ("::1/128", "fe80::/10", "ff00::/8")


@dataclass
class Server:
    """Says one thing to whoever asks, over TLS."""

    answer: bytes
    port: int = 0
    heard: bytes = b""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        " -keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        command.split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def serving(certificate: Path) -> Iterator[Callable[[bytes], Server]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    opened: list[socket.socket] = []

    def start(answer: bytes) -> Server:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)
        server = Server(answer, listener.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as channel:
                    server.heard = channel.recv(4096)
                    channel.sendall(server.answer)
                    if not server.answer:
                        channel.recv(1)  # until the other side has had enough

        threading.Thread(target=serve, daemon=True).start()
        return server

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def check(certificate: Path) -> WebCheck:
    trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    return WebCheck(lambda _address: True, trust, 5)


def test_it_hears_the_status(check: WebCheck, serving: Callable[[bytes], Server]) -> None:
    server = serving(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert check.status(f"https://localhost:{server.port}", "/healthz") == 204
    assert server.heard.startswith(b"GET /healthz HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}\r\n".encode() in server.heard


def test_it_follows_no_redirect(check: WebCheck, serving: Callable[[bytes], Server]) -> None:
    server = serving(b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\n\r\n")
    assert check.status(f"https://localhost:{server.port}", "/") == 302


@pytest.mark.parametrize("answer", [b"SSH-2.0-hello\r\n", b"x" * 9000, b"HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_no_answer(
    check: WebCheck, serving: Callable[[bytes], Server], answer: bytes
) -> None:
    server = serving(answer)
    with pytest.raises(NoAnswer):
        check.status(f"https://localhost:{server.port}", "/")


def test_a_server_that_says_nothing_is_not_waited_for(
    check: WebCheck, serving: Callable[[bytes], Server]
) -> None:
    server = serving(b"")
    quick = WebCheck(check.may, check.trust, 0.3)
    with pytest.raises(NoAnswer, match="too long"):
        quick.status(f"https://localhost:{server.port}", "/")


def test_nobody_at_the_port_is_no_answer(check: WebCheck) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoAnswer, match="Refused"):
        check.status(f"https://localhost:{port}", "/")


def test_a_certificate_that_nobody_trusts_is_no_answer(
    serving: Callable[[bytes], Server],
) -> None:
    server = serving(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(NoAnswer, match="TLS"):
        WebCheck(lambda _address: True).status(f"https://localhost:{server.port}", "/")


@pytest.mark.parametrize("may", [outside, inside])
@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:169.254.169.254]"]
)
def test_it_never_asks_the_machine_that_asks(
    may: Callable[..., bool], host: str, serving: Callable[[bytes], Server]
) -> None:
    server = serving(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(ReconcilerError) as caught:
        WebCheck(may).status(f"https://{host}:{server.port}", "/")
    assert caught.value.reason == "address-not-allowed"
    assert not server.heard


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://",
        "https://ada:secret@example.com",
        "https://example.com/else",
        "https://example.com?a=b",
        "https://example.com:99999",
        "file:///etc/passwd",
        "https://exa mple.com:x",
    ],
)
def test_only_https_and_a_host_is_an_address(url: str, check: WebCheck) -> None:
    with pytest.raises(ReconcilerError) as caught:
        check.status(url, "/")
    assert caught.value.reason == "bad-address"
    assert "secret" not in caught.value.message


def some(*networks: str) -> st.SearchStrategy[str]:
    def within(network: IPv4Network | IPv6Network) -> st.SearchStrategy[str]:
        first, size = int(network.network_address), network.num_addresses
        kind = type(network.network_address)
        return st.integers(0, size - 1).map(lambda more: str(kind(first + more)))

    return st.one_of(
        *(within(IPv6Network(one) if ":" in one else IPv4Network(one)) for one in networks)
    )


@given(some(*PRIVATE))
def test_private_addresses_are_asked_only_where_the_profile_says_so(address: str) -> None:
    found = ip_address(address)
    assert not outside(found)
    assert inside(found)


@given(some(*OURS[:2], "224.0.0.0/4", *OURS_6))
def test_what_is_this_machine_or_beside_it_is_never_asked(address: str) -> None:
    assert not outside(ip_address(address))
    assert not inside(ip_address(address))
