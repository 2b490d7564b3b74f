"""How many tokens a text has: by the server's own tokenizer where it can be asked, else by an estimate that leans to too many."""

from __future__ import annotations

import hashlib
import json
import math
import string
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webbot.engines.remotes.faults import Fault

MOST_KEPT = 20_000  # counts
AT_ONCE = 8  # texts asked for together
GROWTH, MOST_SCALE = 1.5, 4.0  # of an estimate that has proved too low
REST_SECONDS = 10.0  # after a failure the server is not asked for counts
# What the estimate deletes from a text's bytes to count the rest of a class: bytes.translate takes a microsecond for a page.
LOWER, UPPER = string.ascii_lowercase.encode(), string.ascii_uppercase.encode()
SIGNS, BREAKS = (string.digits + string.punctuation).encode() + bytes(range(9)) + bytes(range(14, 32)), b"\n\r\t\v\f"
TWO, THREE, FOUR = bytes(range(0xC0, 0xE0)), bytes(range(0xE0, 0xF0)), bytes(range(0xF0, 0x100))  # first bytes of characters


def estimate(text: str) -> int:
    """About as many tokens as the text can have for a model with 30 000 tokens or more.

    Measured against real vocabularies of 50 000 (tests hold it): about a third too many for English prose;
    a Chinese character counts one and a half, which is over what today's models need.
    """
    data = text.encode("utf-8", "surrogatepass")
    lower, words = _of(data, LOWER), len(text.split())
    others = _of(data, TWO) + 1.5 * _of(data, THREE) + 3 * _of(data, FOUR)
    letters = lower / (2.3 if others > lower / 100 else 3.2) + _of(data, UPPER) / 2  # vocabularies know English best
    spaces = max(0, data.count(b" ") - words + 1) / 4  # beside one for each word
    return math.ceil(max(letters, words if not others else 0) + _of(data, SIGNS) + _of(data, BREAKS) + spaces + others)


def _of(data: bytes, kinds: bytes) -> int:
    """How many bytes are of these kinds."""
    return len(data) - len(data.translate(None, kinds))


@dataclass(frozen=True, slots=True)
class Tokenize:
    """A server's call that tells the tokens of a text. `kind` is "llama.cpp", "vllm" or "tgi"; `model` is the one that counts."""

    kind: str
    url: str
    model: str

    def sent(self, text: str) -> dict[str, Any]:
        if self.kind == "llama.cpp":
            return {"content": text, "add_special": False, "parse_special": False}
        if self.kind == "vllm":
            return {"model": self.model, "prompt": text, "add_special_tokens": False}
        return {"inputs": text}

    def read(self, body: bytes) -> int:
        """The count in an answer. Raises ValueError."""
        try:
            said = json.loads(body)
        except RecursionError:
            raise ValueError from None
        if self.kind == "vllm" and isinstance(said, dict) and isinstance(said.get("count"), int):
            return said["count"]
        tokens = said.get("tokens") if isinstance(said, dict) else said
        if not isinstance(tokens, list):
            raise ValueError("no tokens")
        return len(tokens)


class Counter:
    """Counts for one model. `ask` posts a body to an address within so many seconds and returns (status, body), or raises Fault.

    `seconds` is the limit for one call of `count`; what is not counted by then is estimated. `scale` multiplies estimates.
    """

    def __init__(self, ask: Callable[[str, dict[str, Any], float], tuple[int, bytes]], *, seconds: float = 5.0) -> None:
        self._ask, self.seconds = ask, seconds
        self.scale = 1.0
        self._kept: OrderedDict[tuple[Tokenize, bytes], int] = OrderedDict()
        self._lock = threading.Lock()
        self._rest = 0.0

    def count(self, texts: Sequence[str], by: Tokenize | None) -> list[int]:
        """The tokens of each text by that call; without one, or where it fails, an estimate. Never raises, never hangs."""
        counts = [self._known(by, text) for text in texts]
        missing = deque(number for number, count in enumerate(counts) if count is None)
        if by is not None and missing and time.monotonic() >= self._rest:
            self._fill(texts, counts, missing, by)
        return [self.estimate(text) if count is None else count for text, count in zip(texts, counts, strict=True)]

    def estimate(self, text: str) -> int:
        return round(estimate(text) * self.scale)

    def name(self, by: Tokenize | None) -> str:
        """The name of this counting: counts of another name are void."""
        if by is not None:
            return by.model
        return "estimate" if self.scale == 1.0 else f"estimate times {self.scale:g}"

    def was_too_low(self) -> None:
        """An estimate let a prompt pass that the server found too long: from now on all count more."""
        self.scale = min(MOST_SCALE, self.scale * GROWTH)

    def _fill(self, texts: Sequence[str], counts: list[int | None], missing: deque[int], by: Tokenize) -> None:
        until = time.monotonic() + self.seconds

        def work() -> None:
            while missing and (left := until - time.monotonic()) > 0 and time.monotonic() >= self._rest:
                try:
                    number = missing.popleft()
                except IndexError:
                    return
                counts[number] = self._one(by, texts[number], left)

        threads = [threading.Thread(target=work, daemon=True, name="counting") for _ in range(min(AT_ONCE, len(missing)) - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()) + 0.1)

    def _one(self, by: Tokenize, text: str, seconds: float) -> int | None:
        try:
            status, body = self._ask(by.url, by.sent(text), seconds)
            if status != 200:
                raise ValueError("refused")
            count = by.read(body)
        except (Fault, ValueError):
            self._rest = time.monotonic() + REST_SECONDS
            return None
        with self._lock:
            self._kept[_key(by, text)] = count
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return count

    def _known(self, by: Tokenize | None, text: str) -> int | None:
        if not text:
            return 0
        if by is None:
            return None
        with self._lock:
            key = _key(by, text)
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def _key(by: Tokenize, text: str) -> tuple[Tokenize, bytes]:
    return by, hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
