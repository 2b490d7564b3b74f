"""Tries a grammar in a process of its own, with limits of time and memory: some short schemas keep llguidance busy for hours.

`python -m webbot.engines.llama.fence` reads a grammar from standard input and writes what is wrong with it, or nothing.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from functools import lru_cache

MOST_CHARACTERS = 100_000  # of a schema or grammar; the longest that are usual take about 0.2 s to read
SECONDS, BYTES = 2, 1024**3  # of the processor's time
PATIENCE = 10  # seconds by the clock: a busy machine must not refuse what is easy
TOO_LONG = "it takes too long to read"
CALM = 10  # how far the computing of answers goes before this
SHORT = 2000  # characters; what is shorter and has none of these words takes some milliseconds
COSTLY = ('"pattern', '"allOf"', '"oneOf"', '"multipleOf"')


def check(grammar: str) -> str:
    """Why a grammar (Lark, or one that llguidance has made of a schema) cannot be used; "" when it can."""
    if len(grammar) <= SHORT and not any(word in grammar for word in COSTLY):
        from llguidance import LLMatcher

        return LLMatcher.validate_grammar(grammar)
    return _fenced(grammar)


@lru_cache(maxsize=64)
def _fenced(grammar: str) -> str:
    try:
        tried = subprocess.run(
            [sys.executable, "-m", "webbot.engines.llama.fence"], input=grammar.encode("utf-8", "replace"),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False,
        )
    except subprocess.TimeoutExpired:
        return TOO_LONG
    if tried.returncode == -signal.SIGXCPU:
        return TOO_LONG
    return tried.stdout.decode() if tried.returncode == 0 else "it takes too much memory to read"


def main() -> None:
    os.nice(CALM)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))  # also when whoever waits for it has died
    from llguidance import LLMatcher

    sys.stdout.write(LLMatcher.validate_grammar(sys.stdin.buffer.read().decode()))


if __name__ == "__main__":
    main()
