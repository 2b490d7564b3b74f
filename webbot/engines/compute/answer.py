"""What is computed: answers, and the parts of them that one step takes. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from webbot.engines.compute.drafts import Lookup


@dataclass(eq=False, slots=True, kw_only=True)
class Answer:
    """One answer from the queue to its end.

    Its tokens are the prompt, what is `written`, and `pending` ones: chosen, but not yet read from the device. No more than
    `limit` are chosen; the scheduler lowers it where the cache does not hold as many. The keys and values of the first `cached`
    tokens are in its `pages` (as soon as the steps that were launched are done); `found` of its prompt were there when it
    began. While cached < total - 1 its prompt is read (or read again, after it had to give its pages away); from then on each
    step computes the last token and chooses the next.

    What it computes is shared with answers of the same `owner`, and the first `common` tokens with everybody: they are no secret.
    With `shares` false nothing is. A `background` answer (limit 0) only fills the cache, when there is nothing else to do.
    `reads` marks texts that are read for their meaning: nothing is chosen after them. At most `drafts` guessed tokens are
    tried in a step, by all its answers together.

    The last fields are the scheduler's own: the `keys` of its full pages and how many of them are `kept`, its `age` (who began
    first has the smallest), how many guessed tokens are being `tried`, and whether it is `over`.
    """

    prompt: Sequence[int]
    limit: int
    owner: str = ""
    common: int = 0
    shares: bool = True
    background: bool = False
    reads: bool = False
    drafts: int = 0
    written: list[int] = field(default_factory=list)
    pending: int = 0
    cached: int = 0
    found: int = 0
    pages: list[int] = field(default_factory=list)
    cancelled: bool = False
    keys: list[bytes] = field(default_factory=list, repr=False)
    kept: int = 0
    age: int = 0
    tried: int = 0
    over: bool = False
    lookup: Lookup = field(default_factory=Lookup, repr=False)

    @property
    def known(self) -> int:
        """Its tokens on this side."""
        return len(self.prompt) + len(self.written)

    @property
    def total(self) -> int:
        return len(self.prompt) + len(self.written) + self.pending

    def tokens(self, start: int, stop: int) -> list[int]:
        """Those of places [start, stop) that are known on this side."""
        size = len(self.prompt)
        return [*self.prompt[start:stop], *self.written[max(start - size, 0) : max(stop - size, 0)]]


@dataclass(frozen=True, slots=True)
class Part:
    """The tokens [start, stop) of an answer, and after them the guessed ones of `draft`.

    A part that reaches the end of its answer `chooses`: the next token after its last one, and after each guessed one.
    """

    answer: Answer
    start: int
    stop: int
    draft: tuple[int, ...] = ()
    chooses: bool = False

    @property
    def size(self) -> int:
        return self.stop - self.start + len(self.draft)


@dataclass(frozen=True, slots=True)
class Step:
    """What one pass of the model computes. A step either chooses or `reads`."""

    parts: Sequence[Part]
    reads: bool = False

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def decodes(self) -> bool:
        """Whether every part is one token that chooses: the kind of step that can be replayed."""
        return all(part.size == 1 and part.chooses for part in self.parts)
