"""How many pages fit a memory, in exact figures, and what small cards hold by them."""

import pytest

from webbot.engines.compute import planning
from webbot.engines.compute.planning import PAGE, fit
from webbot.errors import Unusable
from webbot.models import plan
from webbot.models.entries import entry_of

GIB = 1 << 30
A_TOKEN = 32_768  # Llama 3.2 1B in bfloat16
WHISPER_BASE = 145_262_807 * 6 // 5 + plan.PROCESS_ON_GPU


def on_gpu(free, **changes):
    return fit(**{"free": free, "bytes_a_token": A_TOKEN, "window": 8192, "parallel": 8, "gpu": True, **changes})


def test_a_large_card_keeps_no_more_than_it_can_use():
    found = on_gpu(100 * GIB)
    assert (found.tokens, found.window) == (planning.KEPT * 8 * 8192, 8192)
    assert found.conversations == 32


def test_what_is_free_becomes_pages():
    reserved = planning.reserve(8, gpu=True)
    found = on_gpu(reserved + 500 * PAGE * A_TOKEN + 1000, window=4096)
    assert (found.pages, found.window, found.bytes) == (500, 4096, 500 * PAGE * A_TOKEN)
    assert on_gpu(reserved + 500 * PAGE * A_TOKEN, window=4096, spare=100 * PAGE * A_TOKEN).pages == 400


def test_the_window_becomes_what_fits():
    found = on_gpu(planning.reserve(8, gpu=True) + 100 * PAGE * A_TOKEN)
    assert (found.window, found.conversations) == (1600, 1)


@pytest.mark.parametrize(("pages", "window", "fits"), [(32, 8192, True), (31, 8192, False), (16, 256, True), (15, 256, False)])
def test_too_little_is_refused_with_figures(pages, window, fits):
    free = planning.reserve(8, gpu=True) + pages * PAGE * A_TOKEN
    if fits:
        assert on_gpu(free, window=window).window == min(pages * PAGE, window)
        return
    with pytest.raises(Unusable) as refused:
        on_gpu(free, window=window)
    assert f"{pages * PAGE * A_TOKEN / 1e9:.2f} GB" in str(refused.value) and "WEBBOT_WEIGHTS=int8" in str(refused.value)


def test_a_budget():
    assert on_gpu(100 * GIB, budget=GIB).bytes == GIB
    assert on_gpu(100 * GIB, budget=1).window == 8192, "never less than a window"
    assert on_gpu(GIB, budget=50 * GIB).bytes < GIB, "never more than there is"


def test_a_processor_takes_what_was_planned_and_a_bonus():
    promised = planning.planned(8192, 8)
    assert promised == 8192 + 7 * 1024
    assert fit(free=None, bytes_a_token=A_TOKEN, window=8192, parallel=8, gpu=False).tokens == promised
    found = fit(free=4 * GIB, bytes_a_token=A_TOKEN, window=8192, parallel=8, gpu=False)
    assert 0 <= found.bytes - promised * A_TOKEN - GIB // 2 < PAGE * A_TOKEN
    found = fit(free=100 * GIB, bytes_a_token=A_TOKEN, window=8192, parallel=8, gpu=False)
    assert 0 <= found.bytes - promised * A_TOKEN - planning.BONUS < PAGE * A_TOKEN
    assert fit(free=100 * GIB, bytes_a_token=3072, window=512, parallel=2, gpu=False).tokens == planning.KEPT * 2 * 512


def test_the_sentence():
    found = on_gpu(planning.reserve(8, gpu=True) + 2 * 8192 * A_TOKEN, weights=2_471_628_800)
    card = {"device": "NVIDIA GeForce RTX 3080", "precision": "bfloat16", "weights": "int8", "threads": 0}
    assert planning.sentence("Llama 3.2 1B", card, found) == (
        "Llama 3.2 1B on NVIDIA GeForce RTX 3080 in bfloat16, matrices in int8. 2.5 GB of weights, 537 MB for conversations of "
        "together 16384 tokens, 2 of a whole window (8192 tokens).")
    processor = {"device": "x86_64 processor", "precision": "float32", "weights": "", "threads": 2}
    assert planning.sentence("small", processor, found).startswith("small on x86_64 processor in float32, threads: 2. ")


@pytest.mark.parametrize(("card", "name", "weights", "gigabytes", "tokens", "window"), [
    (10, "llama-3.2-1b", "plain", 2.47, 194_560, 8192),
    (10, "llama-3.2-1b", "int8", 1.5, 224_256, 8192),
    (10, "llama-3.2-1b", "int4", 1.13, 235_392, 8192),
    (10, "llama-3.2-3b", "plain", 6.43, 21_104, 8192),
    (10, "llama-3.2-3b", "int8", 3.61, 45_680, 8192),
    (10, "llama-3.2-3b", "int4", 2.55, 54_896, 8192),
    (8, "llama-3.2-1b", "plain", 2.47, 129_024, 8192),
    (8, "llama-3.2-1b", "int8", 1.5, 158_720, 8192),
    (8, "llama-3.2-1b", "int4", 1.13, 169_856, 8192),
    (8, "llama-3.2-3b", "plain", 6.43, 2384, 2384),
    (8, "llama-3.2-3b", "int8", 3.61, 26_960, 8192),
    (8, "llama-3.2-3b", "int4", 2.55, 36_176, 8192),
])
def test_small_cards(card, name, weights, gigabytes, tokens, window):
    """A card of so many GiB with nothing else on it but CUDA's own part of each process and Whisper base."""
    entry = entry_of(name)
    held = planning.weight_bytes(entry.parameters, entry.embedded, 2, weights)
    free = card * GIB - plan.PROCESS_ON_GPU - held
    found = fit(free=free, bytes_a_token=2 * entry.cached, window=8192, parallel=8, gpu=True, weights=held, spare=WHISPER_BASE)
    assert (round(held / 1e9, 2), found.tokens, found.window) == (gigabytes, tokens, window)
