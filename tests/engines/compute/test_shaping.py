"""Penalties, biases, log probabilities and grammars, in a batch with rows that ask for nothing."""

import random

import numpy
import pytest
import torch

from webbot.engines.compute import marks, masks
from webbot.engines.compute.masks import Mask
from webbot.engines.compute.sampling import Uniforms, Wish, choose
from webbot.engines.compute.shaping import Choice, Shaping, choose_shaped
from webbot.errors import BadInput

GREEDY = Wish()


def steps(shaping, row, count, wish=GREEDY):
    return [choose_shaped(torch.tensor([row]), [wish], [shaping])[0].token for _ in range(count)]


def test_presence_counts_once_and_frequency_each_time():
    row = [3.0, 2.0, 0.5]
    assert steps(Shaping(presence=1.5), row, 4) == [0, 1, 0, 0]  # 3 -> 1.5, 2 -> 0.5: never less
    assert steps(Shaping(frequency=0.8), row, 6) == [0, 0, 1, 0, 1, 0]  # 3, 2.2, then 1.4 against 2, ...
    assert steps(Shaping(presence=-2.0), [3.0, 2.9, 0.0], 3) == [0, 0, 0]


def test_a_bias_makes_tokens_certain_or_impossible():
    assert steps(Shaping(bias={2: 100}), [3.0, 2.0, 0.5], 3) == [2, 2, 2]
    assert steps(Shaping(bias={0: -100}), [3.0, 2.0, 0.5], 2) == [1, 1]


def test_a_bias_shifts_the_probabilities():
    logits = torch.zeros(1000, 3)
    chosen = choose_shaped(
        logits, [Wish(1.0, 1.0, uniform=(number + 0.5) / 1000) for number in range(1000)],
        [Shaping(bias={1: 1.0}) for _ in range(1000)],
    )
    shares = torch.bincount(torch.tensor([each.token for each in chosen])) / 1000
    assert torch.allclose(shares, torch.tensor([0.0, 1.0, 0.0]).softmax(-1), atol=5e-3)


def test_log_probabilities_are_the_models_own():
    torch.manual_seed(2)
    logits = 3 * torch.randn(2, 500)
    own = logits[0].log_softmax(-1)
    shaping = Shaping(bias={7: 100}, presence=2.0, likeliest=5)
    choice = choose_shaped(logits.clone(), [Wish(0.3, 0.5, uniform=0.2), GREEDY], [shaping, None])[0]
    assert choice.token == 7
    assert choice.logprob == pytest.approx(own[7].item(), abs=1e-4)
    top = own.topk(5)
    assert [token for token, _ in choice.likeliest] == top.indices.tolist()
    assert [logprob for _, logprob in choice.likeliest] == pytest.approx(top.values.tolist(), abs=1e-4)


def test_each_row_gets_as_many_of_the_likeliest_as_it_asks_for():
    shapings = [Shaping(likeliest=0), Shaping(likeliest=3), None, Shaping(presence=1.0)]
    chosen = choose_shaped(torch.randn(4, 50), [GREEDY] * 4, shapings)
    assert [len(each.likeliest) for each in chosen if isinstance(each, Choice)] == [0, 3, 0]
    assert chosen[3].logprob is None
    assert isinstance(chosen[2], int)


def test_rows_without_wishes_are_chosen_as_ever():
    torch.manual_seed(3)
    logits = torch.randn(6, 3000) * 3
    wishes = [Wish(0.8, 0.95, uniform=0.13 * number) for number in range(6)]
    plain = choose(logits, wishes)
    shapings = [None, Shaping(bias={5: 90.0}), None, Shaping(likeliest=2), None, Shaping(frequency=2.0)]
    mixed = choose_shaped(logits.clone(), wishes, shapings)
    assert [mixed[number] for number in (0, 2, 4)] == [plain[number] for number in (0, 2, 4)]
    assert mixed[3].token == plain[3]
    assert mixed[5].token == plain[5]  # nothing was written yet


