"""The sizes a picture is dreamed at."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from deepdream.ascent import Octave, octaves


def test_googles_four_octaves_of_a_photo() -> None:
    """As the notebook makes them, each from the next larger one: 683 / 1.4 = 488, 488 / 1.4 = 349, 249."""
    sizes = octaves(683, 1024, count=4, scale=1.4, steps=10)
    assert sizes == (Octave(249, 373, 10), Octave(349, 522, 10), Octave(488, 731, 10), Octave(683, 1024, 10))


def test_small_octaves_are_left_out_and_the_last_never() -> None:
    assert octaves(100, 400, count=9, scale=2, steps=3, floor=50) == (Octave(50, 200, 3), Octave(100, 400, 3))
    assert octaves(20, 400, count=9, scale=2, steps=3, floor=50) == (Octave(20, 400, 3),)
    assert octaves(1, 1, count=20, scale=4, steps=1)[-1] == Octave(1, 1, 1)


@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    count=st.integers(1, 20),
    scale=st.floats(1.01, 4),
    floor=st.integers(1, 300),
)
def test_what_holds_for_every_picture(height: int, width: int, count: int, scale: float, floor: int) -> None:
    sizes = octaves(height, width, count=count, scale=scale, steps=7, floor=floor)
    assert 1 <= len(sizes) <= count
    assert sizes[-1] == Octave(height, width, 7)
    for small, large in pairwise(sizes):
        assert small.height <= large.height
        assert small.width <= large.width
        assert min(small.height, small.width) >= floor
        if min(small.height, small.width) > 1:  # each is rounded once, and never to zero
            assert abs(small.height * scale - large.height) <= 0.5 * scale + 0.5
