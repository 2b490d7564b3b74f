"""Tokens to text: characters come whole, and nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webbot.engines.llama.text import TextStream


def as_bytes(ids):
    """A decoder whose tokens are single bytes."""
    return bytes(ids).decode(errors="replace")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")))
def test_the_whole_text_comes_and_never_half_a_character(text):
    stream = TextStream(as_bytes)
    parts = [stream.push([byte]) for byte in text.encode()] + [stream.finish()]
    assert "".join(parts) == text
    assert not any("\ufffd" in part for part in parts)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")), st.integers(1, 20))
def test_in_groups_of_tokens(text, size):
    stream, data = TextStream(as_bytes), text.encode(errors="replace")
    parts = [stream.push(list(data[place : place + size])) for place in range(0, len(data), size)]
    assert "".join(parts) + stream.finish() == text.encode(errors="replace").decode().rstrip("\ufffd")


def test_a_group_that_ends_in_half_a_character_shows_the_rest():
    stream, data = TextStream(as_bytes), "abcdefghijklmn好".encode()
    assert stream.push(list(data[:-1])) == "abcdefghijklmn"
    assert stream.push(list(data[-1:])) == "好"


def test_half_a_character_at_the_end_is_left_out():
    stream = TextStream(as_bytes)
    assert stream.push(list("é".encode()[:1])) == ""
    assert stream.finish() == ""


@pytest.mark.parametrize("wrong", [b"\xff" * 40, b"\xe4\xe4\xe4" * 10])
def test_wrong_bytes_do_not_hold_up_the_rest(wrong):
    stream = TextStream(as_bytes)
    shown = "".join(stream.push([byte]) for byte in wrong + b"end")
    assert shown.endswith("end")


def test_a_text_is_gone_on_with_behind_what_was_shown():
    def words(ids):
        """A decoder that puts a space before each word but the first."""
        return " ".join(("Once", "upon", "a", "time")[number] for number in ids)

    assert TextStream(words, before=[0, 1]).push([2]) == " a"
    assert TextStream(words).push([2]) == "a"


def test_no_token_is_decoded_often():
    decoded = 0

    def counted(ids):
        nonlocal decoded
        decoded += len(ids)
        return as_bytes(ids)

    stream = TextStream(counted)
    for _ in range(500):
        stream.push(list("好".encode()))
    assert decoded < 500 * 3 * 6
    # tokens that each end one character and begin the next: the text is never whole where it ends
    decoded, crossed = 0, TextStream(lambda pairs: counted([byte for pair in pairs for byte in pair]))
    data = b"a" + "éà".encode() * 1000
    shown = "".join(crossed.push([data[place : place + 2]]) for place in range(0, len(data) - 1, 2))
    assert decoded < 100 * len(data)
    assert len(shown.replace("\ufffd", "")) > 0.9 * 2000
