"""What a GGUF file says of itself: whole, truncated, damaged, in parts, larger than the memory. No model is loaded."""

import struct
from random import Random

import pytest

from tests.engines.conftest import ROOT, program
from webbot.engines.llama_cpp import check
from webbot.engines.llama_cpp.header import Header
from webbot.errors import Unusable

PART = "model-0000{}-of-00002.gguf"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    file = tmp_path_factory.mktemp("random") / "tiny.gguf"
    program(ROOT / "benchmarks/random_gguf.py").write(file, "tiny", "q4_k")
    return file.read_bytes()


def refused(tmp_path, data, name="model.gguf"):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(Unusable) as refusal:
        check.whole(file)
    assert str(file) in str(refusal.value)
    return str(refusal.value)


def begun(version=3, tensors=0, values=0):
    return b"GGUF" + struct.pack("<IQQ", version, tensors, values)


def test_a_whole_file_tells_what_it_is(data, tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(data)
    model, files = check.whole(file)
    assert (model.architecture, model.size, files) == ("llama", len(data), [file])
    assert model.number("context_length") == 2048
    assert check.window(model, 8192) == 2048
    assert check.window(model, 512) == 512
    assert check.cell_bytes(model) == 2 * 2 * (64 + 64) * 2  # layers, heads of keys, their lengths, bytes
    assert len(model.values["tokenizer.ggml.tokens"]) == 1024


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_told(data, kept, tmp_path):
    assert "truncated" in refused(tmp_path, data[: int(len(data) * kept)])


@pytest.mark.parametrize(("wrong", "told"), [
    (b"", "is empty"), (b"GG", "no GGUF file"), (b"PK\x03\x04" + bytes(100), "no GGUF file"), (b"GGUF", "truncated"),
    (begun(version=99), "version 99"), (begun(version=1), "version 1"), (begun(values=1 << 60), "counts are absurd"),
    (begun(tensors=1 << 60), "counts are absurd"), (begun(values=1) + struct.pack("<Q", 1 << 60), "lengths are absurd"),
    (begun(values=1) + struct.pack("<Q1sI", 1, b"a", 99), "unknown type"),
    (begun(values=1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 4, 1 << 60), "truncated"),
    (begun(values=1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 9, 1), "unknown type"),
    (begun(tensors=1) + struct.pack("<Q1sI", 1, b"a", 99), "counts are absurd"),
    (begun(tensors=1) + struct.pack("<Q1sIQIQ", 1, b"a", 1, 1 << 50, 0, 0), "truncated"),
    (begun(tensors=1) + struct.pack("<Q1sIQIQ", 1, b"a", 1, 100, 12, 0), "whole blocks"),
    (begun() + bytes(8), "architecture"),
])
def test_what_is_wrong_is_named(wrong, told, tmp_path):
    assert told in refused(tmp_path, wrong)


def test_damage_anywhere_is_told_or_harmless(data, tmp_path):
    random, file = Random(5), tmp_path / "model.gguf"
    for _ in range(150):
        damaged = bytearray(data[: random.randrange(len(data))] if random.random() < 0.3 else data)
        for _ in range(3):
            damaged[random.randrange(min(len(damaged), 20_000))] = random.randrange(256)
        file.write_bytes(damaged)
        try:
            model, _ = check.whole(file)
            check.slots(file, model, check.window(model, 8192), 8, 1 << 34)
        except Unusable as refusal:
            assert str(refusal)


def test_a_model_in_parts_needs_all_of_them(tmp_path):
    def part(number):
        name = b"split.count"
        values = struct.pack("<Q", len(name)) + name + struct.pack("<IH", 2, 2)
        values += struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ5s", 8, 5, b"llama")
        (tmp_path / PART.format(number)).write_bytes(begun(values=2) + values + bytes(64))

    part(1)
    with pytest.raises(Unusable, match="00002-of-00002"):
        check.whole(tmp_path / PART.format(1))
    part(2)
    assert len(check.whole(tmp_path / PART.format(1))[1]) == 2
    with pytest.raises(Unusable, match="first part"):
        check.whole(tmp_path / PART.format(2))


def test_the_memory_says_how_many_answers_there_are_at_once(tmp_path):
    file = tmp_path / "model.gguf"
    model = Header({
        "general.architecture": "llama", "llama.block_count": 32, "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8, "llama.embedding_length": 4096,
    }, size=4_900_000_000, parameters=8_000_000_000)
    assert check.cell_bytes(model) == 131_072
    assert check.slots(file, model, 8192, 8, None) == 8
    assert check.slots(file, model, 8192, 8, 64_000_000_000) == 8
    assert check.slots(file, model, 8192, 8, 9_000_000_000) == 2
    with pytest.raises(Unusable, match=r"about 6\.9 GB .* 4\.0 GB are free"):
        check.slots(file, model, 8192, 8, 4_000_000_000)


def test_a_file_over_which_llama_cpp_ended_the_process_is_not_tried_again(tmp_path):
    from webbot.engines.llama_cpp.server import listening_in

    log = tmp_path / "model.log"
    log.write_text("0.1 I loading\nllama.cpp:12: GGML_ASSERT(rows > 0) failed\n")
    with pytest.raises(Unusable, match=r"rows > 0"), listening_in(tmp_path / "model.gguf", log):
        pass
    assert not log.exists()
    with listening_in(tmp_path / "model.gguf", log):
        assert log.exists()
    assert not log.exists()
