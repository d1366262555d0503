"""Making much without looking for garbage meanwhile: afterwards all is as it was before."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from reconciler.core.many import uncollected


class Circle:
    """Garbage that only the collector finds."""

    found = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Circle.found += 1


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    gc.enable()
    gc.collect()
    Circle.found = 0
    yield
    gc.enable()


def test_it_is_off_inside_and_on_again_whatever_happens() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_one_inside_of_another_leaves_it_to_the_outer_one() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_turned_it_off_finds_it_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_garbage_that_was_made_meanwhile_is_found_later() -> None:
    with uncollected():
        for _ in range(1000):
            Circle()
    gc.collect(0)
    assert Circle.found == 0, "what is old is not looked at as often"
    gc.collect()
    assert Circle.found == 1000
