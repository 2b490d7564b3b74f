"""Sentence-embedding models: their folders, their vectors, their process."""

import json
import os
import shutil
import signal
import time

import pytest
import small_bert

from tests.engines.conftest import until
from webbot.engines.embedder import Embedder
from webbot.engines.embedding_folder import examine
from webbot.errors import BadInput, Problem, TooLong, TooMany, Unavailable, Unusable

TEXTS = ["the oak is old", "a tree", "x", "oak " * 30]


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return small_bert.make(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture
def own_bert(bert, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(bert, tmp_path / "own-bert")


@pytest.fixture(scope="session")
def embedder(bert, tmp_path_factory):
    made = Embedder(bert, runtime=tmp_path_factory.mktemp("run"), device="cpu", queue=2, queue_owner=2)
    until(lambda: made.state().status != "loading")
    yield made
    made.close()


def embed(embedder, texts, owner="ann"):
    return [made for made in embedder.embedding(texts, owner=owner) if made is not None][-1]


def spoil_pooling(folder, config):
    (folder / "1_Pooling/config.json").write_text(json.dumps(config))


def spoil_modules(folder, modules):
    (folder / "modules.json").write_text(json.dumps(modules))


class TestFolder:
    def test_the_form_of_sentence_transformers(self, bert):
        form = examine(bert)
        assert (form.folder, form.pooling, form.limit, form.lowers) == (bert, "mean", small_bert.LIMIT, False)

    def test_a_plain_folder_of_transformers_is_averaged(self, own_bert):
        for name in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
            (own_bert / name).unlink()
        assert (examine(own_bert).pooling, examine(own_bert).limit) == ("mean", None)

    @pytest.mark.parametrize(("config", "pooling"), [
        ({"pooling_mode": "cls"}, "cls"), ({"pooling_mode": ["mean"]}, "mean"),
        ({"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}, "lasttoken"),
    ])
    def test_poolings(self, own_bert, config, pooling):
        (own_bert / "1_Pooling/config.json").write_text(json.dumps(config))
        assert examine(own_bert).pooling == pooling

    SPOILT = {  # noqa: RUF012 - a table
        "max pooling": (lambda f: spoil_pooling(f, {"pooling_mode_max_tokens": True}), "pooling_mode_max_tokens"),
        "two poolings": (lambda f: spoil_pooling(
            f, {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}), "pooling"),
        "no pooling": (lambda f: spoil_pooling(f, {}), "none"),
        "pooling is a list": (lambda f: spoil_pooling(f, []), "JSON"),
        "a layer behind": (lambda f: spoil_modules(f, [{"type": "sentence_transformers.models.Dense"}]), "Dense"),
        "another's folder": (lambda f: spoil_modules(f, [{"type": "x.Transformer", "path": "../tiny-bert"}]), "beside"),
        "odd modules": (lambda f: spoil_modules(f, [3, None]), "modules.json"),
        "modules is no list": (lambda f: spoil_modules(f, {"a": 1}), "JSON"),
        "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
        "a pickle": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickle"),
        "half the weights": (lambda f: os.truncate(f / "model.safetensors", 4000), "truncated|no safetensors"),
        "code": (lambda f: (f / "config.json").write_text('{"auto_map": {"AutoModel": "x--y.Z"}}'), "program code"),
        "no config": (lambda f: (f / "config.json").unlink(), "config.json"),
    }

    @pytest.mark.parametrize("spoilt", SPOILT)
    def test_what_is_wrong_is_named(self, own_bert, spoilt):
        spoil, named = self.SPOILT[spoilt]
        spoil(own_bert)
        with pytest.raises(Unusable, match=named):
            examine(own_bert)

    def test_no_folder(self, tmp_path):
        with pytest.raises(Unusable, match="no model folder"):
            examine(tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.model
class TestModel:
    @pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken"])
    def test_vectors_are_those_of_the_model_itself(self, tmp_path, pooling):
        """Held against the same model asked text by text, without batches."""
        import torch
        from transformers import BertModel

        from webbot.engines.embedding_model import EmbeddingModel

        folder = small_bert.make(tmp_path / "bert", pooling=pooling)
        model, plain = EmbeddingModel(folder, "cpu"), BertModel.from_pretrained(folder).eval()
        ids = [model.read(text, "input") for text in TEXTS]
        for row, vector in zip(ids, model.embed(ids), strict=True):
            states = plain(torch.tensor([row])).last_hidden_state[0]
            wanted = {"mean": states.mean(0), "cls": states[0], "lasttoken": states[-1]}[pooling]
            assert torch.allclose(vector, wanted / wanted.norm(), atol=1e-5)

    def test_batches_hold_every_text_once_and_pad_little(self):
        from webbot.engines.embedding_model import BATCH_TEXTS, BATCH_TOKENS, batches

        lengths = [3] * 200 + [1000] * 9 + [5000, 1]
        found = list(batches(lengths))
        assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
        assert all(len(batch) <= BATCH_TEXTS for batch in found)
        assert all(max(lengths[place] for place in batch) * len(batch) <= BATCH_TOKENS for batch in found if len(batch) > 1)
        assert list(batches([])) == []

    def test_control_tokens_in_a_text_are_only_characters(self, bert):
        from webbot.engines.embedding_model import EmbeddingModel

        model = EmbeddingModel(bert, "cpu")
        ids = model.read("[CLS] oak [SEP] [MASK] [PAD]", "input")
        assert (ids[0], ids[-1]) == (2, 3)
        assert not {0, 2, 3, 4} & set(ids[1:-1])

    @pytest.mark.parametrize("spoil", [
        lambda f: (f / "config.json").write_text('{"model_type": "nothing"}'),
        lambda f: (f / "tokenizer.json").write_text("{}"),
        lambda f: (f / "config.json").write_text((f / "config.json").read_text().replace(
            '"num_hidden_layers": 2', '"num_hidden_layers": 3')),
    ], ids=["unknown architecture", "empty tokenizer", "weights of a layer are missing"])
    def test_a_folder_that_cannot_be_loaded_is_one_sentence(self, own_bert, spoil):
        from webbot.engines.embedding_model import EmbeddingModel

        spoil(own_bert)
        with pytest.raises(Problem, match="own-bert"):
            EmbeddingModel(own_bert, "cpu")


@pytest.mark.slow
@pytest.mark.model
class TestProcess:
    def test_state(self, embedder):
        state = embedder.state()
        assert (embedder.name, state.status, state.sentence) == ("tiny-bert", "ready", "")
        assert (state.info["dimensions"], state.info["limit"]) == (small_bert.SIZE, small_bert.LIMIT - 2)

    def test_vectors_come_in_the_order_of_the_texts(self, embedder):
        made = embed(embedder, TEXTS)
        assert len(made.vectors) == len(TEXTS)
        assert made.tokens == 4 + 2 + 1 + 30
        for text, vector in zip(TEXTS, made.vectors, strict=True):
            assert len(vector) == small_bert.SIZE
            assert sum(x * x for x in vector) == pytest.approx(1, abs=1e-5)
            assert list(vector) == pytest.approx(list(embed(embedder, [text]).vectors[0]), abs=1e-5)

    def test_token_ids_are_the_text_they_stand_for(self, embedder):
        by_ids, by_text = embed(embedder, [[59, 58, 60, 62]]), embed(embedder, ["the oak is old"])
        assert list(by_ids.vectors[0]) == pytest.approx(list(by_text.vectors[0]), abs=1e-5)
        assert by_ids.tokens == by_text.tokens == 4

    @pytest.mark.parametrize(("texts", "problem", "named"), [
        (["oak", "oak " * 39], TooLong, "input[1]"), ([[5], [5] * 39], TooLong, "input[1]"), ([[5, 67]], BadInput, "input[0]"),
        (["ok", [-1]], BadInput, "input[1]"), ([[2**31]], BadInput, "input[0]"),
    ])
    def test_what_cannot_be_read_is_named_and_nothing_is_cut(self, embedder, texts, problem, named):
        with pytest.raises(problem) as refused:
            embed(embedder, texts)
        assert refused.value.parameter == named
        embed(embedder, ["oak " * 38])  # the longest that fits

    def test_who_leaves_frees_the_model(self, embedder):
        running = embedder.embedding(["oak " * 38] * 2048, owner="ann")
        for _ in range(5):
            next(running)
        began = time.monotonic()
        running.close()
        embed(embedder, ["oak"])
        assert time.monotonic() - began < 2
        assert embedder.busy() == 0

    def test_a_full_queue_is_told(self, embedder):
        running = [embedder.embedding(["oak " * 38] * 2048, owner="ann") for _ in range(2)]
        for one in running:
            for _ in range(3):
                next(one)
        with pytest.raises(TooMany):
            embed(embedder, ["oak"], owner="ann")
        embed(embedder, ["oak"], owner="bob")  # another's place
        for one in running:
            one.close()
        until(lambda: not _full(embedder), 5)

    def test_a_lost_process_is_started_again(self, bert, tmp_path):
        embedder = Embedder(bert, runtime=tmp_path / "run", device="cpu")
        try:
            until(lambda: embedder.state().status == "ready")
            before = embedder.host.pid
            os.kill(before, signal.SIGKILL)
            until(lambda: embedder.host.pid != before and embedder.state().status == "ready")
            assert len(embed(embedder, ["oak"]).vectors) == 1
        finally:
            embedder.close()

    def test_a_folder_that_is_none_fails_with_its_sentence(self, tmp_path):
        embedder = Embedder(tmp_path / "nowhere", runtime=tmp_path / "run")
        try:
            until(lambda: embedder.state().status == "failed")
            assert "There is no model folder" in embedder.state().sentence
            with pytest.raises(Unavailable, match="no model folder"):
                embed(embedder, ["oak"])
        finally:
            embedder.close()


def _full(embedder):
    try:
        embed(embedder, ["oak"])
    except TooMany:
        return True
    return False
