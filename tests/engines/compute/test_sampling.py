"""The choice of tokens: against the plain way in float64, and as distributions; row by row and from a table."""

import random
from functools import partial

import pytest
import torch

from webbot.engines.compute import cuts
from webbot.engines.compute.sampling import Uniforms, Wish, choose, choose_by, table

LARGEST = 128_256


def by_table(logits, wishes):
    return choose_by(logits, table(wishes))


WAYS = pytest.mark.parametrize("way", [choose, by_table], ids=["rows", "table"])


def kept(logits, wish):
    """The probabilities [vocabulary] of what may be drawn, in float64."""
    shares = torch.softmax(logits.double() / wish.temperature, -1)
    probabilities = shares.clone()
    if 0 < wish.top_k < len(logits):
        probabilities[logits < logits.topk(wish.top_k).values[-1]] = 0
    if wish.top_p < 1:
        ordered = (probabilities / probabilities.sum()).sort(descending=True)
        last = int((ordered.values.cumsum(-1) - ordered.values < wish.top_p).sum().clamp(min=1)) - 1
        probabilities[logits < logits[ordered.indices[last]]] = 0
    probabilities[shares < wish.min_p * shares.max()] = 0
    return probabilities / probabilities.sum()


def plainly(logits, wish):
    if wish.temperature == 0:
        return int(logits.argmax())
    return int((kept(logits, wish).cumsum(-1) <= wish.uniform).sum())


def drawn(way, logits, count, **wish):
    """How often each token of one row comes in so many draws of one call."""
    generator = random.Random(11)
    wishes = [Wish(uniform=generator.random(), **wish) for _ in range(count)]
    return torch.bincount(way(logits.expand(count, -1), wishes), minlength=len(logits))


# one row at a time, against the plain way


