"""What models are planned to take of the memory, in exact figures, and what speaks against them."""

import json
import os
import struct

import gguf
import numpy as np
import pytest

from webbot.engines.compute import planning
from webbot.errors import NoMemory, Unusable
from webbot.models import catalog, gguf_header, memory, plan, shape
from webbot.models.catalog import Found
from webbot.models.entries import entry_of
from webbot.settings import Settings

GIB = 1 << 30


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(memory, "_asked", (-1000.0, None))
    monkeypatch.setattr(memory, "torch_has_cuda", lambda: True)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with that much memory, all and free, in kB; with files for control groups."""

    def make(total, free, **groups):
        (tmp_path / "meminfo").write_text(f"MemTotal:  {total} kB\nMemFree: 1 kB\nMemAvailable: {free} kB\n")
        monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
        monkeypatch.setattr(memory, "CGROUP", tmp_path / "groups")
        for name, text in groups.items():
            file = tmp_path / "groups" / name.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return make


@pytest.fixture
def smi(monkeypatch, tmp_path):
    """Puts a program nvidia-smi on the PATH that says this."""

    def make(says, status=0):
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\nprintf '{says}'\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return make


def settings(tmp_path, **values):
    places = {"models": tmp_path / "models", "data": tmp_path / "data"}
    return Settings(**places | {"device": "cpu", "precision": "float32"} | values)


def folder(place, *, layers=4, heads=8, key_heads=2, size=64, window=4096, numbers=1000):
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "num_hidden_layers": layers, "num_attention_heads": heads, "dtype": "bfloat16",
        "num_key_value_heads": key_heads, "hidden_size": heads * size, "max_position_embeddings": window,
    }))
    (place / "tokenizer.json").write_text("{}")
    header = json.dumps({"a": {"dtype": "BF16", "shape": [numbers], "data_offsets": [0, 2 * numbers]}}).encode()
    (place / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(2 * numbers))
    return place


def gguf_file(place, *, values=True):
    writer = gguf.GGUFWriter(place, "llama")
    if values:
        writer.add_block_count(4)
        writer.add_context_length(2048)
        writer.add_head_count(8)
        writer.add_head_count_kv([2, 2, 1, 1])
        writer.add_embedding_length(512)
        writer.add_file_type(15)
        writer.add_license("apache-2.0")
        writer.add_chat_template("{{ messages }}")
        writer.add_token_list([f"token {number}" for number in range(2000)])
        writer.add_token_scores([0.5] * 2000)
    writer.add_tensor("a", np.zeros((10, 32), np.float32))
    writer.add_tensor("b", np.zeros(7, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return place


# what a model needs


def test_a_folder(tmp_path):
    found = Found(name="x", title="X", path=folder(tmp_path / "x", numbers=1_000_000))
    cached = 2 * 4 * 2 * 64  # keys and values x layers x key heads x head size
    for precision, width in (("float32", 4), ("bfloat16", 2)):
        chosen = settings(tmp_path, context=2048, parallel=3, precision=precision)
        assert plan.need(found, chosen) == width * (1_000_000 + cached * (2048 + 2 * 1024)) + 400_000_000
    chosen = settings(tmp_path, context=99_999, parallel=1)  # never more than the model's own window
    assert plan.need(found, chosen) == 4 * (1_000_000 + cached * 4096) + 400_000_000
    chosen = settings(tmp_path, context=256, parallel=2)  # nobody has more than a window
    assert plan.need(found, chosen) == 4 * (1_000_000 + cached * 512) + 400_000_000


def test_the_example_of_the_docstring(tmp_path):
    found = Found(name="llama-3.2-1b", title="Llama", entry=entry_of("llama-3.2-1b"))
    needed = plan.need(found, settings(tmp_path, precision="bfloat16"))
    assert needed == 1_235_814_400 * 2 + (8192 + 7 * 1024) * 32_768 + 400_000_000 == 3_374_945_280
    assert "= 3.4 GB" in plan.__doc__


@pytest.mark.parametrize(("weights", "size"), [
    ("plain", 2_471_628_800), ("int8", 262_668_288 * 2 + 973_146_112), ("int4", 262_668_288 * 2 + 973_146_112 * 5 // 8),
])
def test_weights_in_fewer_bits(tmp_path, weights, size):
    found = Found(name="llama-3.2-1b", title="Llama", entry=entry_of("llama-3.2-1b"))
    chosen = settings(tmp_path, precision="bfloat16", weights=weights, context=1024, parallel=1)
    assert plan.need(found, chosen) == size + 1024 * 32_768 + 400_000_000


def test_the_tables_of_a_folder_keep_their_width(tmp_path):
    assert shape.of(catalog.STARTER).embedded == 4096 * 384
    found = Found(name="starter", title="Starter", path=catalog.STARTER)
    chosen = settings(tmp_path, weights="int8", context=512, parallel=1)
    assert plan.need(found, chosen) == 4 * 4096 * 384 + (13_375_872 - 4096 * 384) + 4 * 512 * 3072 + 400_000_000


def test_what_is_planned_on_a_gpu_is_what_fits_there(smi, tmp_path):
    """The window is whole where the need is there, and never refused where the least is."""
    found, beside = Found(name="llama-3.2-3b", title="Llama", entry=entry_of("llama-3.2-3b")), 700_000_000
    for weights in ("plain", "int8", "int4"):
        smi("8192, 8000, 8.6\\n")
        chosen = settings(tmp_path, device="auto", precision="auto", weights=weights)
        held = planning.weight_bytes(3_212_749_824, 128_256 * 3072, 2, weights)

        def fit(total, held=held, chosen=chosen):
            return planning.fit(free=total - 600_000_000 - held, bytes_a_token=114_688, window=8192, parallel=8, gpu=True,
                                spare=plan.spare(chosen, beside))

        need, least = plan.need(found, chosen), plan.least(found, chosen)
        assert fit(need + beside).tokens == 8192 + 7 * 1024 and fit(need + beside).window == 8192
        assert fit(least + beside).window == 512
        with pytest.raises(Unusable):
            fit(least + beside - 16 * 114_688)
        assert plan.most(found, chosen) == max(need, 8192 << 20), "a small card is taken as a whole"


def test_a_large_gpu_has_room_for_others(smi, tmp_path):
    smi("143360, 143000, 9.0\\n")
    found = Found(name="llama-3.2-1b", title="Llama", entry=entry_of("llama-3.2-1b"))
    chosen = settings(tmp_path, device="auto", precision="auto")
    process = 600_000_000 + planning.reserve(8, gpu=True)
    assert plan.most(found, chosen) == 2_471_628_800 + 4 * 8 * 8192 * 32_768 + process
    limited = settings(tmp_path, device="auto", precision="auto", cache_memory=1, model_memory=20)
    assert plan.most(found, limited) - 2_471_628_800 - process == 10**9 // 32_768 * 32_768
    assert plan.spare(limited, 7) == (143_360 << 20) - 20 * 10**9 + 7
    assert plan.spare(chosen, 7) == 7


def test_on_a_processor_only_the_need_is_held(tmp_path):
    found = Found(name="llama-3.2-1b", title="Llama", entry=entry_of("llama-3.2-1b"))
    chosen = settings(tmp_path)
    assert plan.most(found, chosen) == plan.need(found, chosen) > plan.least(found, chosen)


def test_a_gguf_file(tmp_path):
    file = gguf_file(tmp_path / "x.gguf")
    found = Found(name="x", title="X", path=file, kind="gguf")
    needed = plan.need(found, settings(tmp_path, context=8192, parallel=2))
    assert needed == file.stat().st_size + 2 * 4 * 2 * (64 + 64) * (2048 + 1024) + 300_000_000


def test_speech(tmp_path):
    found = Found(name="x", title="X", path=tmp_path / "x.pt", kind="speech", size=145_262_807)
    assert plan.need(found, settings(tmp_path)) == 145_262_807 * 2 * 6 // 5 + 400_000_000


def test_what_nobody_knows_counts_nothing(tmp_path):
    for kind in ("local", "gguf", "speech"):
        assert plan.need(Found(name="x", title="X", kind=kind), settings(tmp_path)) == 0
    broken = folder(tmp_path / "broken")
    (broken / "config.json").write_text("{")
    assert plan.need(Found(name="x", title="X", path=broken, size=5000), settings(tmp_path)) == 4 * 2500 + 400_000_000


# shapes


def test_shapes(tmp_path):
    told = shape.of(folder(tmp_path / "x"))
    assert (told.architecture, told.parameters, told.window, told.quantisation, told.template) == \
        ("LlamaForCausalLM", 1000, 4096, "bfloat16", False)
    told = shape.of(gguf_file(tmp_path / "x.gguf"))
    assert (told.architecture, told.parameters, told.window, told.quantisation, told.template, told.licence) == \
        ("llama", 327, 2048, "Q4_K_M", True, "apache-2.0")
    assert shape.of(gguf_file(tmp_path / "bare.gguf", values=False)).cached == 0
    told = shape.of(catalog.STARTER)
    assert (told.window, told.template, told.cached) == (2048, True, 2 * 8 * 3 * 64)


def test_a_gguf_file_that_is_cut_or_lies_is_refused(tmp_path):
    whole = gguf_file(tmp_path / "x.gguf").read_bytes()
    header = whole.index(b"general.architecture")
    file = tmp_path / "y.gguf"
    end = len(whole) - 10 * 32 * 4 - 7 * 4 - 64  # within the description of the tensors
    for length in (0, 3, 4, 12, 20, header, header + 5, end // 2, end - 40):
        file.write_bytes(whole[:length])
        with pytest.raises(Unusable, match=r"y\.gguf"):
            gguf_header.read(file)
    lies = ((4, struct.pack("<I", 99)), (8, b"\xff" * 8), (16, b"\xff" * 8), (24, b"\xff" * 8), (24, b"\0\0\0\xff\0\0\0\0"))
    for place, lie in lies:
        file.write_bytes(whole[:place] + lie + whole[place + len(lie):])
        with pytest.raises(Unusable, match=r"y\.gguf"):
            gguf_header.read(file)
    with pytest.raises(Unusable):
        gguf_header.read(tmp_path / "none.gguf")


# what there is


def test_this_machine(machine, tmp_path):
    machine(8_000_000, 5_000_000)
    assert plan.room(settings(tmp_path)) == memory.Room(8_192_000_000, 5_120_000_000, "memory")
    assert plan.room(settings(tmp_path, model_memory=6)) == memory.Room(6_000_000_000, 5_120_000_000, "memory", limited=True)


@pytest.mark.parametrize("groups", [
    {"memory_dot_max": "2000000000\n", "memory_dot_current": "500000000\n"},
    {"memory__memory_dot_limit_in_bytes": "2000000000", "memory__memory_dot_usage_in_bytes": "500000000"},
])
def test_a_container(machine, tmp_path, groups):
    machine(8_000_000, 5_000_000, **groups)
    assert plan.room(settings(tmp_path)) == memory.Room(2_000_000_000, 1_500_000_000, "memory")


@pytest.mark.parametrize("groups", [{"memory_dot_max": "max"}, {"memory_dot_max": "garbage"}, {"memory_dot_max": "9" * 18}])
def test_a_container_without_a_limit(machine, tmp_path, groups):
    machine(8_000_000, 5_000_000, **groups)
    assert plan.room(settings(tmp_path)).total == 8_192_000_000


def test_a_gpu(smi, tmp_path, monkeypatch):
    asked = smi("6144, 5000, 7.5\\n24576, 1, 8.9\\n")
    chosen = settings(tmp_path, device="auto", precision="auto")
    assert plan.room(chosen) == memory.Room(6 * GIB, 5000 << 20, "GPU")
    assert plan.room(chosen).what == "GPU" and len(asked.read_text().splitlines()) == 1, "not asked for every page"
    assert memory.bytes_a_number(chosen) == 4, "bfloat16 would only be emulated"
    assert plan.room(settings(tmp_path)).what == "memory", "device=cpu"
    found = Found(name="x", title="X", path=tmp_path / "x.pt", kind="speech", size=100_000_000)
    assert plan.need(found, chosen) == 120_000_000 + 600_000_000
    monkeypatch.setattr(memory, "_asked", (-1000.0, None))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert plan.room(chosen).what == "GPU" and "--id=1" in asked.read_text()


def test_a_newer_gpu_computes_in_bfloat16(smi, tmp_path):
    smi("24576, 24000, 8.6\\n")
    assert memory.bytes_a_number(settings(tmp_path, device="cuda", precision="auto")) == 2


@pytest.mark.parametrize(("says", "status"), [("", 0), ("No devices were found", 6), ("[N/A], 1, 2", 0), ("1, 2", 0)])
def test_no_gpu(smi, tmp_path, says, status):
    smi(says, status)
    assert plan.room(settings(tmp_path, device="auto")).what == "memory"


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu(smi, tmp_path, monkeypatch, hidden):
    smi("6144, 5000, 8.6\\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert plan.room(settings(tmp_path, device="auto")).what == "memory"


def test_a_gpu_that_torch_cannot_use(smi, tmp_path, monkeypatch):
    smi("6144, 5000, 8.6\\n")
    monkeypatch.setattr(memory, "torch_has_cuda", lambda: False)
    assert plan.room(settings(tmp_path, device="auto")).what == "memory"


# whether it fits


def refusal(needs, chosen):
    with pytest.raises(NoMemory) as refused:
        plan.check(needs, chosen)
    assert refused.value.status == 507
    return str(refused.value)


def test_what_fits_is_not_refused(machine, tmp_path):
    machine(8_000_000, 1)
    plan.check({}, settings(tmp_path))
    plan.check({"a": 8_192_000_000}, settings(tmp_path))


def test_figures(machine, smi, tmp_path):
    machine(8_000_000, 5_000_000)
    chosen = settings(tmp_path)
    assert refusal({"llama-3.2-3b": 9_000_000_000}, chosen).startswith(
        "llama-3.2-3b needs 9.0 GB of memory; this machine has 8.2 GB. Please use a smaller one")
    assert refusal({"llama-3.2-3b": 8_000_000_000, "unknown": 0, "whisper-base": 400_000_000}, chosen).startswith(
        "llama-3.2-3b (8.0 GB), whisper-base (0.4 GB) need 8.4 GB of memory together; this machine has 8.2 GB.")
    limited = settings(tmp_path, model_memory=2.5)
    assert "llama needs 3.0 GB; models may take 2.5 GB here (WEBBOT_MODEL_MEMORY)." in refusal({"llama": 3_000_000_000}, limited)
    smi("6144, 5000, 8.6\\n")
    on_gpu = settings(tmp_path, device="auto")
    assert "a (6.0 GB), b (1.0 GB) need 7.0 GB together; this GPU has 6.4 GB." in refusal(
        {"a": 6_000_000_000, "b": 1_000_000_000}, on_gpu)
