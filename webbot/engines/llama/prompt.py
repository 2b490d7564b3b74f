"""Messages to token ids, message by message, so that what a person types can never become a control token.

The model's own chat template (rendered in transformers' sandbox) says what stands between the texts: it is rendered with
placeholders and cut there. Its pieces are read with control tokens, the texts without. For ordinary text the result equals
transformers' `apply_chat_template`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

from webbot.errors import BadInput, Unusable

ROLES = ("system", "user", "assistant")
# The Llama 3 templates print a date. A fixed one (their own default) keeps the prompt, and so the prefix cache, stable.
DATE = "26 Jul 2024"
PLACEHOLDER = re.compile("\ue000([0-9]+)\ue001")


class PromptBuilder:
    """Makes prompts for one tokenizer (a transformers tokenizer with a chat template).

    A prompt takes `opening` tokens, and for each message `frame` tokens and those of its text. A template that
    speaks for itself when there is no system message takes those tokens in addition then.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._structure = _plain_copy(tokenizer.backend_tokenizer)
        self._text = _plain_copy(tokenizer.backend_tokenizer)
        self._text.encode_special_tokens = True  # control tokens in a text are read as the characters they are
        self.control_ids = frozenset(
            number for number, token in tokenizer.added_tokens_decoder.items() if token.special
        ) | frozenset(tokenizer.all_special_ids)
        self._piece_ids = lru_cache(maxsize=256)(self._encode_piece)
        self._measure()

    def build(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """The token ids of (role, text) pairs and of the opening of an answer. Raises BadInput for an unknown role."""
        for role, _ in messages:
            if role not in ROLES:
                raise BadInput("The role {role} is not known.", role=repr(role)[:40])
        pieces = [self._piece_ids(piece) for piece in self._pieces(tuple(role for role, _ in messages))]
        texts = [self._encode_text(text) for _, text in messages]
        return list(chain.from_iterable(chain.from_iterable(zip_longest(pieces, texts, fillvalue=()))))

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(self._encode_text(text)) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Without control tokens; a character that is not whole becomes U+FFFD."""
        return self._structure.decode(list(ids), skip_special_tokens=True)

    def end_of_answer(self) -> int | None:
        """The control token that the template puts behind an answer, if any."""
        behind = self._piece_ids(self._pieces(("user", "assistant", "user"))[2])
        return behind[0] if behind and behind[0] in self.control_ids else None

    def _encode_text(self, text: str) -> list[int]:
        ids = self._text.encode(text.strip() if self.trims else text, add_special_tokens=False).ids
        if not self.control_ids.isdisjoint(ids):
            raise BadInput("The text holds a control token of the model that cannot be read as text.")
        return ids

    def _encode_piece(self, piece: str) -> list[int]:
        return self._structure.encode(piece, add_special_tokens=False).ids

    def _pieces(self, roles: tuple[str, ...]) -> list[str]:
        """What the template puts before, between and behind the texts: len(roles) + 1 pieces."""
        rendered = self._render([(role, f"\ue000{number}\ue001") for number, role in enumerate(roles)])
        parts = PLACEHOLDER.split(rendered)
        if [int(number) for number in parts[1::2]] != list(range(len(roles))):
            raise Unusable("The model's chat template does not show every message once, in order.")
        return parts[::2]

    def _render(self, messages: list[tuple[str, str]]) -> str:
        chat = [{"role": role, "content": text} for role, text in messages]
        try:
            return self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, date_string=DATE)
        except Exception as error:  # a template is a program of strangers: anything can come out of it
            reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:160]
            raise Unusable("The model's chat template cannot be used ({reason}).", reason=reason) from None

    def _measure(self) -> None:
        if not self._tokenizer.chat_template:
            raise Unusable("The model has no chat template. Please use one that is made for conversations (Instruct).")
        self.trims = " \ue000 " not in self._render([("user", " \ue000 ")])
        short, long = (self._structure_tokens(roles) for roles in (ROLES[:2], (*ROLES, "user")))
        self.frame = -(-(long - short) // 2)
        self.opening = short - 2 * self.frame
        self._structure_tokens(("user",))

    def _structure_tokens(self, roles: tuple[str, ...]) -> int:
        return sum(len(self._piece_ids(piece)) for piece in self._pieces(roles))


def _plain_copy(tokenizer: Any) -> Any:
    copied = copy.deepcopy(tokenizer)
    copied.no_truncation()
    copied.no_padding()
    return copied
