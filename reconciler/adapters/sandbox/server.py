"""The cloud as a process: moto behind a plain web server on loopback, one request at a time.

It is started by `cloud` and says its port on its first line of output. moto keeps everything in
memory: when this process ends, the cloud is empty. Requests take turns because moto's own tables
bear no two threads at once; no access log is kept.
"""

import os
import signal
import sys
import threading
from typing import Any

from reconciler.adapters.sandbox.warm import beside

HOST = "127.0.0.1"


def application() -> Any:
    """moto's web application, with the operations that it lacks, behind one lock."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from reconciler.adapters.sandbox import gaps

    gaps.fill()
    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def one_at_a_time(environ: Any, start_response: Any) -> Any:
        with turn:
            return moto(environ, start_response)

    return one_at_a_time


def main() -> int:
    warm = beside() if sys.platform == "linux" else None  # before there is any thread
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):  # type: ignore[misc]  # moto is not followed
        """Keeps connections open, and says nothing of them."""

        protocol_version = "HTTP/1.1"

        def log(self, kind: str, message: str, *args: Any) -> None:
            pass

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    server = make_server(HOST, 0, application(), threaded=True, request_handler=Handler)
    # moto calls itself for a few things, and must not guess the port.
    os.environ["MOTO_PORT"] = str(server.server_port)
    if warm is not None:
        os.write(warm, str(server.server_port).encode())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
