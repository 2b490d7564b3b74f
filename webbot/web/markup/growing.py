"""An answer as HTML while it grows: what can no longer change is rendered once, only the open end is rendered anew.

Links whose addresses are defined further down get them at the end. A long open end is rendered anew only when it has
grown by a part of itself, so that an answer costs what its length costs, in whatever portions it comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from webbot.web.markup import markdown, textile
from webbot.web.markup.calm import calm
from webbot.web.markup.markdown_lines import MarkdownLines
from webbot.web.markup.pieces import Piece, Pieces
from webbot.web.markup.plain import plain_block

SHORT_END = 2_048  # characters; so much is rendered anew with every portion
GROWTH = 32  # a longer end waits until it has grown by this part of itself

Change = tuple[int, list[str]]


@dataclass(slots=True)
class _Done:
    """A finished piece and its blocks, None while nobody needed them. `linked`: a definition may still change it."""

    piece: Piece
    blocks: list[str] | None = None
    linked: bool = field(init=False)

    def __post_init__(self) -> None:
        self.linked = "[" in self.piece.text and not self.piece.plain


class Growing:
    """One answer. `markup` is "markdown" or "textile"."""

    def __init__(self, markup: str = "markdown") -> None:
        self._markdown = markup != "textile"
        self._lines = MarkdownLines()
        self._pieces = Pieces(self._lines if self._markdown else textile.TextileLines())
        self._references: markdown.References = {}
        self._done: list[_Done] = []
        self._told = 0  # blocks of finished pieces
        self._open: list[str] = []  # blocks of the open end, as last told
        self._rendered = 0  # length of the open end when it was rendered
        self._held = ""  # half a line end

    def feed(self, delta: str) -> Change | None:
        """Takes the next portion. Returns (i, blocks): the blocks from number i on are these now; None: nothing changed."""
        finished = self._take(delta)
        length = self._pieces.open_length()
        if not finished and length - self._rendered < 1 + max(0, length - SHORT_END) // GROWTH:
            return None
        settled = [block for done in finished for block in self._blocks(done)]
        self._rendered = length
        return self._change(settled, self._growing_blocks())

    def finish(self) -> Change | None:
        """The change that the end of the text brings: like `feed`, once, when no more comes."""
        told = [block for done in self._done for block in done.blocks or []] + self._open
        whole = self._settled()
        kept = _common(told, whole)
        return None if kept == len(told) == len(whole) else (kept, whole[kept:])

    @property
    def settled(self) -> int:
        """How many blocks, of those told, nothing that comes will change: the same for the same text in other portions."""
        return self._told

    def html(self) -> str:
        """Everything so far as the whole answer: equal to the answer rendered at once."""
        return "".join(self._settled())

    def load(self, text: str) -> None:
        """Takes a text of which nobody wants to see the growth."""
        self._take(text)

    def _take(self, delta: str) -> list[_Done]:
        text = (self._held + delta).replace("\r\n", "\n")
        self._held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r").replace("\r", "\n")
        finished = [_Done(piece) for piece in self._pieces.feed(text)]
        self._done += finished
        return finished

    def _blocks(self, done: _Done) -> list[str]:
        if done.blocks is None:
            done.blocks = self._rendered_piece(done.piece, self._references)
        return done.blocks

    def _rendered_piece(self, piece: Piece, references: markdown.References) -> list[str]:
        if piece.plain:
            return plain_block(piece.text)
        return markdown.blocks(piece.text, references) if self._markdown else textile.blocks(piece.text)

    def _growing_blocks(self) -> list[str]:
        piece = self._pieces.open_piece()
        if piece.plain or not self._markdown:
            return self._rendered_piece(piece, self._references)
        return markdown.blocks(calm(piece.text, bool(self._lines.fence)), self._references, growing=True)

    def _change(self, settled: list[str], growing: list[str]) -> Change | None:
        fresh = settled + growing
        kept = _common(self._open, fresh)
        unchanged = kept == len(self._open) == len(fresh)
        start = self._told + kept
        self._told += len(settled)
        self._open = growing
        return None if unchanged else (start, fresh[kept:])

    def _settled(self) -> list[str]:
        """All blocks of the text as it is now, taken for the whole: every link has its address."""
        references: markdown.References = dict(self._references)
        for done in self._done:
            if done.blocks is None:
                done.blocks = self._rendered_piece(done.piece, references)
        ends = [_Done(piece) for piece in self._pieces.rest()]
        for end in ends:
            end.blocks = self._rendered_piece(end.piece, references)
        blocks: list[str] = []
        for done in self._done + ends:
            late = done.linked and references
            blocks += self._rendered_piece(done.piece, references) if late else done.blocks or []
        return blocks


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many blocks at the beginning are the same."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count
