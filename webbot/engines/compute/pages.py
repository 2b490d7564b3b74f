"""Who holds which page of the cache, and what the pages that nobody holds still know. No torch: only the books.

A page has a key once its content is known: a hash of its tokens and of all tokens before them. Whoever comes with the same tokens
finds the page by that key, like vLLM's prefix cache. From somewhere in the text on the owner is part of the hash, so nobody can
learn from the time an answer takes what others have asked.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

from webbot.engines.compute.gaps import Gaps

KEY_BYTES = 16
EVICTED_TOGETHER = 8  # so that an answer that grows finds neighbours
LARGEST_PART = 16  # but no more than this part of all pages


class Pages:
    """`count` pages of `size` tokens. Each is `used`, `kept` (nobody uses it, its content is known) or `free`.

    `asked` counts the tokens of prompts that began, `found` those of them that were there, `evicted` the pages that were kept
    no longer.
    """

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self.asked = self.found = self.evicted = 0
        self._uses = [0] * count
        self._keys: list[bytes | None] = [None] * count
        self._pages: dict[bytes, int] = {}
        self._ends: dict[bytes, None] = {}  # the keys of the last pages of texts
        self._kept: OrderedDict[int, None] = OrderedDict()  # those that are evicted first at the front
        self._gaps = Gaps(count)

    @property
    def used(self) -> int:
        return self.count - self.free - self.kept

    @property
    def kept(self) -> int:
        return len(self._kept)

    @property
    def free(self) -> int:
        return self._gaps.size

    def find(self, keys: Sequence[bytes]) -> list[int]:
        """The pages of the longest run of leading keys that are there. They are in use from now on, once more each."""
        pages: list[int] = []
        for key in keys:
            page = self._pages.get(key)
            if page is None:
                break
            pages.append(page)
        for page in pages:
            self._use(page)
        return pages

    def take(self, count: int, after: int | None = None) -> list[int] | None:
        """So many new pages, or none of them (None). Where they are free they follow the page `after` and one another.

        What was not used for the longest time is given up for them.
        """
        if count > self.free + self.kept:
            return None
        if count > self.free:
            self._evict(max(count - self.free, min(EVICTED_TOGETHER, self.count // LARGEST_PART)))
        taken: list[int] = []
        while len(taken) < count:
            taken += self._gaps.take(count - len(taken), after)
            after = taken[-1]
        for page in taken:
            self._use(page)
        return taken

    def keep(self, page: int, key: bytes) -> None:
        """The content of a page in use is known now. Where another page has the same one, nothing changes."""
        if key not in self._pages and self._keys[page] is None:
            self._pages[key], self._keys[page] = page, key

    def give_back(self, pages: Sequence[int]) -> None:
        """Ends one use of each. The last ones of a text are given up first: without the first ones they are of no use."""
        for page in reversed(pages):
            assert self._uses[page]
            self._uses[page] -= 1
            if self._uses[page]:
                continue
            if self._keys[page] is None:
                self._gaps.add(page)
            else:
                self._kept[page] = None

    def touch(self, keys: Sequence[bytes]) -> None:
        """These pages of one text were used just now."""
        self.give_back(self.find(keys))
        for key in keys:
            self._ends.pop(key, None)
        if keys:
            self._ends[keys[-1]] = None

    @property
    def texts(self) -> int:
        """How many texts (conversations, as far as they came) are here whole. Of one that went on the older ends do not count."""
        return len(self._ends)

    def forget(self) -> None:
        """What all pages hold is void."""
        self._pages.clear()
        self._ends.clear()
        self._keys = [None] * self.count
        for page in self._kept:
            self._gaps.add(page)
        self._kept.clear()

    def _use(self, page: int) -> None:
        self._kept.pop(page, None)
        self._uses[page] += 1

    def _evict(self, count: int) -> None:
        for _ in range(min(count, self.kept)):
            page, _ = self._kept.popitem(last=False)
            key = self._keys[page]
            assert key is not None
            del self._pages[key]
            self._ends.pop(key, None)
            self._keys[page] = None
            self._gaps.add(page)
            self.evicted += 1


def keys(tokens: Sequence[int], size: int, owner: str, common: int, before: Sequence[bytes] = ()) -> list[bytes]:
    """The keys of the full pages of a text. Those that end within its first `common` tokens are the same for every owner.

    `before` are the keys of the pages that come before these tokens.
    """
    chain = list(before)
    for start in range(0, len(tokens) - size + 1, size):
        shared = (len(chain) + 1) * size <= common
        content = array("q", tokens[start : start + size]).tobytes()
        last = chain[-1] if chain else bytes(KEY_BYTES)
        chain.append(blake2b(last + content + (b"" if shared else b"\1" + owner.encode()), digest_size=KEY_BYTES).digest())
    return chain[len(before) :]
