"""The files of a conversation as the model sees them: one turn before all others, cut to the tokens there are.

Every file stands in a frame with its name. Small ones are seen whole, the others share what is left, each from its beginning
and cut at a line or a word. What was cut once is kept, so that neither a page nor a turn counts it again.
"""

from __future__ import annotations

import dataclasses
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from webbot.engines.base import Engine, EngineState
from webbot.errors import NotFound
from webbot.messages import Conversation, File, Message, SeenFile
from webbot.store.base import Store

ANSWER = "Understood."  # templates want an answer to every question
HEAD = "The files of this conversation, each between two lines with its name:"
FENCES, FENCE_LENGTH, MOST_FENCE = "=-#~*", 5, 60
KEPT_CHARACTERS = 4_000_000  # of texts that are kept: what is seen of the files of some hundred conversations
PIECE = 200_000  # characters that are counted at once: nobody waits long for the model's process meanwhile
ATTEMPTS, CLOSE = 14, 0.02  # how often a place to cut is counted, and how much of the room may stay free
LINE, WORD = 0.8, 0.5  # a line's end is looked for in the last fifth of a cut text, a word's in the last half
LEAST = 8  # tokens of text: with less room the files are not seen at all


@dataclass(frozen=True, slots=True)
class Shown:
    """The files' turn: the text of its question, what it takes in tokens with its frames, and how much of each file it has."""

    text: str
    tokens: int
    seen: tuple[SeenFile, ...]

    def turn(self) -> list[Message]:
        """As messages of the prompt; none where nothing is seen."""
        return [Message(role="user", text=self.text), Message(role="assistant", text=ANSWER)] if self.tokens else []


@dataclass(frozen=True, slots=True)
class _Piece:
    """A file's text, or what is left of it."""

    file: File
    text: str
    tokens: int
    whole: int

    @property
    def cut(self) -> bool:
        return self.tokens < self.whole

    @property
    def seen(self) -> SeenFile:
        return SeenFile(id=self.file.id, name=self.file.name, tokens=self.tokens, whole=self.whole)


class Enclosed:
    """The files of every conversation, as far as models see them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept: OrderedDict[tuple, Shown] = OrderedDict()

    def shown(
        self, about: Conversation, limit: int, engine: Engine, state: EngineState, only: Sequence[str] | None = None
    ) -> Shown:
        """The files that have a text, `only` those with these ids, within so many tokens."""
        files = [file for file in self.store.files(about.owner, about.id) if only is None or file.id in only]
        files = [file for file in files if file.tokens != 0]
        key = (state.tokenizer, limit, *(file.id for file in files))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        shown = self._fitted(self._read(about, files, engine, state), limit, engine, state)
        self._kept[key] = shown
        while len(self._kept) > 1 and sum(len(kept.text) + 100 for kept in self._kept.values()) > KEPT_CHARACTERS:
            self._kept.popitem(last=False)
        return shown

    def _read(self, about: Conversation, files: Sequence[File], engine: Engine, state: EngineState) -> list[_Piece]:
        """The whole texts, counted for this model."""
        pieces, counts = [], {}
        for file in files:
            try:
                text = self.store.file_text(about.owner, about.id, file.id)
            except NotFound:
                continue  # it was taken away in this moment
            if file.tokens is None or file.counted_by != state.tokenizer:
                counts[file.id] = _count(text, engine)
            whole = counts.get(file.id, file.tokens or 0)
            if whole:  # a picture has no text
                pieces.append(_Piece(file, text, whole, whole))
        if counts:
            self.store.save_counts(about.owner, about.id, counts, state.tokenizer)
        return pieces

    def _fitted(self, whole: Sequence[_Piece], limit: int, engine: Engine, state: EngineState) -> Shown:
        """A text is longer or shorter in tokens than its parts, so that the parts are made smaller until the whole fits."""
        nothing = Shown("", 0, tuple(dataclasses.replace(piece, tokens=0).seen for piece in whole))
        if not whole:
            return nothing
        fence = fence_of([piece.text for piece in whole])
        bare = message_of([_Piece(piece.file, "", 0, 1) for piece in whole], fence)
        around = sum(engine.count([ANSWER])) + 2 * state.frame
        room = limit - around - engine.count([bare])[0]
        while room >= LEAST:
            share = shares([piece.whole for piece in whole], room)
            pieces = [_cut(piece, most, engine) for piece, most in zip(whole, share, strict=True)]
            text = message_of(pieces, fence)
            tokens = engine.count([text])[0] + around
            if tokens <= limit:
                return Shown(text, tokens, tuple(piece.seen for piece in pieces))
            room -= max(tokens - limit, len(whole))
        return nothing


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """What each gets of the room: who wants little gets it all, the others get the same."""
    given, left = [0] * len(wanted), room
    for place, number in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[number] = min(wanted[number], left // (len(wanted) - place))
        left -= given[number]
    return given


def message_of(pieces: Sequence[_Piece], fence: str) -> str:
    parts = [HEAD]
    for piece in pieces:
        name = piece.file.name
        begin = f"{fence} {name}, only its beginning {fence}" if piece.cut else f"{fence} {name} {fence}"
        parts.append(f"{begin}\n{piece.text}\n{fence} end of {name} {fence}")
    return "\n\n".join(parts)


def fence_of(texts: Sequence[str]) -> str:
    """What no text has in it (if it can be: a text may be written against it), so that none can pretend to end."""
    longest = {
        sign: max((len(run) for text in texts for run in re.findall(re.escape(sign) + "+", text)), default=0) for sign in FENCES
    }
    sign = min(FENCES, key=longest.__getitem__)
    return sign * min(max(FENCE_LENGTH, longest[sign] + 1), MOST_FENCE)


def _count(text: str, engine: Engine) -> int:
    return sum(engine.count([text[start:start + PIECE]])[0] for start in range(0, len(text), PIECE))


def _cut(piece: _Piece, share: int, engine: Engine) -> _Piece:
    """The beginning of a text that takes at most `share` tokens, cut at a line or a word where there is one."""
    if piece.whole <= share:
        return piece
    aim = share * (1 - CLOSE / 2)
    fits, too_long = 0, len(piece.text)
    counts = {0: 0, too_long: piece.whole}
    for attempt in range(ATTEMPTS):
        if too_long - fits <= max(1, CLOSE * fits) or counts[fits] >= share * (1 - CLOSE):
            break
        rate = (aim - counts[fits]) / max(1, counts[too_long] - counts[fits])
        place = fits + int((too_long - fits) * (rate if attempt < ATTEMPTS // 2 else 0.5))
        place = min(max(place, fits + 1), too_long - 1)
        counts[place] = engine.count([piece.text[:place]])[0]
        if counts[place] <= share:
            fits = place
        else:
            too_long = place
    text = piece.text[:_border(piece.text, fits)].rstrip()
    return _Piece(piece.file, text, min(engine.count([text])[0], piece.whole - 1), piece.whole)


def _border(text: str, end: int) -> int:
    """Where to cut a text at the latest at `end`."""
    if end == len(text) or text[end].isspace():
        return end
    line = text.rfind("\n", int(end * LINE), end)
    if line > 0:
        return line
    words = list(re.finditer(r"\s", text[int(end * WORD):end]))
    return int(end * WORD) + words[-1].start() if words else end
