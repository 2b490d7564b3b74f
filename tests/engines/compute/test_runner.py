"""The arithmetic: the same greedy tokens as transformers' `generate`, whoever else is computed at the same time."""

import random
import threading

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engines.compute.running import LENGTH, PAGE, prompts, read, running, submit
from tests.engines.conftest import until
from webbot.engines.compute import runner as runners
from webbot.engines.compute.sampling import Uniforms
from webbot.errors import NoMemory
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model


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


@pytest.mark.parametrize("length", [1, 2, 16, 17, 130, 700])
def test_alone(starter, expected, length):
    prompt = prompts(length, [length])[0]
    with running(starter) as runner:
        assert read(submit(runner, prompt)) == (expected(prompt), "length")


def test_two_hundred_prompts_together_with_prefixes_and_evictions(starter, likeliest):
    generator = random.Random(1)
    common = prompts(2, [40, 90, 33])
    lengths = [generator.randrange(2, 40) for _ in range(200)]
    asked = [[*generator.choice([[0], *common]), *prompt[1:]] for prompt in prompts(3, lengths)]
    with running(starter, pages=64, queue=200, piece=40) as runner:
        requests = [submit(runner, prompt, 8, owner=generator.choice("ab"), drafts=generator.choice((0, 3))) for prompt in asked]
        for prompt, request in zip(asked, requests, strict=True):
            assert likeliest(prompt, read(request)[0], 8)
        assert sum(request.found for request in requests) > 500
        assert runner.scheduler.pages.evicted > 0


def test_answers_that_give_way_go_on_as_if_nothing_had_been(starter, likeliest):
    asked = prompts(4, [14, 15, 13, 12, 30, 28])
    with running(starter, pages=14, piece=40) as runner:
        requests = [submit(runner, prompt, 50) for prompt in asked]
        for prompt, request in zip(asked, requests, strict=True):
            assert likeliest(prompt, read(request)[0], 50)
        assert runner.scheduler.preempted > 0


def test_tokens_that_are_read_late_are_the_same(starter, likeliest):
    asked = prompts(5, [14, 70, 13, 90, 30, 28, 33, 50, 9, 61, 17, 40])
    seeded = {"temperature": 0.9, "top_p": 0.9, "top_k": 50, "min_p": 0.01}
    with running(starter, pages=30, piece=40, rows=6, late=True) as runner:
        requests = [submit(runner, prompt, 40) for prompt in asked]
        sampled = [submit(runner, prompt, 20, uniforms=Uniforms(7), **seeded) for prompt in asked[:3]]
        drawn = [read(request)[0] for request in sampled]
        for prompt, request in zip(asked, requests, strict=True):
            assert likeliest(prompt, read(request)[0], 40)
        assert runner.scheduler.preempted > 0
        cancelled = submit(runner, asked[0], 200)
        assert isinstance(cancelled.events.get(timeout=60), int)
        runner.cancel(cancelled)
    with running(starter) as runner:
        for prompt, tokens in zip(asked, drawn, strict=False):
            assert read(submit(runner, prompt, 20, uniforms=Uniforms(7), **seeded))[0] == tokens


def test_next_turn_computes_only_what_is_new(starter, likeliest):
    first, more = prompts(2, [50, 20])
    with running(starter, rows=2) as runner:
        answer, _ = read(submit(runner, first))
        longer = [*first, *answer, *more]
        request = submit(runner, longer)
        assert likeliest(longer, read(request)[0])
        assert request.found == (len(first) + len(answer) - 1) // PAGE * PAGE  # whole pages; the last token was never computed


def test_common_beginning_of_a_running_answer_is_shared(starter, likeliest):
    common, (_, *one), (_, *other) = prompts(3, [200, 10, 15])
    with running(starter) as runner:
        first = submit(runner, [*common, *one], 80)
        assert isinstance(first.events.get(timeout=60), int)
        second = submit(runner, [*common, *other])
        assert likeliest([*common, *other], read(second)[0])
        assert second.found == len(common) // PAGE * PAGE
        read(first)
        assert likeliest([*common, *one], first.written, 80)


def test_another_owner_finds_only_what_is_common(starter, likeliest):
    prompt = prompts(5, [80])[0]
    with running(starter) as runner:
        read(submit(runner, prompt, owner="alice"))
        for common, found in ((0, 0), (40, 0), (40, 32)):  # the second wrote the common part for everybody, the third reads it
            request = submit(runner, prompt, owner=f"bob {common} {found}", common=common)
            assert likeliest(prompt, read(request)[0])
            assert request.found == found


