"""The meaning of texts: the mean of transformers' own last hidden states, whoever else is computed at the same time."""

import threading
import time

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engines.compute.running import PAGE, prompts, read, running, submit
from tests.engines.conftest import messages, until
from webbot.engines.compute.embedding import Embedding
from webbot.errors import BadInput, TooLong, Unavailable
from webbot.messages import Options
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model


def vectors(runner, texts):
    embedding = Embedding(texts=texts, skipped=1)
    runner.submit(embedding)
    made = []
    while isinstance(event := embedding.events.get(timeout=60), list):
        made.append(event)
    assert event == "stop"
    return torch.tensor(made)


@pytest.fixture(scope="module")
def expected():
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32).eval()

    @torch.inference_mode()
    def mean(ids):
        hidden = model.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0, 1:].mean(0)
        return hidden / hidden.norm()

    return mean


@pytest.mark.slow
def test_equals_the_plain_way_in_any_company(starter, expected):
    texts = prompts(3, [2, 9, 40, 700, 3, 3, 12, 130, 5])
    plain = torch.stack([expected(text) for text in texts])
    with running(starter) as runner:
        alone = torch.cat([vectors(runner, [text]) for text in texts])
        noise = [submit(runner, other, 40) for other in prompts(4, [30, 20, 60])]
        together = vectors(runner, texts)
        for request in noise:
            read(request)
    for made in (alone, together):
        assert torch.allclose(made, plain, atol=2e-5)
        assert torch.allclose(made.norm(dim=-1), torch.ones(len(texts)), atol=1e-5)


def test_an_embedding_leaves_nothing_in_the_cache_and_takes_nothing_from_it(starter):
    first, second = prompts(5, [60, 40])
    with running(starter, rows=2) as runner:
        alone = vectors(runner, [second])
        answer = submit(runner, first)
        read(answer)
        vectors(runner, [first])
        again = submit(runner, first)
        read(again)
        # What the answer left, and not what the embedding read beside other texts.
        assert again.found == (len(first) - 1) // PAGE * PAGE
        assert torch.allclose(vectors(runner, [second]), alone, atol=1e-5)


def test_a_cancelled_embedding_frees_its_pages(starter):
    with running(starter, rows=1) as runner:
        embedding = Embedding(texts=prompts(6, [1500] * 8), skipped=1)
        runner.submit(embedding)
        until(lambda: runner.steps > 1)
        runner.cancel(embedding)
        until(lambda: runner.load() == (0, 0), 2)


def test_the_engine_makes_near_vectors_for_near_texts(local):
    made = local.embed(["The cat sleeps.", "The dog eats a bone.", "The cat sleeps."], owner="ada")
    one, other, same = (torch.tensor(vector) for vector in made.vectors)
    assert torch.allclose(one, same, atol=1e-5)
    assert one @ other < 0.98
    assert abs(float(one.norm()) - 1) < 1e-5
    assert made.tokens == sum(local.count(["The cat sleeps.", "The dog eats a bone.", "The cat sleeps."]))
    assert local.embed([]).vectors == []


@pytest.mark.parametrize(("texts", "kind"), [
    (["a", ""], BadInput), ([[]], BadInput), ([[10**6]], BadInput), (["\ud800"], BadInput), (["word " * 3000], TooLong),
])
def test_unusable_texts_are_refused_by_name(local, texts, kind):
    with pytest.raises(kind) as refusal:
        local.embed(texts)
    assert refusal.value.parameter.startswith("input")
    assert local.busy() == 0


@pytest.mark.slow
def test_whoever_leaves_frees_the_model_and_answers_go_on_meanwhile(local):
    running_texts = local.embedding(["word " * 1500] * 30)
    assert next(running_texts) is None
    until(lambda: local.load()["in_work"] >= 1)
    *_, finished = local.answer(messages("What is the capital of France?"), Options(temperature=0))
    assert finished.usage.first_token_seconds < 5
    began = time.monotonic()
    running_texts.close()
    until(lambda: local.load()["in_work"] == 0, 5)
    assert time.monotonic() - began < 2
    assert local.busy() == 0


@pytest.mark.slow
def test_a_lost_model_ends_an_embedding(make_local):
    engine = make_local()
    failed = []

    def wait():
        try:
            engine.embed(["word " * 1500] * 50)
        except Unavailable as problem:
            failed.append(problem)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: engine.load()["in_work"] >= 1)
    engine.close()
    waiting.join(10)
    assert failed
