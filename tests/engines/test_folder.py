"""Model folders before anything in them is read as a model: each fault is one sentence that names the file. Without torch."""

import json
import os
import pickle
import struct
import subprocess
import sys

import pytest

from tests.engines import small_llama
from webbot.engines.llama import folder as folders
from webbot.errors import Unusable
from webbot.models.catalog import STARTER
from webbot.settings import ROOT


@pytest.fixture
def model(tmp_path):
    return small_llama.make(tmp_path / "model")


def refused(model):
    with pytest.raises(Unusable) as caught:
        folders.check_language_model(model)
    sentence = str(caught.value)
    assert len(sentence) < 900
    assert "\n" not in sentence
    return sentence


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_whole_folders_are_taken(model):
    assert folders.check_language_model(model)["hidden_size"] == 8
    assert folders.check_language_model(STARTER)["model_type"] == "llama"


def test_nothing_of_it_needs_torch():
    program = "import sys, webbot.engines.llama.folder, webbot.engines.llama.template; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_what_lies_beside_the_model_is_no_matter(model, tmp_path):
    """Hubs have pickles and programs beside the weights; nobody reads them."""
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(print))
    (model / "modeling_evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    (model / "notes").mkdir()
    folders.check_language_model(model)
    assert not (tmp_path / "canary").exists()


def test_an_adapter_is_no_model(model):
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "http://127.0.0.1/x"}')
    assert "adapter_config.json" in refused(model)


CODE = [
    ("config.json", {"auto_map": {"AutoConfig": "evil.Evil"}}),
    ("config.json", {"text_config": {"auto_map": {"AutoModel": "a--b.C"}}}),
    ("config.json", {"trust_remote_code": True}), ("config.json", {"_attn_implementation_internal": "somebody/kernels"}),
    ("config.json", {"_attn_implementation": "flash_attention_2"}), ("config.json", {"attn_implementation": {"": "a/b"}}),
    ("config.json", {"_experts_implementation": "somebody/kernels@v1"}), ("config.json", {"use_kernels": True}),
    ("config.json", {"transformers_weights": "../../other.safetensors"}), ("config.json", {"fusion_config": {"a": 1}}),
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}}),
    ("tokenizer_config.json", {"tokenizer_class": "pipeline"}), ("tokenizer_config.json", {"tokenizer_class": ["a"]}),
    ("tokenizer_config.json", {"tokenizer_class": "evil.EvilTokenizer"}),
    ("generation_config.json", {"custom_generate": "somebody/decoding"}),
]


@pytest.mark.parametrize(("name", "values"), CODE)
def test_settings_that_bring_code(model, name, values):
    if name == "generation_config.json":
        (model / name).write_text("{}")
    change(model / name, **values)
    sentence = refused(model)
    assert name in sentence
    assert "program code" in sentence


@pytest.mark.parametrize("values", [{"_attn_implementation": "sdpa"}, {"attn_implementation": None}, {"auto_map": None}])
def test_settings_that_bring_none(model, values):
    change(model / "config.json", **values)
    (model / "generation_config.json").write_text('{"cache_implementation": "hybrid"}')
    folders.check_language_model(model)


@pytest.mark.parametrize("name", ["quantization_config", "compression_config"])
def test_packed_numbers(model, name):
    change(model / "config.json", **{name: {"quant_method": "os", "modules": ["evil"]}})
    assert "quantized" in refused(model)


@pytest.mark.parametrize("kind", ["mamba", "bert", "no-such-thing", "gpt2", None, 7, ["llama"], "x" * 5000])
def test_the_architectures_that_are_served_are_told(model, kind):
    change(model / "config.json", model_type=kind)
    sentence = refused(model)
    assert "config.json" in sentence
    assert "llama, mistral" in sentence


ABSURD = [10**12, 10**400, -1, 0, "8", "many", 8.5, True, None, [8], {}]


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", ["hidden_size", "num_hidden_layers", "vocab_size", "max_position_embeddings"])
def test_absurd_numbers(model, name, value):
    change(model / "config.json", **{name: value})
    sentence = refused(model)
    assert "config.json" in sentence
    assert name in sentence


@pytest.mark.parametrize("text", [
    b"", b"{", b"[]", b"null", b"7", b"\xff\xfe\x00", b"[" * 200_000, b'{"a":' * 200_000, b'{"rms_norm_eps": NaN}',
    b'{"rms_norm_eps": Infinity}', b'{"rms_norm_eps": 1e999}', b'{"hidden_size": ' + b"9" * 5000 + b"}",
], ids=lambda text: repr(text[:20]))
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "model.safetensors.index.json"])
def test_json_that_is_none(model, name, text):
    (model / name).write_bytes(text)
    assert name in refused(model)


