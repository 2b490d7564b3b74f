"""What a word is for search."""

from __future__ import annotations

import random
import string

import pytest

from webbot.store import words
from webbot.store.words import LONGEST, OVERLAP, PIECE, PIECE_CHARACTERS, Term


@pytest.mark.parametrize(("text", "expected"), [
    ("Hello, World! 3.5 snake_case C++", "hello world 3 5 snake case c"),
    ("Die STRAẞE, ﬁn, ＡＢＣ, Éclair e\u0301clair", "die strasse fin abc éclair éclair"),
    ("हिन्दी में", "हिन्दी में"), ("été\u0300", "été\u0300"), ("", ""), (" \n-'\"*() ", ""), ("\ud800\0", ""),
    ("一棵树 tree树", "一 棵 树 tree 树"), ("カタカナ 한국", "カ タ カ ナ 한 국"), ("ไทย", "ไ ท ย"), ("𠮷野", "𠮷 野"),
])
def test_the_words_of_a_text(text, expected):
    assert words.words(text) == expected.split()


def test_plain_texts_are_read_in_the_same_way():
    """They have a pattern of their own, for speed."""
    chosen = random.Random(5)
    for _ in range(50):
        text = "".join(chosen.choices(string.printable, k=60))
        assert words.words(text + " é") == [*words.words(text), "é"]


@pytest.mark.parametrize(("search", "expected"), [
    ("oak tree", [Term(("oak",)), Term(("tree",), begun=True)]),
    ("一棵树", [Term(("一", "棵", "树"), begun=True)]),
    ("iPhone手机 x", [Term(("iphone",)), Term(("手", "机")), Term(("x",), begun=True)]),
    ('"a" OR NOT b* NEAR(c)', [Term((w,), begun=w == "c") for w in ("a", "or", "not", "b", "near", "c")]),
    ("%", []), ("", []), ("a a", [Term(("a",)), Term(("a",), begun=True)]), ("x" * 300, [Term(("x" * LONGEST,), begun=True)]),
])
def test_what_a_search_asks_for(search, expected):
    assert words.terms(search) == expected


def test_a_long_text_comes_in_pieces_that_overlap():
    said = [str(n) for n in range(2 * PIECE)]
    pieces = list(words.pieces(" ".join(said)))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 2 * OVERLAP]
    assert [word for at, piece in enumerate(pieces) for word in piece[OVERLAP if at else 0:]] == said
    assert list(words.pieces("...")) == [[]]
    long = list(words.pieces(" ".join(["x" * LONGEST] * 5000)))
    assert len(long) > 2 and max(sum(map(len, piece)) for piece in long) <= PIECE_CHARACTERS
