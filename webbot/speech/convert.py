"""openai-whisper's weights in the form of ctranslate2: `python -m webbot.speech.convert FILE FOLDER`.

FOLDER gets model.bin (16 bits a number; what computes them may take fewer when it loads), config.json and vocabulary.json. It
is written beside FOLDER first and tried, so that FOLDER is whole or not there. What goes wrong is one line of JSON,
{"problem": ...} as modelhost packs it, and the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import torch
from ctranslate2.specs import whisper_spec
from whisper import Whisper
from whisper.model import LayerNorm, Linear, MultiHeadAttention, ResidualAttentionBlock

from webbot.errors import Problem
from webbot.modelhost import frames
from webbot.speech import converted, tokenizer
from webbot.speech.checkpoint import load_whisper
from webbot.speech.ctranslate2_whisper import Ctranslate2Whisper

PRECISION = "float16"


def convert(source: Path, target: Path) -> None:
    """Writes the folder `target`, which must not be there yet. Raises Unusable for what is no Whisper, and OSError."""
    model = load_whisper(source, torch.device("cpu"))
    made = whisper_spec.WhisperSpec(
        model.dims.n_audio_layer, model.dims.n_audio_head, model.dims.n_text_layer, model.dims.n_text_head,
    )
    with torch.inference_mode():
        _encoder(made.encoder, model)
        _decoder(made.decoder, model)
    words = tokenizer.tokenizer(model.is_multilingual, model.num_languages, "en", "transcribe")
    made.register_vocabulary(vocabulary(words, model.dims.n_vocab))
    made.config.suppress_ids = tokenizer.suppressed(words)
    made.config.suppress_ids_begin = [words.encode(" ")[0], words.eot]
    made.config.lang_ids = sorted(words.all_language_tokens) if model.is_multilingual else []
    made.config.alignment_heads = model.alignment_heads.indices().T.tolist()
    made.validate()
    made.optimize(quantization=PRECISION)
    target.mkdir(parents=True)
    made.save(str(target))


def vocabulary(words: Any, count: int) -> list[str]:
    """The tokens in order as their visible signs: those of a byte-level vocabulary, then the special ones."""
    special = {token: text for text, token in words.special_tokens.items()}
    signs = _signs()
    found = []
    for token in range(count):
        if token in special:
            found.append(special[token])
        else:
            try:
                found.append("".join(signs[byte] for byte in words.encoding.decode_single_token_bytes(token)))
            except KeyError:
                found.append(f"<|unused {token}|>")
    return found


def _signs() -> list[str]:
    """A visible sign for each byte: its own where it has one, else one behind the usual letters."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(others)) for byte in range(256)]


def _encoder(made: Any, model: Whisper) -> None:
    for place, convolution in ((made.conv1, model.encoder.conv1), (made.conv2, model.encoder.conv2)):
        place.weight, place.bias = convolution.weight, convolution.bias
    made.position_encodings.encodings = model.encoder.positional_embedding
    _norm(made.layer_norm, model.encoder.ln_post)
    for layer, block in zip(made.layer, model.encoder.blocks, strict=True):
        _block(layer, block)


def _decoder(made: Any, model: Whisper) -> None:
    made.embeddings.weight = made.projection.weight = model.decoder.token_embedding.weight
    made.position_encodings.encodings = model.decoder.positional_embedding
    _norm(made.layer_norm, model.decoder.ln)
    for layer, block in zip(made.layer, model.decoder.blocks, strict=True):
        _block(layer, block)
        part: Any = block.cross_attn
        _joined(layer.attention.linear[0], [part.query])
        _joined(layer.attention.linear[1], [part.key, part.value])
        _joined(layer.attention.linear[2], [part.out])
        _norm(layer.attention.layer_norm, block.cross_attn_ln)


def _block(layer: Any, block: ResidualAttentionBlock) -> None:
    part: MultiHeadAttention = block.attn
    _joined(layer.self_attention.linear[0], [part.query, part.key, part.value])
    _joined(layer.self_attention.linear[1], [part.out])
    _norm(layer.self_attention.layer_norm, block.attn_ln)
    _joined(layer.ffn.linear_0, [block.mlp[0]])
    _joined(layer.ffn.linear_1, [block.mlp[2]])
    _norm(layer.ffn.layer_norm, block.mlp_ln)


def _joined(place: Any, parts: list[Linear]) -> None:
    """Several products of the same input as one; a part without a bias, as Whisper's keys, adds nothing."""
    place.weight = torch.cat([part.weight for part in parts])
    place.bias = torch.cat([torch.zeros(len(part.weight)) if part.bias is None else part.bias for part in parts])


def _norm(place: Any, part: LayerNorm) -> None:
    place.gamma, place.beta = part.weight, part.bias


def write(source: Path, folder: Path) -> None:
    """Converts beside `folder`, tries what was made, and puts it in its place. Raises Problem and OSError."""
    content = converted.digest(source) if source.is_file() else ""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True) as room:
        made = Path(room) / "made"
        convert(source, made)
        Ctranslate2Whisper(made).rehearse()
        converted.sign(made, source, content)
        if folder.exists():
            shutil.rmtree(folder)
        made.replace(folder)


def _await_parent() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would hold up the end of this process
        pass
    os._exit(1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m webbot.speech.convert", description="Whisper's weights for ctranslate2.")
    parser.add_argument("file", type=Path, help="weights in openai-whisper's format")
    parser.add_argument("folder", type=Path, help="what is made; it is replaced where it is there")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end with the process that holds the other end")
    wanted = parser.parse_args()
    if wanted.until_stdin_ends:
        threading.Thread(target=_await_parent, daemon=True).start()
    try:
        write(wanted.file, wanted.folder)
    except Problem as problem:
        return _failed(problem)
    except OSError as error:
        return _failed(converted.unwritable(wanted.folder.parent, error))
    return 0


def _failed(problem: Problem) -> int:
    sys.stdout.write(json.dumps({"problem": frames.pack_problem(problem)}) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