@pytest.mark.parametrize("name", ["config.json", "special_tokens_map.json", "tokenizer.json", "chat_template.jinja"])
def test_files_that_are_too_large(model, name):
    with (model / name).open("wb") as opened:
        opened.truncate(300 * 1024**2)
    sentence = refused(model)
    assert name in sentence
    assert "too large" in sentence


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_links_to_other_places(model, tmp_path, name):
    (model / name).rename(tmp_path / "elsewhere")
    (model / name).symlink_to(tmp_path / "elsewhere")
    assert name in refused(model)
    (model / name).unlink()
    (model / name).symlink_to("/dev/zero")
    assert name in refused(model)
    (model / name).unlink()
    (model / name).symlink_to(name)  # to itself
    assert name in refused(model)


def test_links_as_a_hub_s_cache_has_them(model, tmp_path):
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123"
    (tmp_path / "models--a--b" / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in model.iterdir():
        file.rename(tmp_path / "models--a--b" / "blobs" / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    folders.check_language_model(snapshot)
    (tmp_path / "link").symlink_to(snapshot)  # the folder itself may be one
    folders.check_language_model(tmp_path / "link")


def test_a_pipe_in_place_of_a_file(model):
    (model / "config.json").unlink()
    os.mkfifo(model / "config.json")
    assert "config.json" in refused(model)


@pytest.mark.parametrize("name", ["../elsewhere.safetensors", "../../x", "/etc/passwd", "a/b.safetensors", "", 7, None])
def test_an_index_that_points_elsewhere(model, name):
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    assert "index" in refused(model) or name == ""


def spoil(model, name="model.norm.weight", named=None, **entry):
    shapes = small_llama.shapes(small_llama.config())
    begin = {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}
    header = {name: begin | entry} if entry else None
    small_llama.write_tensors(model / "model.safetensors", shapes | (named or {}), header=header)


@pytest.mark.parametrize("entry", [
    {"data_offsets": [0, 32]}, {"data_offsets": [10**15, 10**15 + 32]}, {"data_offsets": [-32, 0]}, {"data_offsets": [32, 0]},
    {"data_offsets": [0]}, {"data_offsets": "ab"}, {"data_offsets": None}, {"data_offsets": [0.0, 32.0]},
    {"shape": [10**12, 10**12]}, {"shape": [-8]}, {"shape": "8"},
    {"shape": [True] * 8}, {"dtype": "F1"}, {"dtype": 7}, {"dtype": ["F32"]},
], ids=repr)
def test_tensors_that_cannot_be(model, entry):
    spoil(model, **entry)
    assert "model.safetensors" in refused(model)


@pytest.mark.parametrize("length", [0, 1, 2, 10**8, 2**63, 2**64 - 1])
def test_headers_of_any_length(model, length):
    file = model / "model.safetensors"
    file.write_bytes(struct.pack("<Q", length) + file.read_bytes()[8:])
    assert "model.safetensors" in refused(model)


def test_a_header_of_a_hundred_megabytes(model):
    with (model / "model.safetensors").open("wb") as opened:
        opened.write(struct.pack("<Q", 100_000_000) + b"{")
        opened.truncate(100_000_008)
    assert "model.safetensors" in refused(model)


def test_bytes_that_belong_to_nothing(model):
    with (model / "model.safetensors").open("ab") as opened:
        opened.write(b"x" * 100)
    assert "model.safetensors" in refused(model)


@pytest.mark.parametrize("kind", ["I32", "U32"])
def test_weights_of_another_type(model, kind):
    small_llama.write_tensors(model / "model.safetensors", small_llama.shapes(small_llama.config()), kind=kind)
    assert "quantized" in refused(model)


def test_weights_of_another_shape(model):
    spoil(model, named={"model.embed_tokens.weight": [299, 8]})
    sentence = refused(model)
    assert "[299, 8]" in sentence
    assert "[300, 8]" in sentence


def test_layers_that_are_missing(model):
    change(model / "config.json", num_hidden_layers=1000)
    assert "layers.2" in refused(model)


def test_tensors_more_than_needed_do_no_harm(model):
    spoil(model, named={"model.layers.0.self_attn.rotary_emb.inv_freq": [2], "extra": [5]})
    folders.check_language_model(model)


def test_a_pickle_in_place_of_the_weights(model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "pytorch_model.bin" in refused(model)
