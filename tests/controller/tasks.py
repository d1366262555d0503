"""A program that tasks are given to, as `cli/deed.py` is; what it does stands in the task."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from reconciler.adapters.deeds import stand_by


def work() -> int:
    """What the task's environment says."""
    order = json.loads(sys.stdin.buffer.readline())
    match order["environment"]:
        case "fails":
            raise ValueError("this is why")
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "waits":
            sys.stdout.write("half of a li")
            sys.stdout.flush()
            Path("begun").touch()
            time.sleep(60)
        case "silent":
            return 0
    why = f"{os.environ.get('OF_NOW')} {Path.cwd()} {os.getsid(0) == os.getpid()} {order['more']}"
    told = {"state": "done", "why": why, "hint": "", "pid": os.getppid()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    stand_by(work)
