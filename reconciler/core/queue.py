"""Which of the tasks that are due go first. Pure, and fair: nothing waits for ever."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from reconciler.model.work import Job, Task

PATIENCE: Final = timedelta(minutes=2)
"""What waited so long overtakes one rank."""


def order(
    tasks: Iterable[Task], running: Collection[Task], free: int, now: datetime
) -> tuple[Task, ...]:
    """Those that begin now, in order; of each environment one at a time.

    `free`: places for environments; what is of none takes no place. Looking for drift never takes
    the last one, which is for what is to be applied.
    """
    busy = {_mark(one) for one in running}
    looking = sum(one.job is Job.LOOK for one in running)
    places = free + sum(bool(one.environment) for one in running)
    begin: list[Task] = []
    for task in sorted((one for one in tasks if one.due <= now), key=lambda one: _turn(one, now)):
        if _mark(task) in busy:
            continue
        if task.environment:
            if free <= 0 or (task.job is Job.LOOK and looking >= max(places - 1, 1)):
                continue
            free -= 1
            looking += task.job is Job.LOOK
        busy.add(_mark(task))
        begin.append(task)
    return tuple(begin)


def _mark(task: Task) -> tuple[str, str]:
    return task.environment, "" if task.environment else task.job


def _turn(task: Task, now: datetime) -> tuple[int, datetime, str]:
    waited = max(now - task.due, timedelta()) // PATIENCE
    return max(task.rank - waited, 0), task.due, task.environment
