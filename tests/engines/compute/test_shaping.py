"""Penalties, biases, log probabilities and grammars, in a batch with rows that ask for nothing."""

import numpy
import pytest
import torch

from webbot.engines.compute.sampling import Wish, choose
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
    logits = torch.zeros(4000, 3)
    chosen = choose_shaped(
        logits, [Wish(1.0, 1.0, uniform=(number + 0.5) / 4000) for number in range(4000)],
        [Shaping(bias={1: 1.0}) for _ in range(4000)],
    )
    shares = torch.bincount(torch.tensor([each.token for each in chosen])) / 4000
    assert torch.allclose(shares, torch.tensor([0.0, 1.0, 0.0]).softmax(-1), atol=2e-3)


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
