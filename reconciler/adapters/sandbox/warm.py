"""A provider that is loaded once, beside the cloud, and forked for whoever asks.

Each fork gets the environment, the folder and the streams of who asked, and ends with them. Nothing
may be begun here before the fork: no thread, no client, no channel.
"""

import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

from reconciler.adapters.forked import become, handed
from reconciler.adapters.sandbox import attached, provider
from reconciler.adapters.sandbox.attach import is_ours, name_of
from reconciler.adapters.sandbox.mirror import mark

_NEEDED = (
    "botocore.config",
    "botocore.session",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.x509",
    "grpc",
    "reconciler.adapters.sandbox.call",
    "reconciler.adapters.sandbox.engine",
    "reconciler.adapters.sandbox.kinds",
    "reconciler.adapters.sandbox.servicer",
    "tf.gen.grpc_controller_pb2_grpc",
    "tf.gen.grpc_stdio_pb2_grpc",
)
_PATIENCE = 5.0


def beside() -> int:
    """Begin one, and give what its port is written to; it ends when that is closed."""
    ours, theirs = os.pipe()
    if os.fork():
        os.close(ours)
        return theirs
    os.close(theirs)
    try:
        _be(ours)
    finally:
        os._exit(0)


def _be(parent: int) -> None:
    current = mark()
    _load()
    port = int(os.read(parent, 16) or b"0")
    if not port:
        return
    # Children are forgotten as soon as they end: they tell it themselves.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(silent, stream)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(name_of(port))
        listener.listen(64)
        ends = [listener.fileno(), parent]
        while parent not in select.select(ends, [], [])[0]:
            channel, _ = listener.accept()
            with channel:
                _answer(listener, channel, current)


def _load() -> None:
    """Everything that a provider needs."""
    for name in _NEEDED:
        import_module(name)
    from reconciler.adapters.sandbox.servicer import schema

    schema()
    gc.collect()
    gc.freeze()  # what is loaded is shared with the forks as long as nobody counts it again


def _answer(listener: socket.socket, channel: socket.socket, current: str) -> None:
    try:
        channel.settimeout(_PATIENCE)
        if not is_ours(channel):
            return
        said, streams = handed(channel)
        channel.settimeout(None)
    except (OSError, ValueError, KeyError):
        return
    if said.get("mark") == current and not os.fork():
        code = 1
        try:
            listener.close()
            code = _work(channel, said, streams)
        except BaseException:  # noqa: BLE001  # it ends here, and says why where terraform reads it
            traceback.print_exc()
        finally:
            with suppress(OSError):  # who has one attached does not wait for its end
                channel.send(bytes([code]))
            os._exit(code)
    for one in streams:
        os.close(one)


def _work(channel: socket.socket, said: dict[str, Any], streams: list[int]) -> int:
    """Be the provider that was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    become(said, streams)
    if said.get("attached"):
        attached.serve(channel, said["environment"])
        return 0
    channel.send(b"+")
    threading.Thread(target=_end_with, args=(channel,), name="asker", daemon=True).start()
    code = provider.provide()
    sys.stdout.flush()
    return code


def _end_with(channel: socket.socket) -> None:
    """Nobody writes any more once the work is begun: what can be read is its end."""
    select.select([channel], [], [])
    os._exit(1)
