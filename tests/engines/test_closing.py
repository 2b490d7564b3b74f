"""JSON comes to its end while there is room, and out of a loop."""

import torch

from webbot.engines.llama.closing import LOOP_TOKENS, Closing, loops

END, QUOTE, BRACE, BRACKET, COMMA, LETTER = range(6)


def allowed(*tokens):
    mask = torch.zeros(6, dtype=torch.bool)
    mask[list(tokens)] = True
    return mask


def closing(limit, length=48):
    made = Closing([END], [QUOTE, BRACE, BRACKET, COMMA], length)
    made.begin(limit)
    return made


def test_the_model_chooses_while_there_is_room():
    assert closing(100).pick(allowed(QUOTE, LETTER)) is None


def test_near_the_end_the_token_that_closes_most_is_forced():
    near = closing(100)
    for _ in range(84):
        near.note(LETTER if _ % 7 else BRACE)
    assert near.pick(allowed(QUOTE, BRACE, LETTER)) == QUOTE  # within a text the bracket is a letter
    assert near.pick(allowed(BRACE, COMMA, LETTER)) == BRACE
    assert near.pick(allowed(END, BRACE)) == END
    assert near.pick(allowed(LETTER)) is None


def test_half_of_a_short_answer_is_the_models():
    short = closing(10, length=10_000)
    for number in range(5):
        assert short.pick(allowed(QUOTE, LETTER)) is None
        short.note(number)
    assert short.pick(allowed(QUOTE, LETTER)) == QUOTE


def test_a_loop_is_left_once_it_is_one():
    looping = closing(10_000)
    for number in range(LOOP_TOKENS):
        assert looping.pick(allowed(QUOTE, LETTER)) is None
        looping.note(number % 3)
    assert looping.pick(allowed(QUOTE, LETTER)) == QUOTE
    looping.note(QUOTE)
    assert looping.pick(allowed(COMMA, BRACE)) is None


def test_only_the_same_tokens_over_and_over_are_a_loop():
    assert loops([1] * LOOP_TOKENS)
    assert loops([*range(20)] * 5)
    assert not loops([1] * (LOOP_TOKENS - 1))
    assert not loops([*range(40)] * 3)
    assert not loops([1] * 90 + [2] + [1] * 5)
