"""Checks of Triton's kernels against torch. `test_kernels` runs this file in a process of its own: on a GPU as it is, elsewhere
in Triton's interpreter, which has to be chosen before Triton is imported."""

import sys
from importlib import import_module

import pytest
import torch

from webbot.engines.compute import quantised, sampling
from webbot.engines.compute.kernels import plain

EARLY = "triton" in sys.modules
launched = import_module("webbot.engines.compute.kernels.launched")
small = import_module("webbot.engines.compute.kernels.small")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BRAIN = torch.bfloat16 if DEVICE.type == "cuda" else torch.float16  # the interpreter multiplies no matrices of bfloat16
CLOSE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
SIZE = 16


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(7)


def random(*shape, dtype=torch.float32):
    return torch.randn(shape, device=DEVICE).to(dtype)


def close(found, wanted):
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    torch.testing.assert_close(found.float(), wanted.float(), atol=CLOSE[wanted.dtype], rtol=CLOSE[wanted.dtype])


def test_triton_is_imported_where_it_is_used_only():
    assert not EARLY


@pytest.mark.parametrize(("width", "dtype"), [(48, torch.float32), (384, torch.bfloat16), (100, torch.float16)])
def test_norm(width, dtype):
    wide = random(3, 2 * width, dtype=dtype)
    x, residual, weight = wide[:, width:], random(3, width, dtype=dtype), random(width, dtype=dtype)
    close(launched.rms_norm(x, weight, 1e-5), plain.rms_norm(x, weight, 1e-5))
    both = [module.rms_norm(x, weight, 1e-5, residual) for module in (launched, plain)]
    for found, wanted in zip(*both, strict=True):
        close(found, wanted)


