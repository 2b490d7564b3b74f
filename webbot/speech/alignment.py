"""When each word is spoken, from the path that ctranslate2 finds between tokens and what the encoder heard. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webbot.errors import Unusable
from webbot.speech.base import Piece, Spoken

STEP = 320  # samples of one of the encoder's positions
OPENING = frozenset("\"'“¿([{-«„‘")
USUAL = 0.7 * 16_000  # a word is not taken for longer because most words of the recording are drawn out


def not_found() -> Unusable:
    return Unusable(
        "The times of the words could not be found in this recording. Please ask for the times of segments.",
        parameter="timestamp_granularities",
    )


@dataclass(slots=True)
class _Word:
    text: str
    first: int
    last: int


def placed(path: NDArray[np.int_], tokenizer: Any, pieces: Sequence[Piece], length: int) -> list[list[Spoken]]:
    """The words of each piece in samples, from pairs [n, 2] of a token's number and the position where it is heard.

    Raises Unusable where the path leaves a token out.
    """
    count = sum(len(piece.words) for piece in pieces)
    starts = _starts(path, count)
    found, before = [], 0
    for piece in pieces:
        times = starts[before : before + len(piece.words) + 1]
        found.append(_words(list(piece.words), times, tokenizer))
        before += len(piece.words)
    longest = _longest(found)
    return [_within(words, piece, longest, length) for words, piece in zip(found, pieces, strict=True)]


def _starts(path: NDArray[np.int_], count: int) -> NDArray[np.int_]:
    """The sample where each of `count` tokens begins, and where the last one ends."""
    if path.ndim != 2 or not len(path):
        raise not_found()
    tokens, first = np.unique(path[:, 0], return_index=True)
    if len(tokens) < count + 1:
        raise not_found()
    return np.asarray(path[first, 1] * STEP)


def _words(tokens: list[int], times: NDArray[np.int_], tokenizer: Any) -> list[_Word]:
    """Tokens become words; signs that are no words join the word before, or the word behind that they open."""
    texts, parts = tokenizer.split_to_word_tokens(tokens)
    words: list[_Word] = []
    opening: _Word | None = None
    place = 0
    for text, part in zip(texts, parts, strict=True):
        word = _Word(text, int(times[place]), int(times[place + len(part)]))
        place += len(part)
        sign = text.strip()
        if opening:
            word, opening = _Word(opening.text + word.text, word.first, word.last), None
        if sign and text[0] == " " and sign in OPENING:
            opening = word
        elif words and sign and not any(letter.isalnum() for letter in sign):
            words[-1].text += text
        elif sign:
            words.append(word)
    if opening and words:
        words[-1].text += opening.text
    return words


def _longest(pieces: list[list[_Word]]) -> float:
    """How long a word may be: twice as long as most."""
    lengths = [word.last - word.first for words in pieces for word in words if word.last > word.first]
    return 2 * min(USUAL, float(np.median(lengths))) if lengths else 2 * USUAL


def _within(words: list[_Word], piece: Piece, longest: float, length: int) -> list[Spoken]:
    """A pause is not a part of a word: the first one of a piece begins late, and what ends a sentence ends early."""
    if words and words[0].last - words[0].first > longest:
        words[0].first = int(words[0].last - longest)
    for word in words:
        ends = word is words[-1] or not word.text.rstrip()[-1:].isalnum()
        if ends and word.last - word.first > longest:
            word.last = int(word.first + longest)
    return [
        Spoken(word.text, min(word.first, length), min(max(word.first, word.last), length, max(piece.last, word.first)))
        for word in words
    ]
