"""The program that terraform starts: a provider `hashicorp/aws` for a cloud on loopback.

It is run as a module or by its path. Without terraform around it, it says what it is and ends.
"""

import os
import select
import sys
import threading
from contextlib import suppress

COOKIE = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
)


def end_with(parent: int) -> None:
    """End when terraform is gone: killed, it tells nobody, and we would wait for ever."""

    def watch() -> None:
        with suppress(ProcessLookupError):
            select.select([os.pidfd_open(parent)], [], [])
        os._exit(1)

    if hasattr(os, "pidfd_open") and parent > 1:
        threading.Thread(target=watch, name="parent", daemon=True).start()


def provide() -> int:
    """Be a provider for whoever started this process, or says so."""
    if os.environ.get(COOKIE[0]) != COOKIE[1] and "--dev" not in sys.argv:
        sys.stderr.write("This is a Terraform provider (a simulation of AWS); terraform runs it.\n")
        return 1
    from reconciler.adapters.sandbox.configuration import Configuration
    from reconciler.adapters.sandbox.servicer import serve

    serve(Configuration(dict(os.environ)))
    return 0


def main() -> int:
    end_with(os.getppid())
    return provide()


if __name__ == "__main__":
    sys.exit(main())
