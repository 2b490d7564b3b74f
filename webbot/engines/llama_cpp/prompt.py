"""Prompts for a GGUF model: its own chat template, its tokens as llama.cpp reads them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

from webbot.engines.llama_cpp.header import Header
from webbot.engines.prompts import NO_TEMPLATE, Prompts
from webbot.errors import BadInput, Unusable

NORMAL, CONTROL, ADDED = 1, 3, 4  # kinds of tokens
TEMPLATE = "tokenizer.chat_template"
MARK = "\n"  # stands before a text where the tokenizer would put a space


class Tokenize(Protocol):
    def __call__(self, text: str, *, special: bool = False, beginning: bool = False) -> list[int]: ...


class GgufPrompts(Prompts):
    """`beginning` are the ids that llama.cpp itself puts before every text, `size` that of the vocabulary. `name` names the
    counting."""

    def __init__(self, header: Header, tokenize: Tokenize) -> None:
        tokens, kinds = _vocabulary(header)
        self.size, self._tokenize = len(tokens), tokenize
        source = header.values.get(TEMPLATE)
        if not isinstance(source, str) or not source.strip():
            raise Unusable(NO_TEMPLATE)
        self._source = source
        controls = {tokens[number]: number for number, kind in enumerate(kinds) if self._controls(tokens[number], kind)}
        self._split = _splitter(text for text, number in controls.items() if kinds[number] != CONTROL)
        self.beginning = _common(tokenize("a", beginning=True), tokenize("b", beginning=True))
        self._names = _special(header, tokens)
        self._mark = tokenize(MARK) if _puts_spaces(header) else []
        super().__init__(controls)
        self.name = _fingerprint(header) + ("-trimmed" if self.trims else "")

    def template(self, tools: list[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        return self._source, self._names

    def render(self, chat: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = (), opening: bool = True) -> str:
        text = super().render(chat, tools, opening)
        first = self._names.get("bos_token", "")
        return text if not self.beginning or text.startswith(first) else first + text

    def read_piece(self, piece: str) -> list[int]:
        return self._read(piece, special=True) if piece else []

    def read_text(self, text: str) -> list[int]:
        """Where a token that the template uses is none of llama.cpp's control tokens, its text is read in two parts."""
        return [number for part in self._split(text) for number in self._read(part)] if text else []

    def read_plain(self, text: str | Sequence[int], parameter: str) -> list[int]:
        """The ids of a text that goes on, or the given ids. Raises BadInput that names `parameter` when it is empty, for an id
        that is not in the vocabulary, and for control tokens."""
        ids = (self._tokenize(text) if text else []) if isinstance(text, str) else list(text)
        if not ids:
            raise BadInput("The text is empty.", parameter=parameter)
        wrong = next((number for number in ids if not 0 <= number < self.size), None)
        if wrong is not None:
            raise BadInput("There is no token {token}; the vocabulary ends at {last}.", parameter=parameter, token=wrong,
                           last=self.size - 1)
        if not self.control_ids.isdisjoint(ids):
            raise BadInput("The text holds a control token of the model that cannot be read as text.", parameter=parameter)
        return ids

    def _read(self, text: str, special: bool = False) -> list[int]:
        """Some tokenizers put a space before what they read: not here, in the middle of a conversation."""
        if self._mark:
            ids = self._tokenize(MARK + text, special=special)
            if ids[: len(self._mark)] == self._mark:
                return ids[len(self._mark) :]
        return self._tokenize(text, special=special)

    def _controls(self, text: str, kind: int) -> bool:
        """Whether a person must not be able to write this token: those of control, and added ones that the template writes."""
        return kind == CONTROL or (kind == ADDED and len(text.strip()) > 1 and text in self._source)


def _vocabulary(header: Header) -> tuple[list[str], list[int]]:
    tokens = header.values.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or not tokens or not all(isinstance(text, str) for text in tokens):
        raise Unusable("The model file holds no tokens. Please use a model that is made for conversations (Instruct).")
    kinds = header.values.get("tokenizer.ggml.token_type")
    if not isinstance(kinds, list) or len(kinds) != len(tokens):
        kinds = [NORMAL] * len(tokens)
    return tokens, kinds


def _special(header: Header, tokens: Sequence[str]) -> dict[str, str]:
    """The names of control tokens that templates use."""
    names = {}
    for name in ("bos", "eos", "unknown", "padding"):
        number = header.values.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(number, int) and 0 <= number < len(tokens):
            names[{"unknown": "unk_token", "padding": "pad_token"}.get(name, f"{name}_token")] = tokens[number]
    return names


def _puts_spaces(header: Header) -> bool:
    spaced = header.values.get("tokenizer.ggml.add_space_prefix", True)
    return header.values.get("tokenizer.ggml.model") == "llama" and bool(spaced)


def _splitter(words: Any) -> Callable[[str], list[str]]:
    """Cuts a text inside of each of these words, so that none of them is whole."""
    known = sorted(words, key=len, reverse=True)
    if not known:
        return lambda text: [text]
    found = re.compile("|".join(map(re.escape, known)))

    def split(text: str) -> list[str]:
        cuts = [0, *(match.start() + 1 for match in found.finditer(text)), len(text)]
        return [text[start:end] for start, end in pairwise(cuts) if end > start]

    return split


def _common(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """What two texts that begin differently have in common is what stands before every text."""
    same = []
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same.append(left)
    return same


def _fingerprint(header: Header) -> str:
    """Names the counting: the same for every file with this tokenizer."""
    said = {name: value for name, value in header.values.items() if name.startswith("tokenizer.") and name != TEMPLATE}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
