"""Where a model that was asked to go on with its answer begins anew: the last words said once more are left out.

A model that is given its own words to go on with needs no seam.
"""

from __future__ import annotations

LONGEST = 300  # characters at the end of an answer that may be said once more
LEAST = 4  # with fewer characters it is chance, not a repetition


class Seam:
    """Joins what comes to `before`: without the words that end it, and with the space that is missing between two words.

    What comes is held back only as long as it may be a repetition.
    """

    def __init__(self, before: str) -> None:
        self.before = before
        first = max(0, len(before) - LONGEST)
        # What may be repeated, the longest first: each begins with a word.
        self._ends = [before[place:] for place in range(first, len(before) - LEAST + 1) if _begins_word(before, place)]
        self._held = ""
        self._joined = False

    def push(self, text: str) -> str:
        """What goes on behind `before`, of what came up to here and was not told yet."""
        if self._joined:
            return text
        self._held += text
        came = self._held.lstrip()
        if any(len(end) > len(came) and end.startswith(came) for end in self._ends):
            return ""  # perhaps the beginning of a longer repetition
        return self._join()

    def finish(self) -> str:
        """The rest, when nothing more comes."""
        return "" if self._joined else self._join()

    def _join(self) -> str:
        self._joined = True
        came = self._held.lstrip()
        for end in self._ends:
            if came.startswith(end):
                return came[len(end):]
            if came.startswith(bare := end.rstrip()):  # what parted the words is there already
                return came[len(bare):].lstrip()
        missing = " " if _is_within_word(self.before[-1:], self._held[:1]) else ""
        return missing + self._held


def _begins_word(text: str, place: int) -> bool:
    return not text[place].isspace() and (place == 0 or not _is_within_word(text[place - 1], text[place]))


def _is_within_word(left: str, right: str) -> bool:
    """Whether two characters stand next to one another in a word, of a script that parts words by spaces."""
    return _is_letter(left) and _is_letter(right)


def _is_letter(character: str) -> bool:
    return character.isalnum() and ord(character) < 0x2E80
