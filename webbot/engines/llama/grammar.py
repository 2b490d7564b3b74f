"""Holds an answer to a grammar: which tokens may come next, and when it is complete. The grammars are llguidance's.

A schema comes from a stranger. Its length is limited here, the work of reading it by `fence`, the work for each token by
llguidance's own limits, and it fetches nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from webbot.engines.llama import fence
from webbot.engines.llama.fence import MOST_CHARACTERS
from webbot.errors import BadInput, Problem

if TYPE_CHECKING:
    import numpy
    import torch

# Of llguidance: a lexer's state takes 1 to 2 kB, a mask at the limits about 10 ms.
MOST_LEXER_STATES = 20_000
# As models write JSON by themselves. No other white space: a small model could write it for ever.
LAYOUT = {
    "item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False, "coerce_one_of": False, "lenient": False,
}


class Constraint:
    """One answer's place in its grammar. `parameter` is the part of the request that a Problem names, `length` the
    characters of the grammar.

    Made in the thread of the request: reading a grammar takes up to some tenths of a second.
    """

    def __init__(self, tokenizer: LLTokenizer, grammar: str, parameter: str) -> None:
        """`grammar` is a Lark text or one that llguidance has made. Raises BadInput when it cannot be used."""
        self._parameter, self.length = parameter, len(grammar)
        if len(grammar) > MOST_CHARACTERS:
            raise self._refusal("it is too large")
        if error := fence.check(grammar):
            raise self._refusal(reason_of(error))
        limits = LLParserLimits(max_lexer_states=MOST_LEXER_STATES, verbose_errors=False)
        self._matcher = LLMatcher(tokenizer, grammar, log_level=0, limits=limits)
        self._check()
        # Some grammars show only in their first steps that nothing fits them, or only what never ends.
        self._first: bytes | None = self._bits()
        if forced := self._matcher.compute_ff_tokens():
            self._check(self._matcher.deep_copy(), forced[0])

    @classmethod
    def of_schema(cls, tokenizer: LLTokenizer, schema: Mapping[str, Any]) -> Constraint:
        """JSON that fits `schema`. Raises BadInput for a schema that cannot be held."""
        parameter = "response_format"
        try:
            text = json.dumps(schema)
            if len(text) > MOST_CHARACTERS:
                raise refusal("it is too large", parameter)
            # The overrides go before what the schema itself says of its layout ("x-guidance").
            grammar = LLMatcher.grammar_from_json_schema(text, overrides=LAYOUT)
        except (ValueError, RecursionError) as error:
            raise refusal(reason_of(str(error)), parameter) from None
        return cls(tokenizer, grammar, parameter)

    @classmethod
    def of_calls(cls, tokenizer: LLTokenizer, calls: str, schema: Mapping[str, Any] | None = None) -> Constraint:
        """What fits the Lark text `calls`, or JSON that fits `schema` where there is one. Raises BadInput."""
        if schema is not None:
            cls.of_schema(tokenizer, schema)
            answer = json.dumps({**schema, "x-guidance": LAYOUT})
            calls = f"start: answer | call\nanswer: %json {answer}\n" + calls.replace("start:", "call:", 1)
        return cls(tokenizer, LLMatcher.grammar_from_lark(calls), "tools")

    def bits(self) -> numpy.ndarray:
        """Which tokens may come next: uint8 [vocabulary / 8], the least significant bit is the first token. Raises a Problem
        when none may."""
        import numpy

        bits, self._first = self._first or self._bits(), None
        return numpy.frombuffer(bits, numpy.uint8)

    def allowed(self) -> torch.Tensor:
        """The same as a boolean for each token."""
        import numpy
        import torch

        return torch.from_numpy(numpy.unpackbits(self.bits(), bitorder="little").view(numpy.bool_))

    def accept(self, token: int) -> bool:
        """Takes the token that was chosen; true when nothing more may follow. Raises a Problem when it does not fit."""
        self._check(self._matcher, token)
        return self._matcher.is_stopped()

    def _bits(self) -> bytes:
        bits = self._matcher.compute_bitmask()
        self._check()
        return bits

    def _check(self, matcher: LLMatcher | None = None, *tokens: int) -> None:
        """Raises BadInput when the matcher, after these tokens, cannot go on."""
        matcher = matcher or self._matcher
        matcher.consume_tokens(list(tokens))
        error = matcher.get_error()
        if error:
            raise self._refusal(reason_of(error))

    def _refusal(self, reason: str) -> Problem:
        return refusal(reason, self._parameter)


def refusal(reason: str, parameter: str) -> Problem:
    return BadInput("No answer can be held to this schema: {reason}.", reason=reason, parameter=parameter)


def reason_of(error: str) -> str:
    """The first line of what llguidance says, shortened."""
    if error.startswith("NoExtension"):
        return "nothing fits it"
    return " ".join(error.split("\n", maxsplit=1)[0].split())[:160].rstrip(".:") or "it cannot be read"