@pytest.mark.parametrize("kind", plain.ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gate(kind, dtype):
    gate_up = random(2, 2 * 1100, dtype=dtype) * 3
    close(launched.gate(gate_up, kind), plain.gate(gate_up, kind))


@pytest.mark.parametrize(("head", "heads", "key_heads", "dtype", "norms"), [
    (64, 6, 3, torch.float32, False), (80, 4, 4, torch.float32, True), (96, 5, 1, torch.float16, False),
    (128, 16, 1, torch.bfloat16, True),
])
def test_positions_and_the_write(head, heads, key_heads, dtype, norms):
    tokens, window = 5, 40
    qkv = random(tokens, (heads + 2 * key_heads) * head, dtype=dtype)
    angles = torch.rand(window, head // 2, device=DEVICE).repeat(1, 2) * 6
    positions = torch.randint(0, window, (tokens,), device=DEVICE)
    places = torch.randperm(64, device=DEVICE)[:tokens]
    weights = [random(head, dtype=dtype) for _ in range(2)] if norms else [None, None]
    pools = [torch.full((2, key_heads, 64, head), 7.0, device=DEVICE, dtype=dtype) for _ in range(2)]
    queries = [
        module.rope_write(qkv, angles.cos(), angles.sin(), positions, places, *pool, heads, key_heads, *weights, 1e-6)
        for module, pool in zip((launched, plain), pools, strict=True)
    ]
    close(*queries)
    close(*pools)


def pool_of(key_heads, head, dtype, rows, pages):
    """Keys, values and tables. What no row holds is NaN, and what a table has behind its row's pages is far outside."""
    both = torch.full((2, key_heads, (rows * pages + 3) * SIZE, head), float("nan"), device=DEVICE, dtype=dtype)
    tables = torch.randperm(rows * pages + 3, device=DEVICE)[: rows * pages].view(rows, pages).int()
    return both, tables


def fill(both, tables, lengths):
    for row, length in enumerate(lengths):
        pages = tables[row, : -(-length // SIZE)].long()
        places = (pages[:, None] * SIZE + torch.arange(SIZE, device=DEVICE)).flatten()[:length]
        both[:, :, places] = random(2, both.shape[1], length, both.shape[3], dtype=both.dtype)
        tables[row, len(pages):] = 1 << 30


@pytest.mark.parametrize(("head", "heads", "key_heads", "dtype", "lengths"), [
    (64, 4, 1, torch.float32, (1, 200, 64)), (32, 3, 3, torch.float32, (17,)), (80, 10, 2, torch.float32, (130, 5)),
    (96, 16, 1, torch.float16, (33,)), (128, 4, 2, BRAIN, (65, 257)), (256, 2, 1, torch.float32, (70,)),
])
def test_decode(head, heads, key_heads, dtype, lengths):
    both, tables = pool_of(key_heads, head, dtype, len(lengths), 20)
    fill(both, tables, lengths)
    query = random(len(lengths), heads, head, dtype=dtype)
    counts = torch.tensor(lengths, dtype=torch.int32, device=DEVICE)
    said = (query, *both, tables, counts, head**-0.5, SIZE)
    close(launched.decode(*said), plain.decode(*said))


def test_decode_without_splits():
    rows = 40
    both, tables = pool_of(1, 32, torch.float32, rows, 1)
    lengths = [1 + row % SIZE for row in range(rows)]
    fill(both, tables, lengths)
    query, counts = random(rows, 2, 32), torch.tensor(lengths, dtype=torch.int32, device=DEVICE)
    close(launched.decode(query, *both, tables, counts, 0.3, SIZE), plain.decode(query, *both, tables, counts, 0.3, SIZE))


@pytest.mark.parametrize(("head", "heads", "key_heads", "dtype", "news", "lengths"), [
    (64, 8, 2, torch.float32, (1, 40, 70, 1), (90, 100, 70, 1)), (80, 3, 1, torch.float32, (3, 2), (9, 50)),
    (128, 4, 4, BRAIN, (33, 1), (33, 20)), (32, 16, 1, torch.float16, (1, 9), (5, 20)),
    (256, 2, 2, torch.float32, (20,), (60,)),
])
def test_prefill(head, heads, key_heads, dtype, news, lengths):
    both, tables = pool_of(key_heads, head, dtype, len(lengths), 7)
    fill(both, tables, lengths)
    query = random(sum(news), heads, head, dtype=dtype)
    counts = torch.tensor(lengths, dtype=torch.int32, device=DEVICE)
    starts = torch.tensor([0, *news], dtype=torch.int32, device=DEVICE).cumsum(0).int()
    said = (query, *both, starts, counts, tables, head**-0.5, SIZE, max(news))
    close(launched.prefill(*said), plain.prefill(*said))


WISHES = [
    sampling.Wish(), sampling.Wish(1.0, 1.0, 0, 0.0, 0.4), sampling.Wish(0.8, 0.9, 0, 0.0, 0.99),
    sampling.Wish(1.5, 0.7, 20, 0.0, 0.6), sampling.Wish(1.0, 1.0, 5, 0.0, 0.7), sampling.Wish(1.0, 1.0, 0, 0.2, 0.5),
    sampling.Wish(1.0, 0.0, 0, 0.0, 0.5), sampling.Wish(0.7, 0.9, 5000, 0.05, 0.8),
]


@pytest.mark.parametrize(("dtype", "uniform"), [(torch.float32, 0.3), (torch.bfloat16, 0.97), (torch.float16, 0.0)])
def test_draw(dtype, uniform, monkeypatch):
    monkeypatch.setattr("webbot.engines.compute.kernels.draw.BLOCK", 256)
    logits = random(len(WISHES), 500, dtype=dtype) * 3 - 2
    logits[:, 50:150] = float("-inf")  # a grammar's mask
    table = sampling.table(WISHES).to(DEVICE)
    table[3:, 4] = uniform
    assert launched.draw(logits, table).tolist() == sampling.choose_by(logits, table).tolist()


def test_of_equal_logits_the_first_is_the_largest():
    logits = torch.zeros(1, 300, device=DEVICE)
    logits[0, [200, 120]] = 4.0
    assert launched.draw(logits, sampling.table([sampling.Wish()]).to(DEVICE)).tolist() == [120]


def test_unpack():
    packed = torch.tensor([[5, -1, 0, 9, 0], [0, 2, 33, 4, 1], [8, 0, 16, 6, 2]], dtype=torch.int32, device=DEVICE)
    last = torch.tensor([70, 71, 72], device=DEVICE)
    tables = [torch.zeros(3, 4, dtype=torch.int32, device=DEVICE) for _ in range(2)]
    found = [module.unpack(packed, last, table, SIZE) for module, table in zip((launched, plain), tables, strict=True)]
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype and one.tolist() == other.tolist()
    assert found[0][0].tolist() == [5, 72, 70] and tables[0].tolist() == tables[1].tolist()


@pytest.mark.parametrize(("outputs", "inputs", "rows", "dtype"), [(48, 192, 5, torch.float32), (80, 320, 17, BRAIN)])
def test_small_weights(outputs, inputs, rows, dtype):
    weight, x = random(outputs, inputs, dtype=dtype), random(rows, 2 * inputs, dtype=dtype)[:, :inputs]
    numbers, scale = quantised.int8(weight)
    wanted = (x.float() @ (numbers.float() * scale.float()[:, None]).T).to(dtype)
    assert (small.int8(x, numbers, scale) - wanted).norm() <= CLOSE[dtype] * wanted.norm()
    held = quantised.int4(weight)
    wanted = (x.float() @ quantised.restored(*held, torch.float32).T).to(dtype)
    assert (small.int4(x, *held) - wanted).norm() <= CLOSE[dtype] * wanted.norm()
