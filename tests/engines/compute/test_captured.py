"""A step of fixed shapes computes what the eager one computes; here without a graph and with the kernels' equals in torch, which
see pages through the tables on the device as the kernels do."""

import pytest
import torch

from tests.engines.compute import tiny_models
from webbot.engines.compute import network, sampling
from webbot.engines.compute.answer import Answer, Part, Step
from webbot.engines.compute.batch import lay_out
from webbot.engines.compute.captured import Captured
from webbot.engines.compute.kernels import plain
from webbot.engines.compute.sampling import Wish

CPU = torch.device("cpu")
SIZE, ROWS, PAGES = 4, 12, 9


class Side:
    """A network with a cache of its own, and the same answers as the other side."""

    def __init__(self, count, dry):
        self.cache = tiny_models.cache(made := tiny_models.model("llama"), pages=ROWS * PAGES, size=SIZE)
        if dry:
            self.cache.kernels = plain
        self.network = network.make(made, self.cache)
        self.captured = Captured(self.network, sampling.choose_by, self.cache, rows=ROWS, pages=PAGES, dry=True) if dry else None
        pages = torch.randperm(ROWS * PAGES, generator=torch.Generator().manual_seed(4)).view(ROWS, PAGES).tolist()
        prompts = tiny_models.texts(ROWS, 14).tolist()
        self.answers = [Answer(prompt=prompts[number][: 2 + number], limit=9, pages=pages[number]) for number in range(count)]
        self.later = None
        for answer in self.answers:
            self.network.logits(lay_out(Step([Part(answer, 0, answer.total - 1)]), SIZE, CPU))

    def step(self, numbers, wishes, eager=False):
        """The newest tokens of these answers are computed; what is chosen is only written down one step later."""
        answers = [self.answers[number] for number in numbers]
        step = Step([Part(answer, answer.total - 1, answer.total, chooses=True) for answer in answers])
        late, chosen = self.later or ({}, None)
        if self.captured is not None and not eager:
            assert self.captured.fits(step)
            ids = self.captured.replay(step, wishes, late, chosen)
        else:
            ids = sampling.choose_by(self.network.logits(lay_out(step, SIZE, CPU, late, chosen)), sampling.table(wishes))
        before = self.settle(late, chosen) if self.later else None
        ids = ids.clone() if eager else ids
        for answer in answers:
            answer.pending = 1
        self.later = ({answer: place for place, answer in enumerate(answers)}, ids)
        self.read = ids.tolist()
        return before

    def settle(self, late, chosen):
        for answer, place in late.items():
            answer.written.append(self.read[place])
            answer.pending = 0


def wishes(count, seed):
    numbers = torch.rand(count, generator=torch.Generator().manual_seed(seed)).tolist()
    return [Wish() if place % 3 == 0 else Wish(1.2, 0.9, 30, 0.01, number) for place, number in enumerate(numbers)]


def both(count):
    return Side(count, dry=True), Side(count, dry=False)


def same(sides, numbers, seed, eager=False):
    for side in sides:
        side.step(numbers, wishes(len(numbers), seed), eager)
    assert sides[0].read == sides[1].read


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 9, 12])
def test_rows_that_are_filled_up_change_nothing(count):
    sides = both(count)
    for seed in range(6):
        same(sides, range(count), seed)
    assert len({token for answer in sides[0].answers for token in answer.written}) > 1


def test_answers_come_and_go_and_change_places():
    sides = both(7)
    every = [0, 1, 2, 3, 4, 5, 6]
    for seed, numbers in enumerate(([0, 1, 2], [2, 1, 0], [3, 2], [5, 3, 6, 4, 2], [6], [4, 6, 0, 1], every, [6, 0, 1], every)):
        same(sides, numbers, seed)


def test_tokens_of_a_step_that_was_not_replayed_are_taken_over():
    sides = both(4)
    for seed, eager in enumerate((False, True, False, False, True, True, False)):
        same(sides, [3, 0, 2] if eager else [0, 2, 3], seed, eager)


def test_an_answer_that_got_other_pages_is_read_from_there():
    sides = both(3)
    for seed in range(3):
        same(sides, [0, 1, 2], seed)
    for side in sides:
        answer = side.answers[1]
        side.settle(*side.later)
        side.later = None
        answer.pages = list(reversed(answer.pages))
        side.network.logits(lay_out(Step([Part(answer, 0, answer.total - 1)]), SIZE, CPU))
    for seed in range(3):
        same(sides, [0, 1, 2], seed)


def test_what_does_not_fit_is_left_to_others():
    side = Side(2, dry=True)
    answer, other = side.answers
    assert side.captured.fits(Step([Part(answer, 1, 2, chooses=True)]))
    assert not side.captured.fits(Step([Part(answer, 0, 2, chooses=True)]))
    assert not side.captured.fits(Step([Part(answer, 1, 2, (5,), chooses=True)]))
    assert not side.captured.fits(Step([Part(answer, 1, 2, chooses=True), Part(other, 0, 1)]))
    assert not side.captured.fits(Step([Part(answer, 1, 2, chooses=True)] * (ROWS + 1)))
    assert not side.captured.fits(Step([Part(answer, SIZE * PAGES, SIZE * PAGES + 1, chooses=True)]))


def test_nothing_is_captured_without_kernels():
    side = Side(1, dry=False)
    captured = Captured(side.network, sampling.choose_by, side.cache, rows=2, pages=PAGES)
    assert captured.capture() == 0
    assert not captured.fits(Step([Part(side.answers[0], 1, 2, chooses=True)]))
