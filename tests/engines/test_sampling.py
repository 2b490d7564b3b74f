"""The choice of tokens, against the plain way: sort everything, cut, draw."""

import random

import pytest
import torch

from webbot.engines.llama.sampling import WIDTHS, Wish, choose


def plainly(logits, wish):
    """The same rule in float64 over the whole vocabulary."""
    if wish.temperature == 0:
        return int(logits.argmax())
    probabilities = torch.softmax(logits.double() / wish.temperature, -1).sort(descending=True)
    kept, total = [], 0.0
    for probability, token in zip(probabilities.values.tolist(), probabilities.indices.tolist(), strict=True):
        if kept and total >= wish.top_p:
            break
        kept.append((token, probability))
        total += probability
    aim = wish.uniform * total
    for token, probability in kept:
        aim -= probability
        if aim < 0:
            return token
    return kept[-1][0]


@pytest.mark.parametrize("vocabulary", [5, 1000, 5000])
@pytest.mark.parametrize("sharpness", [0.01, 1.0, 5.0])  # from nearly uniform (everything is sorted) to one clear winner
def test_equals_the_plain_way(vocabulary, sharpness):
    torch.manual_seed(vocabulary)
    generator = random.Random(vocabulary)
    logits = sharpness * torch.randn(24, vocabulary)
    wishes = [
        Wish(generator.choice([0.0, 0.3, 1.0, 1.7]), generator.choice([0.0, 0.1, 0.5, 0.9, 0.99, 1.0]), generator.random())
        for _ in range(24)
    ]
    chosen = choose(logits, wishes)
    expected = [plainly(row, wish) for row, wish in zip(logits, wishes, strict=True)]
    # float32 sums may put a draw on the other side of a border now and then, between neighbours of equal standing
    assert sum(one != other for one, other in zip(chosen, expected, strict=True)) <= 1 + (sharpness < 1)


def test_rows_do_not_influence_each_other():
    torch.manual_seed(1)
    logits = torch.cat([torch.randn(3, 3000) * 4, torch.randn(3, 3000) * 0.01])
    wishes = [Wish(0.8, 0.95, 0.1 * number) for number in range(6)]
    together = choose(logits, wishes)
    assert together == [choose(logits[number : number + 1], [wish])[0] for number, wish in enumerate(wishes)]


def test_draws_follow_the_probabilities():
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    generator = random.Random(5)
    counts = torch.zeros(4)
    for token in choose(logits.expand(20_000, -1), [Wish(1.0, 1.0, generator.random()) for _ in range(20_000)]):
        counts[token] += 1
    assert torch.allclose(counts / 20_000, logits[0].softmax(-1), atol=0.015)


def test_top_p_leaves_out_the_unlikely():
    logits = torch.tensor([[4.0, 3.9, 0.0, 0.0]])
    assert set(choose(logits.expand(100, -1), [Wish(1.0, 0.6, place / 100) for place in range(100)])) == {0, 1}
    assert set(choose(logits.expand(100, -1), [Wish(1.0, 0.0, place / 100) for place in range(100)])) == {0}


def test_the_last_place_is_a_token():
    logits = torch.randn(1, 2 * WIDTHS[-1])
    assert 0 <= choose(logits, [Wish(2.0, 1.0, 1 - 2**-53)])[0] < 2 * WIDTHS[-1]
