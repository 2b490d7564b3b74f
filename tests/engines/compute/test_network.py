"""Networks hold against transformers: ragged steps out of scattered pages give the logits of whole texts."""

import weakref

import pytest
import torch
from transformers import AttentionInterface

from tests.engines.compute import tiny_models
from webbot.engines.compute import network as networks
from webbot.engines.compute.attention import ATTENTION
from webbot.engines.compute.fused import KINDS, Fused, fits
from webbot.engines.compute.kernels import plain as kernels
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


def largest(kind, make, **changes):
    model, ids = tiny_models.model(kind, **changes), tiny_models.texts()
    wanted = tiny_models.expected(model, ids)
    return walk(make(model, tiny_models.cache(model)), ids, *wanted)


def test_what_was_not_written_would_show():
    """The guard of the other tests: their caches are full of NaN, and a page that is looked at too early is noticed."""
    model, ids = tiny_models.model("llama"), tiny_models.texts()
    wanted = tiny_models.expected(model, ids)
    network = Plain(model, tiny_models.cache(model))
    batch, samples, _ = list(tiny_models.batches(tiny_models.answers(ids)))[1]  # without the step before it
    assert tiny_models.difference(network.logits(batch), samples, wanted[0]) == float("inf")


@pytest.mark.parametrize("kind", sorted({*SERVED} - {*KINDS}))
def test_transformers_own_forward_over_pages(kind):
    def make(model, cache):
        network = networks.make(model, cache)
        assert isinstance(network, Plain)
        return network

    assert largest(kind, make) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_our_own_over_pages(kind):
    assert largest(kind, Fused) < 1e-4


@pytest.mark.parametrize("kind", ["llama", "qwen3", "smollm3", "qwen2"])
def test_layers_of_our_own_with_kernels(kind):
    """The way over kernels, with torch's equivalents of them in their place: it is the same on a processor."""
    def make(model, cache):
        cache.kernels = kernels
        return Fused(model, cache)

    assert largest(kind, make) < 1e-4


@pytest.mark.parametrize("make", [Plain, Fused])
def test_in_bfloat16(make):
    model, ids = tiny_models.model("llama", torch.bfloat16), tiny_models.texts()
    wanted = tiny_models.expected(model, ids)
    scale = max(numbers.abs().max().item() for numbers in wanted)
    assert walk(make(model, tiny_models.cache(model)), ids, *wanted) < 2e-2 * scale


@pytest.mark.parametrize("changes", [
    {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, "factor": 4.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 32}},
    {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}},
    {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}},
    {"attention_bias": True, "mlp_bias": True}, {"tie_word_embeddings": True}, {"num_key_value_heads": 1},
    {"num_key_value_heads": 4}, {"hidden_act": "gelu_pytorch_tanh"}, {"head_dim": 48},
], ids=["llama3", "yarn", "linear", "biases", "tied", "one-key-head", "no-groups", "gelu", "head-size"])
def test_variants_of_llama(changes):
    assert largest("llama", Fused, **changes) < 1e-4


@pytest.mark.parametrize("changes", [
    {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, {"hidden_act": "relu2"},
    {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4, "factor": 2.0, "short_factor": [1.0] * 8,
                         "long_factor": [2.0] * 8, "original_max_position_embeddings": 64}},
], ids=["dynamic", "relu2", "longrope"])
def test_what_is_not_exactly_known_is_left_to_transformers(changes):
    assert not fits(tiny_models.model("llama", **changes))


def test_heads_that_are_turned_in_part_are_left_to_transformers():
    partly = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}
    assert not fits(tiny_models.model("phi3", rope_parameters=partly))


def test_a_part_that_is_not_known_is_left_to_transformers():
    model = tiny_models.model("llama")
    model.model.layers[1].self_attn.gate = torch.nn.Linear(4, 4)
    assert not fits(model)


def test_no_weight_is_held_twice():
    model = tiny_models.model("llama")
    kept = weakref.ref(model.model.layers[0].self_attn.q_proj.weight)
    head = weakref.ref(model.lm_head.weight)
    network = Fused(model, tiny_models.cache(model), "int8")
    assert kept() is None
    assert head() is None or network._head.weight.data_ptr() == head().data_ptr()


@pytest.mark.parametrize("argument", ["softcap", "s_aux"])
def test_attention_that_is_not_known_is_refused(argument):
    with pytest.raises(NotImplementedError):
        AttentionInterface()[ATTENTION](None, None, None, None, None, scaling=1.0, paged=None, **{argument: 1.0})
