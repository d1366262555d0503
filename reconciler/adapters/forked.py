"""Work for a process that is loaded already: it forks for whoever asks, and is theirs from then on.

Nothing may be begun in it before a fork: no thread, no client, no channel.
"""

import json
import os
import random
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.settings import become as take

_LONGEST: Final = 4 * 1024 * 1024
_STREAMS: Final = 3


def hand(
    channel: socket.socket,
    said: Mapping[str, Any],
    streams: tuple[int, int, int],
    environment: Mapping[str, str],
    folder: Path,
) -> None:
    """Ask for a fork that has these streams, and such an environment and folder."""
    data = json.dumps({**said, "environment": dict(environment), "folder": str(folder)}).encode()
    socket.send_fds(channel, [struct.pack("!I", len(data))], list(streams))
    channel.sendall(data)


def handed(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What was asked for, and three streams; ValueError: it is not whole, or nobody asks."""
    head, streams, _, _ = socket.recv_fds(channel, 4, _STREAMS)
    try:
        return _said(channel, head, len(streams)), streams
    except (OSError, ValueError):
        for one in streams:
            os.close(one)
        raise


def _said(channel: socket.socket, head: bytes, streams: int) -> dict[str, Any]:
    size = struct.unpack("!I", head)[0] if len(head) == 4 else 0  # noqa: PLR2004  # as it is packed
    data = b""
    while len(data) < min(size, _LONGEST) and (more := channel.recv(size - len(data))):
        data += more
    said = json.loads(data)
    if streams != _STREAMS or not isinstance(said, dict):
        raise ValueError
    return said


def become(said: Mapping[str, Any], streams: list[int]) -> None:
    """In the fork: be where and what whoever asked is."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    take(said["environment"])
    os.chdir(said["folder"])
    random.seed()
