"""What weights in fewer bits cost in quality: `python benchmarks/quality.py [--chats N] [--text FILE]`.

The starter, with its matrices held as the engine holds them, against float32. Two texts: held-out chats of its own corpus, whose
questions and names training never saw, and a text that is nothing like its training (README.md). Perplexity; the share of equal
likeliest tokens after the same text (the true one, "teacher forced"); and how many tokens of a greedy answer pass until the first
one differs. For the second text the starter is worse than guessing, so there only the agreement says something.
Prints a table and writes benchmarks/results/quality.json.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import sys
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "starter" / "chat")]

import evaluate  # noqa: E402
from corpus import Chat  # noqa: E402

from webbot.engines.compute.placing import hold_linears  # noqa: E402
from webbot.models.catalog import STARTER  # noqa: E402

WAYS = {
    "float32": (torch.float32, "plain"), "bfloat16": (torch.bfloat16, "plain"), "int8": (torch.float32, "int8"),
    "int4": (torch.float32, "int4"), "bfloat16 int8": (torch.bfloat16, "int8"), "bfloat16 int4": (torch.bfloat16, "int4"),
}
PIECE = 512  # tokens of the long text that are read as one
PIECES = 6
PROMPT, ANSWER = 48, 64  # tokens
ANSWERS = 24


def model_of(dtype: torch.dtype, weights: str) -> Any:
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=dtype).eval()
    hold_linears(model, weights, torch.device("cpu"))
    return model


def chats(tokenizer: Any, count: int) -> list[list[int]]:
    """Token ids of held-out chats of all kinds, the same ones each time."""
    texts, chooser = [], random.Random(5)
    for make in list(evaluate.CASES.values())[:count]:
        chat = Chat(chooser, heldout=True)
        make(chat)
        texts.append(tokenizer.apply_chat_template(chat.messages, tokenize=True, return_dict=False))
    return texts


def pieces(tokenizer: Any, file: Path) -> list[list[int]]:
    ids = tokenizer(file.read_text(encoding="utf-8"))["input_ids"]
    return [ids[start : start + PIECE] for start in range(0, min(len(ids), PIECE * PIECES), PIECE)]


@torch.inference_mode()
def read(model: Any, texts: list[list[int]]) -> tuple[float, torch.Tensor]:
    """The perplexity, and the likeliest token after each."""
    loss, likeliest = 0.0, []
    for text in texts:
        logits = model(torch.tensor([text])).logits[0].float()
        loss += functional.cross_entropy(logits[:-1], torch.tensor(text[1:]), reduction="sum").item()
        likeliest.append(logits.argmax(-1))
    return math.exp(loss / sum(len(text) - 1 for text in texts)), torch.cat(likeliest)


@torch.inference_mode()
def answers(model: Any, texts: list[list[int]]) -> list[list[int]]:
    """Greedy continuations of the beginnings of the texts that are long enough, as one batch."""
    model.generation_config.eos_token_id = None
    ids = torch.tensor([text[:PROMPT] for text in texts if len(text) >= PROMPT][:ANSWERS])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=ANSWER, do_sample=False, pad_token_id=0)
    return out[:, PROMPT:].tolist()


def until_different(ours: list[list[int]], theirs: list[list[int]]) -> float:
    """The mean number of equal tokens at the beginning."""
    equal = [next((place for place, pair in enumerate(zip(*both, strict=True)) if pair[0] != pair[1]), ANSWER)
             for both in zip(ours, theirs, strict=True)]
    return sum(equal) / len(equal)


def measure(ways: dict[str, tuple[torch.dtype, str]], texts: dict[str, list[list[int]]]) -> list[dict[str, Any]]:
    """A row for each way and text. The first way is what the others are compared with."""
    rows: list[dict[str, Any]] = []
    first: dict[str, tuple[float, torch.Tensor, list[list[int]]]] = {}
    for way, (dtype, weights) in ways.items():
        print(f"{way} ...", file=sys.stderr)
        model = model_of(dtype, weights)
        for name, parts in texts.items():
            perplexity, likeliest = read(model, parts)
            written = answers(model, parts)
            before, agreed, expected = first.setdefault(name, (perplexity, likeliest, written))
            rows.append({
                "weights": way, "text": name, "perplexity": round(perplexity, 4),
                "change_percent": round((perplexity / before - 1) * 100, 2),
                "equal_percent": round((likeliest == agreed).float().mean().item() * 100, 2),
                "until_different": round(until_different(written, expected), 1),
            })
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chats", type=int, default=len(evaluate.CASES))
    parser.add_argument("--text", type=Path, default=ROOT / "README.md")
    wanted = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    texts = {"held-out chats": chats(tokenizer, wanted.chats), wanted.text.name: pieces(tokenizer, wanted.text)}
    rows = measure(WAYS, texts)
    print(f"{'weights':15}{'text':17}{'perplexity':>11}{'change':>9}{'equal tokens':>14}{'until different':>17}")
    for row in rows:
        print(f"{row['weights']:15}{row['text']:17}{row['perplexity']:11.4f}{row['change_percent']:8.2f}%"
              f"{row['equal_percent']:13.2f}%{row['until_different']:10.1f} of {ANSWER}")
    tokens = {name: sum(map(len, parts)) for name, parts in texts.items()}
    told = {"model": "starter", "torch": torch.__version__, "machine": platform.machine(), "tokens": tokens, "rows": rows}
    (ROOT / "benchmarks" / "results" / "quality.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
