"""The program that terraform starts: a provider `hashicorp/aws` for a cloud on loopback.

It is run as a module or by its path. Without terraform around it, it says what it is and ends.
"""

import os
import sys

COOKIE = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
)


def main() -> int:
    if os.environ.get(COOKIE[0]) != COOKIE[1] and "--dev" not in sys.argv:
        sys.stderr.write("This is a Terraform provider (a simulation of AWS); terraform runs it.\n")
        return 1
    from reconciler.adapters.sandbox.configuration import Configuration
    from reconciler.adapters.sandbox.servicer import serve

    serve(Configuration(dict(os.environ)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
