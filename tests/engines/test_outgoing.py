"""What is sent of an answer: the text before a stop text, and exactly the tokens that belong to it."""

import pytest

from webbot.engines.compute.shaping import Choice
from webbot.engines.llama.outgoing import Outgoing
from webbot.engines.stops import Stops


def decode(ids):
    return bytes(ids).decode(errors="replace")


def bytes_of(token):
    return bytes([token])


def sent(data, stop=(), size=1, scored=True):
    """Text, tokens and the Outgoing, for an answer whose tokens are bytes and come in groups of `size`."""
    outgoing = Outgoing(decode, bytes_of, Stops(stop), scored=scored)
    tokens = [Choice(byte, -0.5) if scored else byte for byte in data]
    frames = []
    for place in range(0, len(tokens), size):
        frames.append(outgoing.push(tokens[place : place + size]))
        if outgoing.stopped:
            break
    frames.append(outgoing.finish()[0])
    text = "".join(frame.get("delta", "") for frame in frames)
    return text, "".join(token[0] for frame in frames for token in frame.get("tokens", ())).encode("latin-1"), outgoing


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("text", ["Hello, world", "你好 🌍!", ""])
def test_tokens_and_text_belong_together(text, size):
    assert sent(text.encode(), size=size)[:2] == (text, text.encode())


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_nothing_of_a_stop_text_is_sent(size):
    text, data, outgoing = sent("One 你. Two. Three".encode(), [" Two"], size)
    assert (text, data) == ("One 你.", "One 你.".encode())
    assert outgoing.stopped
    assert outgoing.written == len("One 你. Two".encode())  # the tokens that came with the group are not counted


def test_half_a_character_at_the_end_keeps_its_tokens():
    assert sent("né".encode()[:2])[:2] == ("n", "né".encode()[:2])


def test_what_never_became_a_stop_text_comes_at_the_end():
    assert sent(b"abc sto", ["stop"])[:2] == ("abc sto", b"abc sto")


def test_without_wishes_tokens_go_through_together():
    text, data, outgoing = sent(b"abcdef", scored=False, size=4)
    assert (text, data, outgoing.written) == ("abcdef", b"", 6)
