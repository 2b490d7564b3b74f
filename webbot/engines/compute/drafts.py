"""Guesses what comes next from the text itself: "Prompt Lookup Decoding" (Saxena, 2023; also in transformers). No torch.

Where the last tokens have stood before, what followed them then is likely to follow again: in answers that quote, correct or
repeat. The model tries the guessed tokens together with the last one; what it would not have chosen itself is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST, SHORTEST = 3, 2  # tokens that must have stood there before
LONGEST_REST = 32  # steps without a guess after guesses that were all wrong


class Lookup:
    """The tokens of one answer, and where each few of them stood last. A step costs the same however long the text is."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # some tokens -> the place after where they stood last
        self._trust: int | None = None  # so many tokens are guessed at most
        self._misses = self._rest = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def add(self, tokens: Sequence[int]) -> None:
        """The text goes on with these."""
        held, before = self._tokens, len(self._tokens)
        held += tokens
        for size in range(SHORTEST, LONGEST + 1):
            # The last tokens of all are not noted before something follows them: they would find themselves.
            places = range(max(before, size), len(held))
            if places:
                columns = [held[places.start - back : places.stop - back] for back in range(size, 0, -1)]
                self._after.update(zip(zip(*columns, strict=True), places, strict=True))

    def propose(self, most: int) -> tuple[int, ...]:
        """At most so many tokens that may follow; none where nothing is like the end of the text, or where guesses were wrong."""
        if self._rest:
            self._rest -= 1
            return ()
        place = next((self._after[last] for last in self._ends() if last in self._after), None)
        if place is None:
            return ()
        guessed: list[int] = []
        for number in range(place, place + (most if self._trust is None else min(most, self._trust))):
            # A text that repeats itself is guessed beyond its end.
            guessed.append(self._tokens[number] if number < len(self) else guessed[number - len(self)])
        return tuple(guessed)

    def learn(self, tried: int, accepted: int) -> None:
        """So many of the guessed tokens were right. After wrong ones fewer are guessed, and not as often."""
        if not tried:
            return
        if accepted:
            self._misses = 0
            self._trust = 2 * tried if accepted == tried else accepted
            return
        self._trust, self._rest = 1, min(2**self._misses, LONGEST_REST)
        self._misses = min(self._misses + 1, LONGEST_REST)

    def _ends(self) -> list[tuple[int, ...]]:
        return [tuple(self._tokens[-size:]) for size in range(LONGEST, SHORTEST - 1, -1) if size <= len(self)]
