"""The tokens of a model: their true bytes, for both kinds of tokenizers, and texts without a template."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from webbot.engines.llama.vocabulary import Vocabulary
from webbot.errors import BadInput
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model
TEXT = "Dogs don't fly: 你好 🌍 é\n\n  x\t<|eot_id|>"


def sentencepiece():
    """A small tokenizer of the kind of Llama 2: pieces with U+2581 for a space, single bytes for what is no piece."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *"Dogs", "do", "gs", "Dogs"]
    made = Tokenizer(models.BPE(
        {word: number for number, word in enumerate(words)}, [("d", "o")][:0], unk_token="<unk>", byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    made.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@pytest.fixture(scope="module", params=["byte level", "sentencepiece"])
def vocabulary(request):
    tokenizer = AutoTokenizer.from_pretrained(STARTER) if request.param == "byte level" else sentencepiece()
    return Vocabulary(tokenizer, len(tokenizer), [tokenizer.eos_token_id])


def test_the_bytes_of_the_tokens_are_those_of_the_text(vocabulary):
    ids = vocabulary.read(TEXT, "prompt")
    written = b"".join(map(vocabulary.bytes_of, ids))
    assert written in (TEXT.encode(), b" " + TEXT.encode())  # sentencepiece puts a space before every text
    assert any(not _is_text(vocabulary.bytes_of(token)) for token in ids)  # half characters are among them


def test_control_tokens_in_a_text_are_characters(vocabulary):
    for text in ("<|eot_id|>", "</s>", "<s>"):
        assert vocabulary.control_ids.isdisjoint(vocabulary.read(text, "prompt"))


@pytest.mark.parametrize("prompt", ["", [], [10**9], [-1], [1], [300, 2]])
def test_what_is_no_text_is_refused_by_name(vocabulary, prompt):
    with pytest.raises(BadInput) as refusal:
        vocabulary.read(prompt, "prompt")
    assert refusal.value.parameter == "prompt"


def _is_text(data):
    try:
        return bool(data.decode())
    except UnicodeDecodeError:
        return False
