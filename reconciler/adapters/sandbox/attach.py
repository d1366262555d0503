"""What terraform starts in the sandbox: it has a provider do the work that is warm already.

Terraform starts a provider four times for one plan, and Python would load the same again each time.
Where nobody answers, or somebody of another version, the program behind the mark is run instead.
Only little of what Python itself brings may be loaded here, and nothing of ours.
"""

import json
import os
import select
import signal
import socket
import struct
import sys
from urllib.parse import urlsplit

_PATIENCE = 5.0


def name_of(port: int) -> str:
    """Where the warm provider of a sandbox listens: a name that no file has."""
    return f"\0reconciler-sandbox-{os.getuid()}-{port}"


def is_ours(channel: socket.socket) -> bool:
    """Whether the same user is at the other end: anybody of this machine can take a name."""
    said = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", said)[1] == os.getuid())


def reach(mark: str) -> socket.socket | None:
    """Somebody who does our work from now on; None: nobody does."""
    try:
        port = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).port or 0
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        channel.settimeout(_PATIENCE)
        channel.connect(name_of(port))
        if not is_ours(channel):
            return None
        said = {"mark": mark, "environment": dict(os.environ), "folder": os.getcwd()}
        data = json.dumps(said).encode()
        socket.send_fds(channel, [struct.pack("!I", len(data))], [0, 1, 2])
        channel.sendall(data)
        if channel.recv(1) != b"+":
            return None
        channel.settimeout(None)
    except (OSError, ValueError):
        return None
    return channel


def wait(channel: socket.socket, parent: int) -> int:
    """Until the work is done, or terraform is gone: then whoever does it hears that we are, too."""
    ends = [channel.fileno()]
    if parent > 1:
        try:
            ends.append(os.pidfd_open(parent))
        except ProcessLookupError:
            return 1
    if ends[0] not in select.select(ends, [], [])[0]:
        return 1
    try:
        said = channel.recv(1)
    except OSError:
        return 1
    return said[0] if said else 1


def main() -> None:
    parent = os.getppid()
    mark, *program = sys.argv[1:]
    channel = reach(mark) if sys.platform == "linux" else None
    if channel is None:
        os.execv(program[0], program)  # noqa: S606  # just this program, as it was written down
    # Terraform is asked to stop and asks us in its own words: what is in flight is finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(wait(channel, parent))


if __name__ == "__main__":
    main()
