"""The starter chat model as a GGUF file, for llama.cpp: `python to_gguf.py model starter.gguf [--type q8_0]`.

Needed: gguf, numpy. Nothing is computed anew: the weights, the tokens, their merges and the chat template are those of the
folder. What differs is how a text is cut before its letters are merged: llama.cpp knows only the rules of well-known models.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy

# Of the rules that llama.cpp knows one that cuts most like ours (tokens.PIECES): of 816 texts of the corpus 815 become the same
# tokens. Where several spaces stand before a word, as in indented programs, it gives the last one to the word.
CUTTING = "qwen2"
TYPES = {"f32": gguf.GGMLQuantizationType.F32, "bf16": gguf.GGMLQuantizationType.BF16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def write(folder: Path, file: Path, kind: str = "f32", cutting: str = CUTTING) -> None:
    """Writes the model in `folder` (Hugging Face's format, Llama architecture) to `file`; matrices in the type `kind`."""
    config = json.loads((folder / "config.json").read_text())
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(file, "llama")
    _describe(writer, config, TYPES[kind])
    _add_tokens(writer, folder, config, cutting)
    for name, values in sorted(weights(folder / "model.safetensors").items()):
        _add_weights(writer, config, name, values, TYPES[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer, config, kind):
    writer.add_name("webbot starter")
    writer.add_file_type({"F32": 0, "BF16": 32, "Q8_0": 7}[kind.name])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokens(writer, folder, config, cutting):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    texts = {number: text for text, number in vocabulary.items()} | special
    tokens = [texts[number] for number in range(config["vocab_size"])]
    kinds = [gguf.TokenType.CONTROL if number in special else gguf.TokenType.NORMAL for number in range(len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cutting)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    ends = config["eos_token_id"]
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(ends[-1])
    writer.add_eot_token_id(ends[-1])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(True)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())


def weights(file: Path) -> dict[str, numpy.ndarray]:
    """The tensors of a safetensors file in bfloat16, as float32."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "BF16", entry
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            halves = numpy.frombuffer(data[start:end], numpy.uint16).astype(numpy.uint32) << 16
            tensors[name] = halves.view(numpy.float32).reshape(entry["shape"])
    return tensors


def _add_weights(writer, config, name, values, kind):
    """llama.cpp turns neighbouring pairs of a head's numbers where Hugging Face turns its halves: rows change their places."""
    parts = name.removeprefix("model.").removesuffix(".weight").split(".", 2)
    if parts[0] == "layers":
        known = f"blk.{parts[1]}.{NAMES[parts[2]]}.weight"
        heads = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}.get(parts[2])
        if heads:
            size = values.shape[0] // config[heads] // 2
            values = values.reshape(config[heads], 2, size, -1).swapaxes(1, 2).reshape(values.shape)
    else:
        known = {"embed_tokens": "token_embd.weight", "norm": "output_norm.weight", "lm_head": "output.weight"}[parts[0]]
    kind = kind if values.ndim > 1 else gguf.GGMLQuantizationType.F32
    writer.add_tensor(known, gguf.quants.quantize(numpy.ascontiguousarray(values), kind), raw_dtype=kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--type", choices=TYPES, default="f32")
    arguments = parser.parse_args()
    write(arguments.folder, arguments.file, arguments.type)


if __name__ == "__main__":
    main()