class Ruled:
    """A grammar of a few tokens; a true small one, because llguidance's needs a tokenizer."""

    def __init__(self, tokens, fails=False):
        self.tokens, self.fails = tokens, fails

    def bits(self):
        if self.fails:
            raise BadInput("Nothing fits.", parameter="response_format")
        return numpy.array([sum(1 << token for token in self.tokens)], numpy.uint8)

    def accept(self, token):
        assert token in self.tokens
        return token == self.tokens[-1]


@pytest.mark.parametrize("wish", [
    GREEDY, Wish(1.0, 1.0, uniform=1 - 2**-53), Wish(2.0, 1.0, uniform=0.9999999), Wish(1.0, 0.99999999, uniform=1 - 2**-53),
])
def test_only_what_the_grammar_allows_is_chosen(wish):
    torch.manual_seed(4)
    for _ in range(50):
        choice = choose_shaped(torch.randn(1, 12) * 5, [wish], [Shaping(constraint=Ruled([2, 3]))])[0]
        assert choice.complete == (choice.token == 3)


def test_a_grammar_at_its_end_fails_alone():
    chosen = choose_shaped(torch.randn(2, 8), [GREEDY] * 2, [Shaping(constraint=Ruled([1], fails=True)), Shaping(presence=1.0)])
    assert chosen[0].problem.parameter == "response_format"
    assert chosen[1].problem is None


# the penalty for repetition, and what marks are


def test_repetition_divides_what_is_likely_and_multiplies_what_is_not():
    shaping = Shaping(repetition=2.0)
    shaping.begin([1, 1, 3], 10)  # each counts once
    logits = torch.tensor([[4.0, 5.0, 1.0, -1.0, -1.5]])
    marks.alter(logits, [(0, shaping.marks)])
    assert logits.tolist() == [[4.0, 2.5, 1.0, -2.0, -1.5]]
    assert steps(shaping, [4.0, 5.0, 1.0, -1.0, -1.5], 3) == [0, 1, 1]  # 4 is 2 once it is written


def test_marks_come_in_their_order():
    shaping = Shaping(bias={0: -1.0}, presence=0.5, frequency=0.25, repetition=2.0)
    shaping.begin([], 10)
    for token in (0, 0, 2):
        shaping.accept(token)
    logits = torch.tensor([[9.0, 9.0, 9.0], [5.0, 1.0, -1.0]])
    marks.alter(logits, [(1, shaping.marks)])
    assert logits.tolist() == [[9.0, 9.0, 9.0], [(5.0 - 1.0) / 2 - 0.5 - 2 * 0.25, 1.0, -1.0 * 2 - 0.5 - 0.25]]


def test_marks_of_many_tokens_and_rows_are_altered_together():
    torch.manual_seed(1)
    logits = torch.randn(4, 500)
    expected, shapings = logits.clone(), []
    for row in range(4):
        shaping = Shaping(repetition=1.5, frequency=0.1 * row)
        prompt, written = random.Random(row).choices(range(500), k=300), random.Random(-1 - row).choices(range(500), k=300)
        shaping.begin(prompt, 1000)
        for token in written:
            shaping.accept(token)
        shapings.append((row, shaping.marks))
        for token in {*prompt, *written}:
            one = expected[row, token]
            expected[row, token] = (one / 1.5 if one > 0 else one * 1.5) - 0.1 * row * written.count(token)
    marks.alter(logits, shapings)
    assert torch.allclose(logits, expected, atol=1e-5)


@pytest.mark.parametrize(("wishes", "waits", "asks"), [
    ({}, False, False), ({"bias": {1: 2.0}}, False, True), ({"likeliest": 0}, False, True), ({"presence": 0.1}, True, True),
    ({"frequency": -0.1}, True, True), ({"repetition": 1.1}, True, True),
])
def test_only_what_depends_on_the_last_token_waits_for_it(wishes, waits, asks):
    assert (Shaping(**wishes).waits, Shaping(**wishes).asks) == (waits, asks)
    assert Shaping(constraint=Ruled([1])).waits