@WAYS
@pytest.mark.parametrize("vocabulary", [5, 1000, 5000])
@pytest.mark.parametrize("sharpness", [0.01, 1.0, 5.0])  # from nearly uniform to one clear winner
def test_equals_the_plain_way(way, vocabulary, sharpness):
    torch.manual_seed(vocabulary)
    generator = random.Random(vocabulary)
    logits = sharpness * torch.randn(40, vocabulary)
    wishes = [
        Wish(generator.choice([0.0, 0.3, 1.0, 1.7]), generator.choice([0.0, 0.1, 0.5, 0.9, 0.99, 1.0]),
             generator.choice([0, 0, 1, 3, vocabulary // 2, 2 * vocabulary]), generator.choice([0.0, 0.0, 0.02, 0.3]),
             generator.random())
        for _ in range(40)
    ]
    chosen = way(logits, wishes)
    assert chosen.dtype == torch.int64
    expected = [plainly(row, wish) for row, wish in zip(logits, wishes, strict=True)]
    # float32 may put a draw on the other side of a border now and then, between neighbours
    assert sum(one != other for one, other in zip(chosen.tolist(), expected, strict=True)) <= 1


@WAYS
def test_a_large_vocabulary_equals_the_plain_way(way):
    torch.manual_seed(3)
    logits = torch.randn(4, LARGEST) * torch.tensor([[8.0], [3.0], [1.0], [0.0]])
    wishes = [Wish(0.7, 0.95, uniform=0.31), Wish(1.0, 0.95, 0, 0.001, 0.62), Wish(1.0, 0.9, 50_000, uniform=0.8),
              Wish(1.0, uniform=64_128.5 / LARGEST)]
    assert way(logits, wishes).tolist() == [plainly(row, wish) for row, wish in zip(logits, wishes, strict=True)]


@pytest.mark.parametrize("sharpness", [0.01, 1.0, 6.0])
def test_both_ways_choose_the_same(sharpness):
    torch.manual_seed(8)
    generator = random.Random(8)
    logits = sharpness * torch.randn(300, 700)
    wishes = [
        Wish(0.2 + generator.random(), generator.random() ** 0.2, generator.choice([0, 40, 300]), generator.choice([0, 0.1]),
             generator.random()) for _ in range(300)
    ]
    assert (choose(logits, wishes) != by_table(logits, wishes)).sum() <= 1


# distributions: Pearson's chi-square, at most 5 standard deviations above what is expected


@WAYS
@pytest.mark.parametrize("wish", [
    {"temperature": 1.0}, {"temperature": 0.4}, {"temperature": 3.0}, {"temperature": 1.0, "top_p": 0.8},
    {"temperature": 1.0, "top_k": 7}, {"temperature": 1.0, "min_p": 0.15}, {"temperature": 1.5, "top_p": 0.9, "top_k": 20},
    {"temperature": 1.5, "top_p": 0.95, "top_k": 25, "min_p": 0.05},
], ids="-".join)
def test_draws_follow_the_probabilities(way, wish):
    torch.manual_seed(5)
    logits = 1.5 * torch.randn(60)
    count = 3000 if way is choose else 1200  # a table is for devices: on a processor it takes its time
    counts, probabilities = drawn(way, logits, count, **wish), kept(logits, Wish(**wish))
    assert counts[probabilities == 0].sum() == 0
    expected = probabilities * counts.sum()
    often = expected >= 5  # the rest together, as is usual
    seen = torch.cat([counts[often], counts[~often].sum()[None]]).double()
    expected = torch.cat([expected[often], expected[~often].sum()[None].clamp(min=1e-9)])
    freedom = int((expected > 1e-6).sum()) - 1
    assert ((seen - expected) ** 2 / expected).sum() <= freedom + 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_small_numbers_are_drawn_as_what_they_are(dtype):
    logits = torch.randn(50, generator=torch.Generator().manual_seed(2)).to(dtype)
    wish = {"temperature": 1.0, "top_p": 0.7, "top_k": 30, "min_p": 0.01}
    counts = drawn(choose, logits, 1000, **wish)
    assert torch.allclose(counts / 1000, kept(logits.float(), Wish(**wish)).float(), atol=0.05)
    assert torch.equal(counts, drawn(by_table, logits, 1000, **wish))


# rows, seeds, edges


@WAYS
def test_rows_do_not_influence_each_other(way):
    torch.manual_seed(1)
    logits = torch.cat([torch.randn(5, 3000) * 4, torch.randn(5, 3000) * 0.01])
    wishes = [Wish(0.8 * (number % 3), 0.95, 20 * (number % 2), uniform=0.1 * number) for number in range(10)]
    together = way(logits, wishes).tolist()
    assert together == [int(way(logits[number : number + 1], [wish])) for number, wish in enumerate(wishes)]
    assert together[::-1] == way(logits.flip(0), wishes[::-1]).tolist()


def test_a_seed_gives_each_place_its_number():
    uniforms, again = Uniforms(7), Uniforms(7)
    assert [uniforms[place] for place in (5, 0, 5, 3)] == [again[place] for place in (5, 0, 5, 3)]
    reference = random.Random(7)
    assert [uniforms[place] for place in range(6)] == [reference.random() for _ in range(6)]
    assert Uniforms(8)[0] != uniforms[0]
    assert Uniforms()[0] != Uniforms()[0]


@WAYS
def test_greedy_takes_the_first_of_the_likeliest(way):
    logits = torch.full((3, 300), -1.0)
    logits[0, [7, 200]] = 2.0
    logits[1, 299] = 2.0
    assert way(logits, [Wish(uniform=0.99)] * 3).tolist() == [7, 299, 0]


@WAYS
def test_equal_tokens_are_kept_or_left_out_together(way):
    logits = torch.tensor([3.0, 2.0, 2.0, 2.0, 1.0])
    draws = partial(drawn, way, logits, 200)
    assert (draws(temperature=1.0, top_k=2) > 0).tolist() == [True, True, True, True, False]
    assert (draws(temperature=1.0, top_k=1) > 0).tolist() == [True, False, False, False, False]
    assert (draws(temperature=1.0, top_p=0.5) > 0).tolist() == [True, True, True, True, False]
    assert (draws(temperature=1.0, min_p=1.0) > 0).tolist() == [True, False, False, False, False]


@WAYS
def test_top_p_is_measured_among_what_top_k_keeps(way):
    logits = torch.tensor([0.3, 0.25, 0.25, 0.1, 0.1]).log() + torch.tensor([0.0, 0.0, -1e-4, 0.0, 0.0])
    assert (drawn(way, logits, 200, temperature=1.0, top_p=0.52, top_k=2) > 0).sum() == 1  # 0.3 of 0.55
    assert (drawn(way, logits, 200, temperature=1.0, top_p=0.52) > 0).sum() == 2  # 0.3 of 1


@WAYS
@pytest.mark.parametrize("wish", [
    Wish(1.0, 1.0, uniform=1 - 2**-53), Wish(1.0, 0.99999999, uniform=1 - 2**-53), Wish(100.0, 1.0, uniform=1 - 2**-53),
    Wish(1e-3, 1.0, uniform=0.9999), Wish(1.0, 0.0, uniform=0.9999), Wish(1.0, uniform=0.0), Wish(100.0, 0.999, 500, 0.0, 0.0),
    Wish(),
])
def test_what_is_impossible_is_never_chosen(way, wish):
    torch.manual_seed(6)
    logits = torch.full((50, 1000), -torch.inf)
    logits[:, 100:140] = 6 * torch.randn(50, 40)
    chosen = way(logits, [wish] * 50)
    assert ((chosen >= 100) & (chosen < 140)).all()


@WAYS
def test_extreme_temperatures(way):
    torch.manual_seed(9)
    logits = 30 * torch.randn(50, 2000)
    assert torch.equal(way(logits, [Wish(1e-3, uniform=0.999)] * 50), logits.argmax(-1))
    flat = torch.linspace(-5, 5, 1000).expand(1000, -1)
    chosen = way(flat, [Wish(100.0, uniform=(number + 0.5) / 1000) for number in range(1000)])
    assert (chosen - torch.arange(1000)).abs().max() < 30  # nearly uniform: in the order of the vocabulary


@WAYS
@pytest.mark.parametrize("bad", [-torch.inf, torch.nan, torch.inf])
def test_a_row_without_sense_gives_a_token_and_harms_no_other(way, bad):
    torch.manual_seed(4)
    logits = torch.randn(3, 400)
    wishes = [Wish(0.7, 0.9, 10, 0.05, 0.4)] * 3
    expected = way(logits, wishes)
    logits[1] = bad
    chosen = way(logits, wishes)
    assert chosen[[0, 2]].tolist() == expected[[0, 2]].tolist()
    assert 0 <= chosen[1] < 400


def test_nothing_is_chosen_for_no_rows():
    assert choose(torch.empty(0, 10), []).tolist() == []


def test_a_cut_is_exact_to_the_neighbouring_number():
    logits = torch.tensor([[1.0, -1.0, 0.0, -0.0, 1e-38, -1e-38, 3e38, -3e38, 7.0, 7.0000005, -torch.inf]])
    ones = torch.ones_like(logits, dtype=torch.int64)
    ordered = logits[0].sort(descending=True).values
    for count in range(1, len(ordered)):
        found = cuts.least(logits, ones, torch.ones(1, 1), torch.full((1, 1), float(count)))
        assert found == ordered[count - 1]
    assert cuts.least(logits, ones, torch.ones(1, 1), torch.zeros(1, 1)) == -torch.inf
    assert cuts.least(logits, ones, torch.full((1, 1), 0.5), torch.zeros(1, 1)) == ordered[5]  # 5.5 of 11
