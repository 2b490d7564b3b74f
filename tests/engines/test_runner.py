"""The arithmetic: the same greedy tokens as transformers' `generate`, whoever else is computed at the same time."""

import random
import time
from contextlib import contextmanager

import pytest
import torch
from transformers import AutoModelForCausalLM

from webbot.engines.llama.runner import Request, Runner
from webbot.engines.llama.scheduler import Scheduler
from webbot.engines.llama.slots import SlotCache
from webbot.errors import NoMemory
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model
LENGTH = 24


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def expected(model):
    """`expected(prompt)`: what transformers' own generate writes."""
    model.generation_config.eos_token_id = None

    def generate(prompt):
        ids = torch.tensor([prompt])
        written = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=LENGTH, do_sample=False, pad_token_id=7
        )
        return written[0, len(prompt):].tolist()

    return generate


@pytest.fixture(scope="module")
def likeliest(model):
    """`likeliest(prompt, tokens)`: whether generate writes these. One look of transformers' model at all of them tells."""

    def look(prompt, tokens, limit=LENGTH):
        with torch.inference_mode():
            logits = model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
        return len(tokens) == limit and logits.argmax(-1).tolist() == tokens

    return look


@contextmanager
def running(loaded, model=None, slots=8, ends=(), queue=64):
    cache = SlotCache(loaded.model.config, slots, 2048, loaded.device, loaded.precision)
    runner = Runner(model or loaded.model, cache, Scheduler(slots, queue, queue), ends)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def prompts(seed, lengths):
    generator = random.Random(seed)
    return [[0, *(generator.randrange(8, 4096) for _ in range(length - 1))] for length in lengths]


def submit(runner, prompt, limit=LENGTH, **options):
    request = Request(prompt=prompt, limit=limit, **options)
    runner.submit(request)
    return request


def read(request):
    tokens = []
    while isinstance(event := request.events.get(timeout=60), int):
        tokens.append(event)
    return tokens, event


@pytest.mark.parametrize("length", [1, 2, 17, 130, 700])
def test_alone(loaded, expected, length):
    with running(loaded) as runner:
        for prompt in prompts(length, [length] * 2):
            assert read(submit(runner, prompt)) == (expected(prompt), "length")


def test_in_a_batch_of_every_length(loaded, likeliest):
    asked = prompts(1, [3, 40, 700, 12, 129, 300, 64, 5, 90, 33, 600, 8])
    with running(loaded) as runner:
        requests = [submit(runner, prompt) for prompt in asked]
        for prompt, request in zip(asked, requests, strict=True):
            assert likeliest(prompt, read(request)[0])


def test_next_turn_computes_only_what_is_new(loaded, likeliest):
    first, more = prompts(2, [50, 20])
    with running(loaded, slots=2) as runner:
        answer, _ = read(submit(runner, first))
        longer = [*first, *answer, *more]
        request = submit(runner, longer)
        assert likeliest(longer, read(request)[0])
        assert request.found == len(first) + len(answer) - 1  # the last token was chosen, but never computed


def test_common_beginning_is_copied_from_a_running_answer(loaded, likeliest):
    common, (_, *one), (_, *other) = prompts(3, [200, 10, 15])
    with running(loaded) as runner:
        first = submit(runner, [*common, *one], 80)
        assert isinstance(first.events.get(timeout=60), int)
        second = submit(runner, [*common, *other])
        assert likeliest([*common, *other], read(second)[0])
        assert second.found == len(common)
        read(first)
        assert likeliest([*common, *one], first.written, 80)


def test_slots_are_reused_without_traces(loaded, likeliest):
    with running(loaded, slots=1) as runner:
        for prompt in prompts(4, [300, 20, 150, 20]):
            assert likeliest(prompt, read(submit(runner, prompt))[0])


def test_another_owner_finds_nothing(loaded, likeliest):
    prompt = prompts(5, [80])[0]
    with running(loaded) as runner:
        read(submit(runner, prompt, owner="alice"))
        request = submit(runner, prompt, owner="bob")
        assert likeliest(prompt, read(request)[0])
        assert request.found == 0


def test_neighbours_go_on_when_one_is_cancelled(loaded, likeliest):
    asked = prompts(6, [30, 31, 32, 33])
    with running(loaded) as runner:
        requests = [submit(runner, prompt, 60) for prompt in asked]
        assert isinstance(requests[1].events.get(timeout=60), int)
        runner.cancel(requests[1])
        for number in (0, 2, 3):
            assert likeliest(asked[number], read(requests[number])[0], 60)
        again = submit(runner, asked[1])
        assert likeliest(asked[1], read(again)[0])


def test_cancel_frees_the_slot_while_a_long_prompt_is_read(loaded):
    with running(loaded, slots=1) as runner:
        request = submit(runner, prompts(7, [2000])[0])
        time.sleep(0.05)
        runner.cancel(request)
        began = time.monotonic()
        while runner.load() != (0, 0):
            time.sleep(0.002)
        assert time.monotonic() - began < 2  # the target of 0.2 s is measured in benchmarks/engine.py
        assert len(read(submit(runner, [0, 9]))[0]) == LENGTH


def test_seed_gives_the_same_answer_alone_and_in_a_batch(loaded):
    prompt, *others = prompts(8, [40, 20, 60, 10])

    def sampled(runner, seed):
        return submit(runner, prompt, temperature=0.9, top_p=0.9, random=random.Random(seed))

    with running(loaded) as runner:
        alone = read(sampled(runner, 11))[0]
        noise = [submit(runner, other, 60, temperature=1.0) for other in others]
        assert read(sampled(runner, 11))[0] == alone
        assert read(sampled(runner, 12))[0] != alone
        for request in noise:
            read(request)


def test_an_end_token_ends_the_answer_and_is_not_shown(loaded, expected):
    prompt = prompts(9, [25])[0]
    written = expected(prompt)
    with running(loaded, ends=[written[5]]) as runner:
        assert read(submit(runner, prompt)) == (written[: written.index(written[5])], "stop")


class Failing:
    """The model, with a memory that runs out when it is told to."""

    def __init__(self, model):
        self.model, self.base_model, self.fails = model, model.base_model, False

    def __call__(self, **arguments):
        if self.fails:
            self.fails = False
            raise torch.OutOfMemoryError("out of memory")
        return self.model(**arguments)


def test_out_of_memory_ends_the_answer_with_a_sentence_and_the_next_one_works(loaded, likeliest):
    model = Failing(loaded.model)
    prompt = prompts(10, [25])[0]
    with running(loaded, model=model) as runner:
        assert likeliest(prompt, read(submit(runner, prompt))[0])
        model.fails = True
        _, problem = read(submit(runner, [*prompt, 9]))
        assert isinstance(problem, NoMemory)
        assert "memory" in str(problem)
        assert likeliest(prompt, read(submit(runner, prompt))[0])
