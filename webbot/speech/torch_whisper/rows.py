"""One decoder step for all clips in work, each in a row of fixed memory. Recorded in graphs, a step sends nothing to the device:
each row's last token, its position and what the rules must remember stay there.

Free rows are computed too, and mean nothing. Knows no recordings and no threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from webbot.speech.torch_whisper.graphs import Graphs, Results
from webbot.speech.torch_whisper.network import Memory, Network
from webbot.speech.torch_whisper.rules import Rules

MOST_ROWS, BUCKETS = 8, (1, 2, 4)
SPANS = (512, 768, 1024, 1536)  # positions of what was heard; their multiples of 16 bytes suit the device
TOKEN, POSITION, BEFORE, LATEST, BEGIN = range(5)  # what stays on the device of each row
CHOSEN, LOGPROB, NO_SPEECH, LANGUAGE = range(4)  # what comes back of each row


def bytes_a_row(network: Network) -> int:
    """Of the keys and values of one row."""
    dims = network.dims
    return 2 * dims.n_text_layer * dims.n_text_state * (dims.n_text_ctx + SPANS[-1]) * network.dtype.itemsize


class Rows:
    """`languages` are the tokens of all languages, `no_speech` the token for silence."""

    def __init__(
        self, network: Network, rules: Rules, graphs: Graphs, count: int, languages: Sequence[int], no_speech: int
    ) -> None:
        self._network, self._rules, self._graphs, self.count, self._no_speech = network, rules, graphs, count, no_speech
        dims, device = network.dims, network.device
        shape = (dims.n_text_layer, 2, count, dims.n_text_head)
        size = dims.n_text_state // dims.n_text_head
        self._written = torch.zeros(*shape, dims.n_text_ctx, size, dtype=network.dtype, device=device)
        self._heard = torch.zeros(*shape, SPANS[-1], size, dtype=network.dtype, device=device)
        self._audible = torch.zeros(count, 1, 1, SPANS[-1], dtype=network.dtype, device=device)
        self._state = torch.zeros(5, count, dtype=torch.int64, device=device)
        self._found = torch.zeros(4, count, dtype=torch.float32, device=device)  # tokens are exact in it up to 16 million
        self._languages = torch.tensor(languages or [0], device=device)
        self._step: Results = ()
        self._buckets = (*(bucket for bucket in BUCKETS if bucket < count), count)

    def computations(self) -> Iterator[tuple[tuple[str, int, int], Callable[[], Results]]]:
        """What can be recorded, the largest first."""
        for span in reversed(SPANS):
            for rows in reversed(self._buckets):
                yield ("step", rows, span), self._computation(rows, span)

    # a row begins

    def hear(self, row: int, encoded: Tensor) -> None:
        """What the encoder made of a clip [positions, state] is what the row is asked about from now on."""
        length = encoded.shape[0]
        self._heard[:, :, row, :, :length].copy_(self._network.heard(encoded))
        self._audible[row, ..., :length] = 0
        self._audible[row, ..., length:] = -torch.inf

    def read(self, row: int, tokens: Sequence[int]) -> Tensor:
        """The row's first tokens, all at once. Returns what is made of them [tokens, state]."""
        given = torch.tensor([tokens], device=self._network.device)
        positions = torch.arange(len(tokens), device=self._network.device)[None]
        return self._network.decode(given, positions, self._memory(slice(row, row + 1), SPANS[-1]))[0]

    def place(self, row: int, token: int, position: int, begin: int) -> None:
        """The next step computes the token at the position; what is written begins at `begin`."""
        values = {TOKEN: token, POSITION: position, BEFORE: self._rules.stamps, LATEST: self._rules.stamps - 1, BEGIN: begin}
        self._state[:, row] = torch.tensor([values[number] for number in range(5)])

    def language(self, hidden: Tensor) -> Tensor:
        """The token [] of the likeliest language, of what was made of the token that begins [state]."""
        scores = self._raw(hidden).index_select(0, self._languages)
        return self._languages.index_select(0, scores.argmax()[None])[0]

    # all rows

    def step(self, rows: int, span: int) -> None:
        """The next token of the first `rows` rows, which heard at most `span` positions."""
        rows = next(bucket for bucket in self._buckets if bucket >= rows)
        span = next(length for length in SPANS if length >= span)
        self._step = self._graphs.run(("step", rows, span), self._computation(rows, span))

    def results(self) -> Tensor:
        """[4, rows]: CHOSEN, LOGPROB, NO_SPEECH, LANGUAGE of the last step, or of the first one of a row. On the device."""
        return self._found

    def _computation(self, rows: int, span: int) -> Callable[[], Results]:
        return lambda: self._compute(rows, span)

    def _memory(self, rows: slice, span: int) -> Memory:
        return Memory(self._written[:, :, rows], self._heard[:, :, rows, :, :span], self._audible[rows, ..., :span])

    def _compute(self, rows: int, span: int) -> Results:
        """The step itself: nothing here depends on what a tensor holds."""
        token, position, before, latest, begin = self._state[:, :rows]
        hidden = self._network.decode(token[:, None], position[:, None], self._memory(slice(rows), span))[:, 0]
        logits = self._network.logits(hidden, self._rules.silent)
        count = position + 1 - begin
        latest.copy_(torch.where(token >= self._rules.stamps, token, latest))
        self._rules.bar(logits, token, before, latest, count)
        timed, chosen, logprob = self._rules.likeliest(logits)
        self._found[CHOSEN, :rows].copy_(chosen)
        self._found[LOGPROB, :rows].copy_(logprob)
        before.copy_(torch.where(count > 0, token, self._rules.stamps))
        token.copy_(chosen)
        position.add_(1).clamp_(max=self._network.dims.n_text_ctx - 1)  # a row goes on after its end until it is taken anew
        return hidden, logits, timed

    # what only some rows need after a step, never recorded

    def open(self, row: int, find_language: bool) -> None:
        """The row's step was its first one: how likely silence is, and which language is spoken."""
        hidden = self._step[0][row]
        self._found[NO_SPEECH, row] = torch.softmax(self._raw(hidden), -1)[self._no_speech]
        if find_language:
            language = self.language(hidden)
            self._found[LANGUAGE, row] = language
            self._state[TOKEN, row] = language

    def force(self, row: int, token: int) -> None:
        """The row's next token, whatever it has chosen."""
        self._state[TOKEN, row].fill_(token)

    def draw(self, row: int, temperature: float, uniform: float) -> None:
        """The row's next token is drawn instead of the likeliest one."""
        _hidden, logits, timed = self._step
        token, logprob = self._rules.drawn(logits[row], timed[row], temperature, uniform)
        self._state[TOKEN, row : row + 1].copy_(token)
        self._found[CHOSEN, row : row + 1].copy_(token)
        self._found[LOGPROB, row : row + 1].copy_(logprob)

    def _raw(self, hidden: Tensor) -> Tensor:
        return self._network.logits(hidden).float()
