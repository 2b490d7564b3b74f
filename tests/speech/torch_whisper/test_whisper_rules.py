"""What may be written next is what openai-whisper's own filters leave, and draws have the distribution that they should."""

import numpy as np
import pytest
import torch
from whisper.decoding import DecodingOptions, DecodingTask

from webbot.speech.torch_whisper.rules import Rules

pytestmark = pytest.mark.slow
WRITTEN = 6  # tokens at most


@pytest.fixture(scope="module")
def task(theirs):
    return DecodingTask(theirs.model, DecodingOptions(language="en", fp16=False))


@pytest.fixture(scope="module")
def rules(theirs, task):
    return Rules(task.tokenizer, theirs.model.dims.n_vocab, torch.device("cpu"), torch.float32)


def histories(task, random, length):
    """Rows of so many written tokens: words and time stamps in any order, the latter never going back."""
    stamps = np.sort(random.integers(0, 1500, (12, length)), axis=1) + task.tokenizer.timestamp_begin
    return np.where(random.random((12, length)) < 0.5, stamps, random.integers(0, task.tokenizer.eot, (12, length)))


@pytest.mark.parametrize("length", range(WRITTEN))
def test_the_rules_are_those_of_openai_whisper(length, task, rules):
    random = np.random.default_rng(length)
    written = torch.from_numpy(histories(task, random, length).astype(np.int64))
    tokens = torch.cat([torch.tensor([task.initial_tokens] * len(written)), written], 1)
    logits = torch.from_numpy(random.standard_normal((len(tokens), rules.vocabulary)).astype(np.float32)) * 3
    logits[::2, rules.stamps :] += 4  # in half of the rows time stamps are likelier than any word
    expected, sums = logits.clone(), torch.zeros(len(tokens))
    for each in task.logit_filters:
        each.apply(expected, tokens)
    task.decoder.update(tokens, expected, sums)

    found = logits + rules.silent
    stamps = written.where(written >= rules.stamps, 0)
    latest = torch.cat([torch.full((len(tokens), 1), rules.stamps - 1), stamps], 1).max(1).values
    rules.bar(
        found, tokens[:, -1], tokens[:, -2] if length > 1 else torch.full((len(tokens),), rules.stamps), latest,
        torch.full((len(tokens),), length),
    )
    timed, chosen, logprob = rules.likeliest(found)
    found[timed, : rules.stamps] = -torch.inf
    assert torch.equal(found.isinf(), expected.isinf()) and torch.equal(found, expected)
    assert torch.equal(chosen, expected.argmax(-1)) and torch.allclose(logprob, sums, atol=1e-5)
    assert int(timed.sum()) > 0 or not length


@pytest.mark.parametrize("timed", [False, True])
def test_draws_have_their_distribution(timed, rules):
    logits = torch.full((rules.vocabulary,), -torch.inf)
    places = torch.tensor([3, 700, rules.stamps + 5, rules.stamps + 90])
    logits[places] = torch.tensor([1.0, 2.0, 0.5, 1.5])
    open_ones = logits.clone()
    if timed:
        open_ones[: rules.stamps] = -torch.inf
    count = 200
    drawn = [rules.drawn(logits, torch.tensor(timed), 0.5, (number + 0.5) / count) for number in range(count)]
    found = torch.bincount(torch.cat([token for token, _ in drawn]), minlength=rules.vocabulary)
    assert (found - count * torch.softmax(open_ones / 0.5, -1)).abs().max() <= 1
    expected = torch.log_softmax(open_ones, -1)
    assert all(torch.allclose(logprob, expected[token]) for token, logprob in drawn)
    assert rules.drawn(logits, torch.tensor(timed), 0.5, 1 - 2**-53)[0].item() == places[-1]
