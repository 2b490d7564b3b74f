"""A tiny Llama with random weights in plain Python: folders that tests may spoil, without torch."""

import json
import random
import struct

SIZES = {"vocab_size": 300, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "head_dim": 4, "max_position_embeddings": 512}
TEMPLATE = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}<|assistant|>"
CONTROLS = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")


def config(**changes):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "eos_token_id": 259, **SIZES, **changes}


def shapes(sizes):
    size, width = sizes["hidden_size"], sizes["intermediate_size"]
    heads, keys = (sizes[name] * sizes["head_dim"] for name in ("num_attention_heads", "num_key_value_heads"))
    named = {"model.embed_tokens.weight": [sizes["vocab_size"], size], "model.norm.weight": [size]}
    for number in range(sizes["num_hidden_layers"]):
        layer = {
            "self_attn.q_proj": [heads, size], "self_attn.k_proj": [keys, size], "self_attn.v_proj": [keys, size],
            "self_attn.o_proj": [size, heads], "mlp.gate_proj": [width, size], "mlp.up_proj": [width, size],
            "mlp.down_proj": [size, width], "input_layernorm": [size], "post_attention_layernorm": [size],
        }
        named |= {f"model.layers.{number}.{name}.weight": shape for name, shape in layer.items()}
    return named


def write_tensors(file, named, kind="F32", header=None, data=True):
    """A safetensors file; `header` changes entries, without `data` the numbers are a hole in the file."""
    entries, end = {}, 0
    for name, shape in named.items():
        length = 4
        for side in shape:
            length *= side
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    entries |= header or {}
    text = json.dumps(entries).encode()
    numbers = random.Random(1)
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(text)) + text)
        if data:
            opened.write(struct.pack(f"<{end // 4}f", *(numbers.gauss(0, 0.2) for _ in range(end // 4))))
    if not data:
        with file.open("r+b") as opened:
            opened.truncate(8 + len(text) + end)


def tokenizer(controls=CONTROLS):
    """Bytes as tokens, and control tokens behind them."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in visible}
    letters |= {byte: chr(256 + place) for place, byte in enumerate(byte for byte in range(256) if byte not in letters)}
    added = [{"id": 256 + place, "content": word, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False} for place, word in enumerate(controls)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": {letter: byte for byte, letter in letters.items()}, "merges": []}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model}


def make(folder, data=True, **changes):
    folder.mkdir(parents=True)
    said = config(**changes)
    (folder / "config.json").write_text(json.dumps(said))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "chat_template": TEMPLATE,
    }))
    write_tensors(folder / "model.safetensors", shapes(said), data=data)
    return folder
