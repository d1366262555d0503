"""Which of the tasks that are due go first. Pure, and fair: nothing waits for ever."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from reconciler.model.work import Job, Task

PATIENCE: Final = timedelta(minutes=2)
"""What waited so long overtakes one rank."""
_LOOKERS: Final = 2


def order(
    tasks: Iterable[Task], running: Collection[Task], free: int, now: datetime
) -> tuple[Task, ...]:
    """Those that begin now, in order; of each environment one at a time.

    Looking for drift never takes the last place while something is to be applied.
    """
    busy = {(one.environment, one.job if not one.environment else "") for one in running}
    looking = sum(one.job is Job.LOOK for one in running)
    places = free + len(running)
    begin: list[Task] = []
    for task in sorted((one for one in tasks if one.due <= now), key=lambda one: _turn(one, now)):
        mark = (task.environment, task.job if not task.environment else "")
        if len(begin) >= free:
            break
        if mark in busy:
            continue
        if task.job is Job.LOOK:
            if places >= _LOOKERS and looking >= places - 1:
                continue
            looking += 1
        busy.add(mark)
        begin.append(task)
    return tuple(begin)


def _turn(task: Task, now: datetime) -> tuple[int, datetime, str]:
    waited = max(now - task.due, timedelta()) // PATIENCE
    return max(task.rank - waited, 0), task.due, task.environment
