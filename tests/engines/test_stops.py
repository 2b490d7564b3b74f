"""Stop texts: the answer ends before the first of them, however it comes in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.computed import computed_within
from webbot.engines.stops import Stops


def through(stops, pieces):
    return "".join(stops.push(piece) for piece in pieces) + stops.finish()


def expected(text, texts):
    """The plain way: the stop text that ends first; of several that end there, the longest."""
    for end in range(len(text) + 1):
        ended = [stop for stop in texts if stop and text[:end].endswith(stop)]
        if ended:
            return text[: end - max(map(len, ended))], True
    return text, False


@given(
    st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=6), max_size=4),
    st.lists(st.integers(1, 5), min_size=40),
)
def test_any_pieces_give_the_same_text(text, texts, sizes):
    pieces, place = [], 0
    for size in sizes:
        pieces.append(text[place : place + size])
        place += size
    stops = Stops(texts)
    assert (through(stops, pieces), stops.found) == expected(text, texts)


def test_what_may_become_a_stop_text_is_held_back():
    stops = Stops(["\nUser:"])
    assert stops.push("Hello\nUs") == "Hello"
    assert stops.push("e a knife") == "\nUse a knife"
    assert stops.push(" now\nUser: more") == " now"
    assert stops.found
    assert stops.push("and more") == stops.finish() == ""


def test_no_stop_text_lets_everything_pass():
    assert through(Stops([]), ["a", "", "b"]) == "ab"


@pytest.mark.parametrize("stop", ["a" * 20_000 + "b", "ab" * 10_000 + "c"])
def test_long_stop_texts_do_not_slow_the_answer(stop):
    def push():
        stops = Stops([stop] * 4)
        for _ in range(200):
            stops.push(stop[:100])

    computed_within(2, push)
