"""Networks hold against transformers: ragged steps out of scattered pages give the logits of whole texts."""

import pytest

from tests.engines.compute import tiny_models
from webbot.engines.compute import network as networks
from webbot.engines.compute.fused import KINDS, Fused
from webbot.engines.compute.plain import Plain
from webbot.engines.llama.folder import SERVED


def walk(network, ids, logits, hidden):
    """The largest differences over steps of every kind."""
    worst = [0.0]
    for batch, samples, tokens in tiny_models.batches(tiny_models.answers(ids)):
        if samples:
            worst.append(tiny_models.difference(network.logits(batch), samples, logits))
        else:
            worst.append(tiny_models.difference(network.hidden(batch), tokens, hidden))
    return max(worst)


@pytest.mark.parametrize("kind", SERVED)
def test_transformers_own_forward_over_pages(kind):
    model, ids = tiny_models.model(kind), tiny_models.texts()
    wanted = tiny_models.expected(model, ids)
    assert walk(Plain(model, tiny_models.cache(model)), ids, *wanted) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_our_own_over_pages(kind):
    model, ids = tiny_models.model(kind), tiny_models.texts()
    wanted = tiny_models.expected(model, ids)
    network = networks.make(model, tiny_models.cache(model))
    assert isinstance(network, Fused)
    assert walk(network, ids, *wanted) < 1e-4
