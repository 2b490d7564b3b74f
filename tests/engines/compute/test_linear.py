"""Weights in every form they are held in: the same products, on the plain way and on those that are chosen by measuring."""

import copy

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from webbot.engines.compute import linear, packed, quantised
from webbot.engines.compute.placing import HeldLinear, hold_linears, place
from webbot.models.catalog import STARTER

ROWS = (0, 1, 3, 40)
CHAT = (
    "Litrumoollson is my name", "Hello, Litrumoollson! How can I help?", "Which season is before autumn",
    "summer comes before autumn.", "Write a short Python script which converts 5 degrees Celsius to Fahrenheit.",
    "Here is the program:\n\n```python\ncelsius = 5\nprint(celsius * 9 / 5 + 32)\n```", "A poem about the rocket, please.",
    "When morning comes I open wide\nthe door and let the light inside.\nI found a rocket along the way,\n"
    "it made me smile for all the day.", "please explain volcanoes", "I'm sorry, but I'm a small starter model and don't know "
    "enough about volcanoes. For that, load a larger model such as Llama 3.2.", "Where is Montenegro?",
    "Montenegro is in Europe.", "Whats my name?", "Your name is Litrumoollson.",
)  # held out from the starter's training
CLOSE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(3)


def weight_of(outputs, inputs, dtype=torch.float32):
    return (torch.randn(outputs, inputs) * 0.1).to(dtype), torch.randn(outputs).to(dtype)


def distance(found, wanted):
    return ((found.float() - wanted.float()).norm() / wanted.float().norm().clamp(min=1e-9)).item()


@pytest.mark.parametrize("dtype", CLOSE, ids=str)
@pytest.mark.parametrize("form", linear.FORMS)
@pytest.mark.parametrize("biased", [False, True])
def test_forms_compute_the_same(form, dtype, biased):
    weight, bias = weight_of(48, 64, dtype)
    held = linear.FORMS[form](weight, bias if biased else None)
    if held is None:
        assert form == "packed" and (dtype is torch.float32 or not torch.backends.mkldnn.is_available())
        return
    for rows in ROWS:
        x, to = torch.randn(rows, 64).to(dtype), torch.randn(rows, 48).to(dtype)
        wanted = functional.linear(x, weight, bias if biased else None)
        assert held(x).dtype == dtype and distance(held(x), wanted) <= CLOSE[dtype]
        added = to.clone()
        assert held.add(x, added) is added
        assert distance(added, to.float() + wanted.float()) <= CLOSE[dtype]


@pytest.mark.parametrize(("took", "gain", "chosen"), [
    ({"plain": 1.0, "transposed": 0.95}, 1.1, "plain"),
    ({"plain": 1.0, "transposed": 0.8}, 1.1, "transposed"),
    ({"plain": 1.0, "transposed": 0.8}, 1.3, "plain"),
    ({"plain": 1.0, "transposed": 0.8, "packed": 0.75}, 1.1, "transposed"),
    ({"plain": 1.0, "transposed": 1.2, "packed": 0.5}, 1.1, "packed"),
])
def test_what_is_preferred(took, gain, chosen):
    assert linear.prefer(took, gain) == chosen


def test_what_was_measured_holds_for_all_weights_of_a_shape(monkeypatch):
    monkeypatch.setattr(linear, "_chosen", {})
    first = linear.hold(weight_of(80, 64)[0])
    counted = linear.chosen()
    assert sum(counted.values()) == 1
    assert type(linear.hold(weight_of(80, 64)[0])) is type(first) and linear.chosen() == counted
    linear.hold(weight_of(96, 64)[0])
    assert sum(linear.chosen().values()) == 2


def test_a_transposed_weight_lets_go_of_the_original():
    weight = weight_of(48, 64)[0]
    held = linear.Transposed(weight, None)
    assert held.weight.data_ptr() != weight.data_ptr() and held.weight.is_contiguous()
    assert not any(value is weight for value in vars(held).values())


def test_a_torch_that_cannot_pack(monkeypatch):
    weight = weight_of(48, 64, torch.bfloat16)[0]

    class Missing:
        def __getattr__(self, name):
            raise AttributeError(name)

    monkeypatch.setattr(torch.ops, "mkldnn", Missing())
    assert packed.hold(weight, None) is None
    monkeypatch.setattr(linear, "_chosen", {})
    ones = torch.ones(2, 64, dtype=torch.bfloat16)
    assert distance(linear.hold(weight)(ones), functional.linear(ones, weight)) < CLOSE[torch.bfloat16]


