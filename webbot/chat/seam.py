"""Where an answer is gone on with: a model that repeats the last words it has written is not heard to."""

from __future__ import annotations

LONGEST = 300  # characters at the end of an answer that may be said once more
LEAST_ASKED = 4  # with fewer characters it is chance, not a repetition
LEAST_GIVEN = 16  # a model that was given its own words repeats them seldom: what looks so is mostly meant


class Seam:
    """Joins what comes to `before`. `given` is true where the model goes on with its own words, false where it was asked to and
    answers anew: then the space between two words may be missing as well.

    What comes is held back only as long as it may be a repetition.
    """

    def __init__(self, before: str, *, given: bool) -> None:
        self.before, self.given = before, given
        self.least = LEAST_GIVEN if given else LEAST_ASKED
        self._held = ""
        self._joined = False

    def push(self, text: str) -> str:
        """What goes on behind `before`, of what came up to here and was not told yet."""
        if self._joined:
            return text
        self._held += text
        return "" if self._may_be_more() else self._join()

    def finish(self) -> str:
        """The rest, when nothing more comes."""
        return "" if self._joined else self._join()

    def _may_be_more(self) -> bool:
        """Whether all that came is the beginning of a longer repetition."""
        held = self._held.lstrip()
        return any(len(end) > len(held) and end.startswith(held) for end in self._ends())

    def _ends(self) -> list[str]:
        """The ends of `before` that a repetition may consist of, the longest first: each begins with a word."""
        before = self.before
        first = max(0, len(before) - LONGEST)
        starts = [place for place in range(first, len(before) - self.least + 1) if _begins_word(before, place)]
        return [before[place:] for place in starts]

    def _join(self) -> str:
        self._joined = True
        held, self._held = self._held, ""
        came = held.lstrip()
        for end in self._ends():
            if came.startswith(end):
                return came[len(end):]
            if came.startswith(end.rstrip()):  # a space that ended the answer and was left out, or became a line
                return came[len(end.rstrip()):].lstrip()
        if not self.given and _are_words(self.before[-1:], held[:1]):
            return " " + held
        return held


def _begins_word(text: str, place: int) -> bool:
    if text[place].isspace():
        return False
    return place == 0 or not _are_words(text[place - 1], text[place])


def _are_words(left: str, right: str) -> bool:
    """Whether two characters stand within a word of a script that parts words by spaces."""
    return _is_letter(left) and _is_letter(right)


def _is_letter(character: str) -> bool:
    return character.isalnum() and ord(character) < 0x2E80