# grammars


@pytest.mark.parametrize("vocabulary", [5, 8, 13, 40])
def test_masks_of_any_size_leave_only_what_is_allowed(vocabulary):
    generator = random.Random(vocabulary)
    known = 24  # tokens that the grammar knows
    allowed = [{token for token in range(known) if generator.random() < 0.3} | {1} for _ in range(3)]
    bits = [numpy.packbits([token in each for token in range(known)], bitorder="little") for each in allowed]
    logits = torch.zeros(5, vocabulary)
    masks.apply(logits, [(row, Mask.of(each, vocabulary)) for row, each in zip((0, 2, 4), bits, strict=True)])
    assert (logits[[1, 3]] == 0).all()
    for row, each in zip((0, 2, 4), allowed, strict=True):
        fitting = {token for token in each if token < vocabulary}
        assert {token for token in range(vocabulary) if logits[row, token] == 0} == fitting
        assert logits[row].isneginf().sum() == vocabulary - len(fitting)
    assert [token for token in range(vocabulary) if Mask.only(3, vocabulary)[token]] == [3]


def test_a_grammar_that_allows_no_token_of_the_model_is_a_problem_of_its_row():
    shapings = [Shaping(constraint=Ruled([7])), Shaping(constraint=Ruled([1])), None]
    chosen = choose_shaped(torch.zeros(3, 5), [Wish(1.0, uniform=0.5)] * 3, shapings)
    assert chosen[0].problem.parameter == "response_format"
    assert (chosen[1].token, chosen[1].problem) == (1, None)
    assert chosen[2] == 2


# guesses


def one_by_one(rows, wishes, shaping, ends):
    """What an answer chooses without guesses, until it ends."""
    chosen = []
    for row, wish in zip(rows, wishes, strict=True):
        chosen.append(choose_shaped(row[None].clone(), [wish], [shaping], ends)[0])
        if chosen[-1].complete or chosen[-1].problem or chosen[-1].token in ends:
            break
    return chosen


@pytest.mark.parametrize("wishes", [
    {"repetition": 1.8}, {"frequency": 1.0, "likeliest": 2}, {"constraint": [2, 3, 5]}, {"presence": 0.5, "constraint": [4, 6]},
], ids="-".join)
@pytest.mark.parametrize("right", [0, 1, 3])
def test_guessed_tokens_are_those_that_come_without_guesses(wishes, right):
    def shaping():
        made = Shaping(**{**wishes, "constraint": Ruled(wishes["constraint"]) if "constraint" in wishes else None})
        made.begin([2, 4], 100)
        return made

    torch.manual_seed(12)
    for seed in range(20):
        logits, uniforms = 3 * torch.randn(4, 8), Uniforms(seed)
        draws = [Wish(0.9, 0.95, uniform=uniforms[place]) for place in range(4)]
        expected = one_by_one(logits, draws, shaping(), frozenset({7}))
        guesses = [choice.token for choice in expected[:right]]
        guesses += [(expected[-1].token + 1) % 8 for _ in range(3 - len(guesses))]
        together = choose_shaped(  # between an answer without wishes and one with others
            torch.cat([torch.randn(1, 8), logits, torch.randn(1, 8)]), [GREEDY, *draws, GREEDY],
            [None, *[shaping()] * 4, Shaping(likeliest=1)], frozenset({7}), [None, None, *guesses, None])
        count = min(len(expected), right + 1)
        assert [each.token for each in together[1 : 1 + count]] == [each.token for each in expected[:count]]
        assert [each.logprob is None for each in together[1 : 1 + count]] == [each.logprob is None for each in expected[:count]]
        assert isinstance(together[0], int)
        assert together[5].logprob is not None
