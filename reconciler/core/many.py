"""Making many values at once, without Python walking through them while they are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """What is made here is not looked through for garbage, and counts as old afterwards.

    Python looks for circles among what is new each time that some more of it is there; ten thousand
    documents have none, and live on. What is old is still looked through, when Python comes to it.
    One who is in here while another is (threads) leaves it to the other to turn it on again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # all of it at once, however much: to where nothing is looked at
        gc.unfreeze()  # and from there to what is oldest
        gc.enable()
