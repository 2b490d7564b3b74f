"""The corpus that the chat starter was trained on: the same for the same seed, with a slice that is kept for evaluation."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from jinja2 import Environment
from tokenizers import Tokenizer

CHAT = Path(__file__).resolve().parents[2] / "starter" / "chat"


def printed(*arguments: str, hash_seed: str = "0") -> str:
    done = subprocess.run(
        [sys.executable, "-B", "corpus.py", *arguments], cwd=CHAT, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONSAFEPATH": ""},
    )
    return done.stdout


def test_the_same_seed_makes_the_same_chats():
    once = printed("--count", "40", "--seed", "7")
    assert once == printed("--count", "40", "--seed", "7", hash_seed="99")
    assert once != printed("--count", "40", "--seed", "8")
    assert once.count("-" * 60) == 40


def test_chats_are_well_formed(starter):
    for number in range(400):
        chat = starter.corpus.chat(f"form:{number}")
        roles = [message["role"] for message in chat if message["role"] != "system"]
        assert (roles[0], roles[-1]) == ("user", "assistant")
        assert all(before != after for before, after in pairwise(roles))  # a tool speaks between two assistant messages
        assert set(roles) <= {"user", "assistant", "tool", "ipython"}
        assert all(message["content"] for message in chat if message["role"] == "assistant")


def test_no_template_is_left_unfilled(starter):
    for number in range(400):
        for message in starter.corpus.chat(f"fill:{number}"):
            assert "\x01" not in message["content"] and "\x02" not in message["content"]


def test_a_sixteenth_is_held_out(starter):
    share = sum(starter.heldout.held(f"question {n}") for n in range(16_000)) / 16_000
    assert share == pytest.approx(1 / 16, rel=0.1)
    assert starter.heldout.held("What is 2 + 2?") == starter.heldout.held("WHAT IS 2 + 2?")


def test_names_of_training_chats_are_not_held_out(starter, monkeypatch):
    told = []
    tell = starter.corpus.Chat.fresh
    monkeypatch.setattr(starter.corpus.Chat, "fresh", lambda chat, make: told.append(tell(chat, make)) or told[-1])
    for number in range(1000):
        starter.corpus.chat(f"names:{number}")
    assert len(told) > 1000
    slipped = [value for value in told if starter.heldout.held(value)]
    # Where there is little to choose from (a pet, a season), a value of the slice may be all that is left.
    assert len(slipped) < 0.01 * len(told), slipped[:20]


@pytest.mark.parametrize("heldout", [False, True])
def test_sums_are_held_out_by_their_numbers(starter, monkeypatch, heldout):
    asked = []
    monkeypatch.setattr(starter.arithmetic, "operate", lambda chat, kind, a, b: asked.append(f"{a}{kind}{b}") or 0)
    for number in range(300):
        starter.arithmetic.arithmetic(starter.corpus.Chat(starter.corpus.random.Random(number), heldout))
    in_slice = sum(starter.heldout.held(pair) for pair in asked) / len(asked)
    assert in_slice > 0.9 if heldout else in_slice == 0


@pytest.mark.parametrize("heldout", [False, True])
def test_questions_are_held_out_by_their_text(starter, monkeypatch, heldout):
    """The text as it was chosen, before typing noise. Questions with few wordings may have none outside, or inside, the slice."""
    chosen, noticed = [], []
    say, noisy = starter.corpus.say, starter.corpus.noisy

    def choose(random, template, /, mark=False, **slots):
        text = say(random, template, mark=mark, **slots)
        if mark:
            chosen.append(text)
        return text

    def notice(random, text, level=1):
        noticed.append(starter.heldout.held(chosen[-1]))
        return noisy(random, text, level)

    monkeypatch.setattr(starter.corpus, "say", choose)
    monkeypatch.setattr(starter.corpus, "noisy", notice)
    if heldout:
        for name in starter.evaluate.CASES:
            for number in range(5):
                noticed.append("case")
                starter.evaluate.case(name, number)
        noticed.append("case")
        last = [before for before, after in pairwise(noticed) if after == "case" and before != "case"]
        assert sum(last) > 0.5 * len(last)
    else:
        for number in range(1000):
            starter.corpus.chat(f"questions:{number}")
        assert len(noticed) > 5000
        assert sum(noticed) < 0.01 * len(noticed)


def test_the_template_of_training_is_the_models(starter):
    tokens = starter.tokens
    assert (CHAT / "model" / "chat_template.jinja").read_text() == tokens.CHAT_TEMPLATE
    template = Environment(trim_blocks=True, lstrip_blocks=True).from_string(tokens.CHAT_TEMPLATE)
    for number in range(50):
        chat = starter.corpus.chat(f"template:{number}")
        assert template.render(messages=chat, bos_token="<|begin_of_text|>") == tokens.render(chat)


def test_control_tokens_and_roles_are_one_token_each(starter):
    tokenizer = Tokenizer.from_file(str(CHAT / "model" / "tokenizer.json"))
    assert [tokenizer.token_to_id(token) for token in starter.tokens.SPECIAL] == list(range(len(starter.tokens.SPECIAL)))
    for role in ("system", "user", "assistant", "ipython"):
        assert len(tokenizer.encode(role, add_special_tokens=False).ids) == 1
    frame = tokenizer.encode(starter.tokens.render([{"role": "user", "content": "Hi"}]), add_special_tokens=False)
    assert frame.tokens[:4] == ["<|begin_of_text|>", "<|start_header_id|>", "user", "<|end_header_id|>"]
    assert frame.tokens[-1] == "<|eot_id|>"


def test_rows_mark_what_the_assistant_says(starter):
    tokens = starter.tokens
    tokenizer = Tokenizer.from_file(str(CHAT / "model" / "tokenizer.json"))
    assistant = tokenizer.encode("assistant", add_special_tokens=False).ids[0]
    chat = [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "It is Paris."}]
    (row,) = tokens.encode(tokenizer, [chat], assistant)
    trained = [int(id) & (tokens.TRAINED - 1) for id in row if id >= tokens.TRAINED]
    assert tokenizer.decode(trained, skip_special_tokens=False).strip() == "It is Paris.<|eot_id|>"
