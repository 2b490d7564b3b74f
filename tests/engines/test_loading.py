"""Model folders: whole ones load, and each kind of broken or dangerous one is refused in a sentence that names the file."""

import json
import pickle
import shutil
import socket

import pytest

from tests.engines import small_llama
from webbot.engines.llama import folder as folders
from webbot.engines.llama import loading
from webbot.errors import Unusable
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model


@pytest.fixture
def model(tmp_path):
    """A copy of the starter to break."""
    shutil.copytree(STARTER, tmp_path / "model")
    for file in (tmp_path / "model").iterdir():
        file.chmod(0o644)
    return tmp_path / "model"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever asks the network in these tests, fails."""
    def refuse(*arguments, **more):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def load(model):
    return loading.load(model, "cpu", "float32", lambda progress, sentence: None)


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_the_starter_loads_and_reports_its_progress(model):
    said = []
    loaded = loading.load(model, "cpu", "float32", lambda progress, sentence: said.append((progress, sentence)))
    assert loaded.context == 2048
    assert [progress for progress, _ in said] == sorted(progress for progress, _ in said)
    assert all(sentence for _, sentence in said)


def test_a_missing_folder(tmp_path):
    with pytest.raises(Unusable, match="nothing-here"):
        load(tmp_path / "nothing-here")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file(model, name):
    (model / name).unlink()
    with pytest.raises(Unusable, match=name):
        load(model)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 5000, 26_000_000, -1])
def test_truncated_weights(model, keep):
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(Unusable, match=r"model\.safetensors"):
        load(model)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_json_that_is_none(model, name, content):
    (model / name).write_bytes(content)
    with pytest.raises(Unusable, match=name):
        load(model)


def test_a_tokenizer_that_is_none(model):
    (model / "tokenizer.json").write_text("{}")
    with pytest.raises(Unusable, match="cannot be loaded"):
        load(model)


def test_a_missing_part_of_several(model):
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}))
    with pytest.raises(Unusable, match="model-00001"):
        load(model)


def test_an_index_that_points_elsewhere(model):
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../elsewhere.safetensors"}}))
    with pytest.raises(Unusable, match="index"):
        load(model)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pth"])
def test_a_pickle_is_not_read(model, tmp_path, name):
    (model / "model.safetensors").unlink()
    (model / name).write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    with pytest.raises(Unusable, match=name):
        load(model)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_the_model_is_not_run(model, tmp_path, name):
    (model / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\nclass Evil: pass\n")
    kinds = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil", "AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    change(model / name, auto_map=kinds)
    with pytest.raises(Unusable, match=name):
        load(model)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("key", ["_attn_implementation", "_attn_implementation_internal", "attn_implementation"])
def test_kernels_from_a_hub_are_refused(model, key):
    change(model / "config.json", **{key: "somebody/kernels"})
    with pytest.raises(Unusable, match=key):
        load(model)


def test_an_evil_chat_template_is_not_run(model, tmp_path):
    evil = "{{ cycler.__init__.__globals__.os.system('touch " + str(tmp_path / "canary") + "') }}"
    (model / "chat_template.jinja").write_text(evil)
    with pytest.raises(Unusable, match="template"):
        load(model)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("values", [
    {"model_type": "no-such-thing"}, {"model_type": "bert", "architectures": ["BertForMaskedLM"]}, {"hidden_size": 100},
    {"num_hidden_layers": "many"}, {"num_hidden_layers": 9}, {"quantization_config": {"quant_method": "bitsandbytes"}},
])
def test_a_config_that_does_not_fit(model, values):
    change(model / "config.json", **values)
    with pytest.raises(Unusable):
        load(model)


def test_whole_weights_are_found(model):
    assert folders.weights(model) == [model / "model.safetensors"]
    assert folders.check(model)["model_type"] == "llama"


@pytest.mark.parametrize(("wanted", "chosen"), [("float32", "torch.float32"), ("bfloat16", "torch.bfloat16")])
def test_precision_can_be_set(wanted, chosen):
    assert str(loading.choose_precision(wanted, loading.choose_device("cpu"))) == chosen


@pytest.fixture
def small(tmp_path):
    return small_llama.make(tmp_path / "small")


def test_a_model_larger_than_the_memory_is_refused_with_figures_before_it_is_read(tmp_path):
    """Its weights are a hole of 1.6 TB in a file."""
    folder = small_llama.make(tmp_path / "large", data=False, hidden_size=1 << 17, intermediate_size=1 << 20, num_hidden_layers=1)
    with pytest.raises(Unusable, match=r"takes 16\d\d\.\d GB of memory, and \d+\.\d GB are free"):
        load(folder)


def test_a_config_that_describes_more_than_the_weights_are(small):
    change(small / "config.json", intermediate_size=1 << 20)
    with pytest.raises(Unusable, match=r"are 3400 numbers; its config\.json describes a model of \d{8}"):
        load(small)


def test_a_tokenizer_of_another_model(small):
    (small / "tokenizer.json").write_text(json.dumps(small_llama.tokenizer([f"<|{number}|>" for number in range(45)])))
    with pytest.raises(Unusable, match=r"tokenizer\.json does not belong to the model: it has a token 30., the model has 300"):
        load(small)


def test_fewer_tokens_than_the_model_has_do_no_harm(small):
    loaded = load(small)
    assert loaded.prompts.decode([72, 299, 298]) == loaded.prompts.decode([72])
    assert isinstance(loaded.vocabulary.bytes_of(299), bytes)


@pytest.mark.parametrize("values", [
    {"model_max_length": "many"}, {"model_max_length": -1}, {"eos_token": 7}, {"eos_token": {"__type": "AddedToken"}},
    {"added_tokens_decoder": {"x": 1}}, {"added_tokens_decoder": {"4000000000": {"content": "a"}}}, {"init_inputs": "abc"},
    {"chat_template": 7}, {"chat_template": [{"name": "other", "template": "x"}]}, {"chat_template": {"default": ["x"]}},
    {"chat_template": "{{ '\ue000' ~ '9' * 5000 ~ '\ue001' }}"}, {"chat_template": "\ud800{{ messages[0].content }}"},
    {"chat_template": small_llama.TEMPLATE + "x" * 400},
], ids=lambda values: repr(values)[:50])
def test_settings_of_a_tokenizer_that_make_no_sense(small, values):
    """Whatever they are, it is a sentence and no crash; some do no harm."""
    change(small / "tokenizer_config.json", **values)
    try:
        load(small)
    except Unusable as error:
        assert "\n" not in str(error)
    else:
        assert set(values) <= {"model_max_length", "eos_token", "init_inputs", "added_tokens_decoder"}


@pytest.mark.parametrize("change_it", [
    lambda said: said | {"model": None}, lambda said: said | {"model": {"type": "Evil"}}, lambda said: {"model": said["model"]},
    lambda said: said | {"model": said["model"] | {"vocab": {}}, "added_tokens": []},
    lambda said: said | {"model": said["model"] | {"merges": [["a", "no such token"]]}},
    lambda said: said | {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}},
    lambda said: said | {"added_tokens": said["added_tokens"] + [said["added_tokens"][0] | {"id": 4_000_000_000}]},
    lambda said: said | {"decoder": {"type": "Sequence", "decoders": [{"type": "Replace"}]}}, lambda said: [said],
])
def test_tokenizers_that_are_none(small, change_it):
    file = small / "tokenizer.json"
    file.write_text(json.dumps(change_it(json.loads(file.read_text()))))
    try:
        load(small)
    except Unusable as error:
        assert "\n" not in str(error)
        assert "small" in str(error)