def test_a_form_that_computes_something_else_is_not_used(monkeypatch):
    class Wrong(linear.Transposed):
        def __call__(self, x):
            return 2 * super().__call__(x)

    weight = weight_of(48, 64)[0]
    monkeypatch.setattr(linear, "FORMS", {"plain": linear.Plain, "wrong": Wrong})
    monkeypatch.setattr(linear, "prefer", lambda took, gain: [*took][-1])
    monkeypatch.setattr(linear, "_chosen", {})
    assert type(linear.hold(weight)) is linear.Plain


# fewer bits


@pytest.mark.parametrize("dtype", CLOSE, ids=str)
@pytest.mark.parametrize(("how", "most"), [("int8", 0.01), ("int4", 0.1)])
@pytest.mark.parametrize("biased", [False, True])
def test_fewer_bits(how, most, dtype, biased):
    weight, bias = weight_of(48, 128, dtype)
    before = weight.clone()
    held = linear.hold(weight, bias if biased else None, how)
    assert torch.equal(weight, before)
    for rows in ROWS:
        x = torch.randn(rows, 128).to(dtype)
        found = held(x)
        assert found.dtype == dtype and distance(found, functional.linear(x, weight, bias if biased else None)) <= most


def test_the_numbers_of_int8():
    weight = torch.tensor([[127.0, -127.0, 1.0, 0.4], [0.0, 0.0, 0.0, 0.0], [2.54, 1.27, 0.0, -2.54]])
    numbers, scale = quantised.int8(weight)
    assert numbers[0].tolist() == [127, -127, 1, 0] and scale[0] == 1
    assert numbers[1].tolist() == [0, 0, 0, 0] and torch.isfinite(scale).all()
    assert distance(numbers.float() * scale.float()[:, None], weight) < 0.005


def test_the_numbers_of_int4():
    """Each group of 32 has its own scale; 16 levels from the least to the largest of its numbers."""
    row = torch.cat([torch.arange(32) % 16, 100 + 2 * (torch.arange(32) % 16)]).float()
    numbers, scale, middle = quantised.int4(row.expand(16, 64))
    assert (scale[0].tolist(), middle[0].tolist()) == ([1, 2], [8, 116])
    assert torch.equal(quantised.restored(numbers, scale, middle, torch.float32), row.expand(16, 64))
    flat = torch.full((16, 64), 0.5)
    assert distance(quantised.restored(*quantised.int4(flat), torch.float32), flat) < 0.01


def test_what_cannot_be_divided_into_groups_is_held_in_int8():
    for outputs, inputs in ((48, 100), (20, 128)):
        weight, _ = weight_of(outputs, inputs)
        x = torch.randn(3, inputs)
        assert distance(linear.hold(weight, None, "int4")(x), functional.linear(x, weight)) < 0.01


@pytest.mark.parametrize("how", quantised.FORMS)
@pytest.mark.parametrize("fault", ["raises", "wrong"])
def test_a_quick_product_that_fails_is_not_used(monkeypatch, how, fault):
    monkeypatch.setattr(quantised, "_tried", {})

    class Broken:
        def __getattr__(self, name):
            if fault == "raises":
                raise RuntimeError(f"no operator {name}")
            return lambda x, numbers, *others: torch.ones(len(x), 48, dtype=x.dtype)

    monkeypatch.setattr(torch.ops, "aten", Broken())
    weight, _ = weight_of(48, 128)
    x = torch.randn(3, 128)
    held = linear.hold(weight, None, how)
    assert distance(held(x), functional.linear(x, weight)) < 0.1
    monkeypatch.setattr(quantised, "_tried", {})


# whole models


@pytest.mark.model
@pytest.mark.slow
def test_a_model_reads_nearly_the_same_in_fewer_bits():
    """In benchmarks/quality.py int8 changes the perplexity of such chats by 0.05 %, int4 by 0.6 %."""
    said = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(CHAT)]
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    ids = torch.tensor([tokenizer.apply_chat_template(said, tokenize=True, return_dict=False)])
    losses, loaded = {}, AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32).eval()
    with torch.inference_mode():
        for how in ("plain", "int8", "int4"):
            model = copy.deepcopy(loaded)
            table = model.get_input_embeddings().weight
            place(model, torch.device("cpu"))
            hold_linears(model, how, torch.device("cpu"))
            assert isinstance(model.model.layers[0].mlp.down_proj, HeldLinear)
            assert model.get_output_embeddings().weight is table, "the head stays as it is"
            losses[how] = functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:]).exp().item()
    assert losses["int8"] == pytest.approx(losses["plain"], rel=0.01)
    assert losses["int4"] == pytest.approx(losses["plain"], rel=0.02)
