"""Writes a GGUF model with random weights in a given shape: fast or slow like a real one, and talking nonsense.

`python benchmarks/random_gguf.py FILE [--shape 1b|160m|tiny] [--type q4_k|q8_0|f32]`. The tokens are numbered words; the chat
template is that of ChatML.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy

SHAPES = {  # 1b is the published shape of Llama 3.2 1B
    "1b": {"width": 2048, "inner": 8192, "layers": 16, "heads": 32, "shared": 8, "head": 64, "tokens": 128_256, "window": 8192},
    "160m": {"width": 768, "inner": 3072, "layers": 12, "heads": 12, "shared": 4, "head": 64, "tokens": 32_000, "window": 8192},
    "tiny": {"width": 256, "inner": 512, "layers": 2, "heads": 4, "shared": 2, "head": 64, "tokens": 1024, "window": 2048},
}
TYPES = {"q4_k": gguf.GGMLQuantizationType.Q4_K, "q8_0": gguf.GGMLQuantizationType.Q8_0, "f32": gguf.GGMLQuantizationType.F32}
FILE_TYPES = {"q4_k": 15, "q8_0": 7, "f32": 0}
SCALE = 0.02  # of the weights, about
SPECIAL = ("<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write(file: Path, shape: str = "1b", kind: str = "q4_k", template: str = TEMPLATE) -> None:
    figures, random = SHAPES[shape], numpy.random.default_rng(0)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name(f"random {shape}")
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_context_length(figures["window"])
    writer.add_embedding_length(figures["width"])
    writer.add_block_count(figures["layers"])
    writer.add_feed_forward_length(figures["inner"])
    writer.add_head_count(figures["heads"])
    writer.add_head_count_kv(figures["shared"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(figures["head"])
    writer.add_rope_freq_base(500_000.0)
    writer.add_vocab_size(figures["tokens"])
    _add_tokens(writer, figures["tokens"], template)
    for name, rows, columns in _tensors(figures):
        if columns:
            data = _random(random, rows, columns, kind)
            writer.add_tensor(name, data, raw_dtype=TYPES[kind])
        else:
            writer.add_tensor(name, numpy.ones(rows, numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokens(writer, count, template):
    printed = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
    letters = [chr(number) for number in printed]
    letters += [chr(256 + number) for number in range(256 - len(letters))]  # every byte, as GPT-2 writes it
    words = [*letters, *(f"w{number}" for number in range(count - len(letters) - len(SPECIAL))), *SPECIAL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.NORMAL] * (count - len(SPECIAL)) + [gguf.TokenType.CONTROL] * len(SPECIAL))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(count - 1)
    writer.add_bos_token_id(count - 2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _tensors(figures):
    """Names, rows and columns; no columns are a vector of ones."""
    width, inner, keys = figures["width"], figures["inner"], figures["shared"] * figures["head"]
    yield "token_embd.weight", figures["tokens"], width
    yield "output_norm.weight", width, 0
    for layer in range(figures["layers"]):
        for name, rows, columns in (
            ("attn_norm", width, 0), ("attn_q", width, width), ("attn_k", keys, width), ("attn_v", keys, width),
            ("attn_output", width, width), ("ffn_norm", width, 0), ("ffn_gate", inner, width), ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            yield f"blk.{layer}.{name}.weight", rows, columns


def _random(random, rows, columns, kind):
    if kind == "f32":
        return (random.standard_normal((rows, columns)) * SCALE).astype(numpy.float32)
    if kind == "q8_0":
        return gguf.quants.quantize((random.standard_normal((rows, columns)) * SCALE).astype(numpy.float32), TYPES[kind])
    # A block of Q4_K is two scales in half precision, then twelve bytes of scales and 128 of numbers.
    blocks = random.integers(0, 256, (rows, columns // 256, 144), numpy.uint8)
    blocks[..., :4] = numpy.frombuffer(numpy.array([SCALE / 128, SCALE / 16], numpy.float16).tobytes(), numpy.uint8)
    return blocks.reshape(rows, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="1b")
    parser.add_argument("--type", choices=TYPES, default="q4_k")
    arguments = parser.parse_args()
    write(arguments.file, arguments.shape, arguments.type)


if __name__ == "__main__":
    main()