def test_after_a_stop_it_can_be_started_again(starter):
    [prompt] = prompts(3, [40])
    with running(starter) as runner:
        first = read(submit(runner, prompt))
        runner.stop()
        waiting = submit(runner, prompt)
        assert runner.load()[1] == 1, "nobody computes it"
        runner.start()
        assert read(waiting) == first


def test_a_background_answer_fills_the_cache(starter, likeliest):
    prompt = prompts(6, [100])[0]
    with running(starter) as runner:
        assert read(submit(runner, prompt, 0, background=True)) == ([], "stop")
        request = submit(runner, [*prompt, 9])
        assert likeliest([*prompt, 9], read(request)[0])
        assert request.found == 96


def test_neighbours_go_on_when_one_is_cancelled(starter, likeliest):
    asked = prompts(6, [30, 31, 32, 33])
    with running(starter) as runner:
        requests = [submit(runner, prompt, 60) for prompt in asked]
        assert isinstance(requests[1].events.get(timeout=60), int)
        runner.cancel(requests[1])
        for number in (0, 2, 3):
            assert likeliest(asked[number], read(requests[number])[0], 60)
        again = submit(runner, asked[1])
        assert likeliest(asked[1], read(again)[0])


def test_cancel_frees_the_pages_while_a_long_prompt_is_read(starter):
    with running(starter, rows=1, piece=16) as runner:
        request = submit(runner, prompts(7, [2000])[0])
        waiting = submit(runner, prompts(7, [20])[0])
        until(lambda: runner.steps > 1)
        runner.cancel(waiting)
        runner.cancel(request)
        until(lambda: runner.load() == (0, 0), 10)
        assert request.written == []
        assert len(read(submit(runner, [0, 9]))[0]) == LENGTH


def test_seed_gives_the_same_answer_alone_in_a_batch_and_with_guesses(starter):
    prompt, *others = prompts(8, [40, 20, 60, 10])

    def sampled(runner, seed, **more):
        return submit(runner, prompt, temperature=0.9, top_p=0.9, uniforms=Uniforms(seed), **more)

    with running(starter) as runner:
        alone = read(sampled(runner, 11))[0]
        noise = [submit(runner, other, 60, temperature=1.0) for other in others]
        assert read(sampled(runner, 11))[0] == alone
        assert read(sampled(runner, 11, drafts=3))[0] == alone
        assert read(sampled(runner, 12))[0] != alone
        for request in noise:
            read(request)


def test_guesses_save_steps_and_change_nothing(starter, expected):
    phrase = prompts(9, [12])[0]
    prompt = phrase * 6
    with running(starter) as runner:
        plain = read(submit(runner, prompt, 60))[0]
        steps = runner.steps
        runner.scheduler.forget()
        assert read(submit(runner, prompt, 60, drafts=3))[0] == plain
        if len(set(plain)) < len(plain) / 2:  # it repeats itself, so guesses are right
            assert runner.steps - steps < steps


def test_an_end_token_ends_the_answer_and_is_not_shown(starter, expected):
    prompt = prompts(9, [25])[0]
    written = expected(prompt)
    with running(starter, ends=[written[5]]) as runner:
        for drafts in (0, 3):
            assert read(submit(runner, prompt, drafts=drafts)) == (written[: written.index(written[5])], "stop")


class Failing:
    """The network, with a memory that runs out when it is told to."""

    def __init__(self, network):
        self.network, self.fails = network, False

    def logits(self, batch):
        if self.fails and batch.longest > 1:
            self.fails = False
            raise torch.OutOfMemoryError("out of memory")
        return self.network.logits(batch)


def test_out_of_memory_ends_one_answer_with_a_sentence_and_the_others_go_on(starter, likeliest):
    prompt, other = prompts(10, [25, 30])
    with running(starter, wrap=Failing) as runner:
        first = submit(runner, prompt, 200)
        assert isinstance(first.events.get(timeout=60), int)
        runner._launcher.network.fails = True
        _, problem = read(submit(runner, other))
        assert isinstance(problem, NoMemory)
        assert "memory" in str(problem)
        assert likeliest(other, read(submit(runner, other))[0])
        read(first)
        assert likeliest(prompt, first.written, 200)


def test_a_model_that_fails_again_and_again_begins_anew(starter, monkeypatch):
    begun = threading.Event()
    monkeypatch.setattr(runners, "begin_anew", begun.set)
    monkeypatch.setattr(runners, "LAST_WORDS_SECONDS", 0)
    prompt = prompts(11, [25])[0]
    with running(starter, wrap=Failing) as runner:
        for failure in range(runners.MOST_FAILURES):
            assert not begun.is_set(), failure
            runner._launcher.network.fails = True
            assert isinstance(read(submit(runner, prompt))[1], NoMemory)
        assert begun.wait(10)
