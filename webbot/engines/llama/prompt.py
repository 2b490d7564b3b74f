"""Prompts for a tokenizer of transformers. For ordinary text the result equals its `apply_chat_template`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from webbot.engines.prompts import NO_TEMPLATE, Prompts
from webbot.errors import Unusable


class PromptBuilder(Prompts):
    """Makes prompts for one tokenizer (a transformers tokenizer with a chat template)."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._structure = _plain_copy(tokenizer.backend_tokenizer)
        self._text = _plain_copy(tokenizer.backend_tokenizer)
        self._text.encode_special_tokens = True  # control tokens in a text are read as the characters they are
        if not tokenizer.chat_template:
            raise Unusable(NO_TEMPLATE)
        special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        super().__init__({
            str(tokenizer.convert_ids_to_tokens(number)): number for number in special | set(tokenizer.all_special_ids)
        })

    def decode(self, ids: Sequence[int]) -> str:
        """Without control tokens; a character that is not whole becomes U+FFFD."""
        return self._structure.decode(list(ids), skip_special_tokens=True)

    def read_piece(self, piece: str) -> list[int]:
        return self._structure.encode(piece, add_special_tokens=False).ids

    def read_text(self, text: str) -> list[int]:
        return self._text.encode(text, add_special_tokens=False).ids

    def template(self, tools: list[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """Several templates in a form that transformers does not know raise what transformers does."""
        return self._tokenizer.get_chat_template(tools=tools or None), self._tokenizer.special_tokens_map


def _plain_copy(tokenizer: Any) -> Any:
    copied = copy.deepcopy(tokenizer)
    copied.no_truncation()
    copied.no_padding()
    return copied
