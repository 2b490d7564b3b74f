"""The tokens of a model: text to ids and ids to bytes, without a chat template. Control tokens in a text are characters."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from llguidance import LLTokenizer

from webbot.engines.llama.closing import CLOSING
from webbot.errors import BadInput

log = logging.getLogger(__name__)


class Vocabulary:
    """`tokenizer` is one of transformers, `width` the number of logits of the model, `ends` the ids that end an answer.

    `grammatical` is the tokenizer as llguidance knows it, None when it does not know this kind: then there are neither
    grammars nor the bytes of a token. `closers` are the ids of the tokens of CLOSING that it has, `beginning` holds the id
    that stands before every text, or nothing.
    """

    def __init__(self, tokenizer: Any, width: int, ends: Iterable[int]) -> None:
        self.width, self.ends = width, frozenset(ends)
        self.control_ids = frozenset(
            number for number, token in tokenizer.added_tokens_decoder.items() if token.special
        ) | frozenset(tokenizer.all_special_ids)
        self.size = min(width, len(tokenizer))
        self.beginning = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        self._text = copy.deepcopy(tokenizer.backend_tokenizer)
        self._text.no_truncation()
        self._text.no_padding()
        try:
            self.grammatical = LLTokenizer(self._text.to_str(), n_vocab=max(width, len(tokenizer)), eos_token=sorted(self.ends))
        except Exception as error:  # the files are a stranger's: anything can come out of reading them
            log.warning("no grammars and no bytes of tokens with this tokenizer: %s", str(error)[:200])
            self.grammatical = None
        self._text.encode_special_tokens = True
        self.closers = [token for token in map(self._only_token, CLOSING) if token is not None]

    def read(self, text: str | Sequence[int], parameter: str) -> list[int]:
        """The ids of a text, or the given ids. Raises BadInput that names `parameter` when it is empty, for an id that is
        not in the vocabulary, and for control tokens."""
        if not text:
            raise BadInput("The text is empty.", parameter=parameter)
        ids = self._text.encode(text, add_special_tokens=False).ids if isinstance(text, str) else list(text)
        wrong = next((number for number in ids if not 0 <= number < self.size), None)
        if wrong is not None:
            raise BadInput("There is no token {token}; the vocabulary ends at {last}.", parameter=parameter, token=wrong,
                           last=self.size - 1)
        if not self.control_ids.isdisjoint(ids):
            raise BadInput("The text holds a control token of the model that cannot be read as text.", parameter=parameter)
        if not ids:
            raise BadInput("The text is empty.", parameter=parameter)
        return ids

    def _only_token(self, text: str) -> int | None:
        """The token that writes just this text, if there is one. Some tokenizers put a blank before what they read."""
        ids = self._text.encode(text, add_special_tokens=False).ids
        return ids[-1] if ids and self.bytes_of(ids[-1]) == text.encode() else None

    def bytes_of(self, token: int) -> bytes:
        """The bytes that a token writes; a character may be spread over several tokens."""
        return self.grammatical.decode_bytes([token]) if self.grammatical else b""
