"""A provider for one command of terraform that is there before it: terraform starts none itself.

It is forked from the one that is loaded beside the cloud, and terraform is told where it listens.
Starting one takes longer than all that it does, and a plan alone starts three. One process knows
one configuration: where the source has several, and where nobody answers, terraform starts its own.
"""

import json
import os
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.adapters.forked import hand
from reconciler.adapters.sandbox.attach import is_ours, name_of
from reconciler.adapters.sandbox.configuration import ENDPOINT, Configuration
from reconciler.adapters.sandbox.mirror import REGISTRIES, mark

_SEVERAL: Final = re.compile(rb'\balias"?\s*[=:]')
_PATIENCE: Final = 5.0
_ANSWER: Final = 4096
Attached = tuple[Mapping[str, str], tuple[int, ...]]
"""What terraform's environment needs beside, and what it has to hold open as long as it runs."""


@contextmanager
def attached(environment: Mapping[str, str], source: Path) -> Iterator[Attached]:
    """One for the command that is started in here; it ends when that command is gone."""
    if any(_SEVERAL.search(one.read_bytes()) for one in source.rglob("*.tf*") if one.is_file()):
        yield {}, ()
        return
    alive, held = os.pipe()
    try:
        told = _ask(environment, source, alive)
        yield ({"TF_REATTACH_PROVIDERS": told}, (held,)) if told else ({}, ())
    finally:
        os.close(alive)
        os.close(held)


def _ask(environment: Mapping[str, str], source: Path, alive: int) -> str:
    """Where one listens, as terraform wants to be told; empty: nobody answers."""
    silent = os.open(os.devnull, os.O_RDWR)
    try:
        port = urlsplit(environment.get(ENDPOINT, "")).port or 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(_PATIENCE)
            channel.connect(name_of(port))
            if not is_ours(channel):
                return ""
            said = {"mark": mark(), "attached": True}
            hand(channel, said, (alive, silent, silent), environment, source)
            told = json.loads(channel.recv(_ANSWER))
            return json.dumps({f"{one}/hashicorp/aws": _place(told) for one in REGISTRIES})
    except (OSError, ValueError, KeyError):
        return ""
    finally:
        os.close(silent)


def _place(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": told["pid"],
        "Test": True,
        "Addr": {"Network": "unix", "String": told["address"]},
    }


def serve(channel: socket.socket, environment: Mapping[str, str]) -> None:
    """Be such a provider, until the other end of our input is gone."""
    import grpc

    from reconciler.adapters.sandbox.servicer import add_to

    server = grpc.server(ThreadPoolExecutor(max_workers=10))
    add_to(server, Configuration(environment))
    with tempfile.TemporaryDirectory(prefix="reconciler-sandbox-") as folder:
        address = f"{folder}/provider.sock"
        server.add_insecure_port(f"unix://{address}")
        server.start()
        channel.sendall(json.dumps({"pid": os.getpid(), "address": address}).encode())
        channel.close()
        os.read(0, 1)
