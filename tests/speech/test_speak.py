"""What is read aloud of an answer: sentences without markup, the same ones for any split of the stream."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webbot.speech.speak import Sentences


def read(text, size=None):
    reader, found = Sentences(), []
    step = size or max(1, len(text))
    for at in range(0, len(text), step):
        found += reader.feed(text[at : at + step])
    return found + reader.rest()


CASES = {
    "two": ("Paris is big. It is old.", ["Paris is big.", "It is old."]),
    "marks": ("Really?! Yes! Good.", ["Really?!", "Yes!", "Good."]),
    "quotes": ('She said "Stop!" and left. "Go." He went.', ['She said "Stop!" and left.', '"Go."', "He went."]),
    "titles": ("Dr. Smith met Mrs. Jones. They talked.", ["Dr. Smith met Mrs. Jones.", "They talked."]),
    "latin": ("Fruit, e.g. apples, i.e. Red ones. Fine.", ["Fruit, e.g. apples, i.e. Red ones.", "Fine."]),
    "numbers": ("Pi is 3.14 or so. See No. 5. No. It is not.", ["Pi is 3.14 or so.", "See No. 5.", "No.", "It is not."]),
    "states": ("The U.S. Army is in the U.S. The end.", ["The U.S. Army is in the U.S.", "The end."]),
    "initials": ("J. R. R. Tolkien wrote it. Good.", ["J. R. R. Tolkien wrote it.", "Good."]),
    "ellipsis": ("Well... maybe not. Hm... But yes…", ["Well... maybe not.", "Hm...", "But yes…"]),
    "etc": ("Tea, milk, etc. The shop is shut.", ["Tea, milk, etc.", "The shop is shut."]),
    "half": ("One. Two without an end", ["One.", "Two without an end"]),
    "chinese": ("你好。今天天气很好！你呢？好的", ["你好。", "今天天气很好！", "你呢？", "好的"]),
    "japanese": ("「はい。」と言った。次です。", ["「はい。」", "と言った。", "次です。"]),
    "emphasis": ("**Bold** and *slanted* and ~~gone~~. Snake_case stays, __so__.", [
        "Bold and slanted and gone.", "Snake_case stays, so."]),
    "arithmetic": ("2 * 3 is 6. And 2*3 too.", ["2 * 3 is 6.", "And 2*3 too."]),
    "code": ("Use `a.b. C()` and ``x`y``. Done.", ["Use a.b. C() and x`y.", "Done."]),
    "dunder": ("Call `__init__`. Escaped \\*stars\\*.", ["Call __init__.", "Escaped *stars*."]),
    "fence": ("Look:\n\n```python\nprint('Hi. There.')\n```\n\nThat prints.", ["Look:", "That prints."]),
    "fence at once": ("Look:\n~~~\na. B.\n```\n~~~\nThat.", ["Look:", "That."]),
    "fence without end": ("Look:\n```\nfoo. Bar.", ["Look:"]),
    "fence in an item": ("- Run:\n  ```sh\n  ls. Now.\n  ```\n- Then stop.", ["Run:", "Then stop."]),
    "indented": ("Code:\n\n    x = 1. Y\n    z\n\nEnd.", ["Code:", "End."]),
    "no code in a list": ("- one\n\n    still one\n\n- two", ["one", "still one", "two"]),
    "list": ("Fruit:\n- Apples\n- [x] Pears are good. Very.\n* Figs", [
        "Fruit:", "Apples", "Pears are good.", "Very.", "Figs"]),
    "steps": ("1. Boil water.\n2. Add tea\n3) Wait.", ["1. Boil water.", "2. Add tea", "3) Wait."]),
    "year": ("It was in\n1999. It rained.", ["It was in 1999.", "It rained."]),
    "heading": ("# About Paris\nIt is big.\n\nOld\n===\nYes.", ["About Paris", "It is big.", "Old", "Yes."]),
    "rule": ("One.\n\n---\n\n***\nTwo.", ["One.", "Two."]),
    "quote": ("> Be brief.\n> Be kind.", ["Be brief.", "Be kind."]),
    "link": ("See [the page. Now](https://a.b/c.d?e=f. G) or ![a cat](x.png). End.", ["See the page. Now or a cat.", "End."]),
    "address": ("Go to https://en.example.org/wiki/X. Then <https://a.example/b>.", [
        "Go to en.example.org.", "Then a.example."]),
    "definition": ("Read [this][1].\n\n[1]: https://x.example/ \"T. T.\"\n\nDone.", ["Read this.", "Done."]),
    "table": ("| City | People |\n|------|-------:|\n| Paris | 2.1 million |\n\nSo.", [
        "City, People", "Paris, 2.1 million", "So."]),
    "formula": ("So $x^2 \\leq \\frac{1}{2}$ holds. And \\(a. B\\) too.", ["So x² ≤ 1 / 2 holds.", "And a. B too."]),
    "shown": ("We get\n\n$$\nE = mc^2\n$$\n\nas said.", ["We get", "E = mc²", "as said."]),
    "money": ("It costs $5. Or $10 today.", ["It costs $5.", "Or $10 today."]),
    "html": ("A<br>B &amp; <b>C</b>. X < y. Done.", ["A B & C.", "X < y.", "Done."]),
    "emoji": ("Hello 😀. Fine 👍🏽!", ["Hello .", "Fine !"]),
    "nothing": ("***\n\n\n", []),
    "wrapped": ("One line\ngoes on. Next.", ["One line goes on.", "Next."]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [None, 1, 3])
def test_an_answer_is_read_as_sentences(name, size):
    text, sentences = CASES[name]
    assert read(text, size) == sentences


def test_a_sentence_is_given_out_as_soon_as_it_is_certain():
    reader = Sentences()
    assert reader.feed("Paris is big. ") == []
    assert reader.feed("I") == ["Paris is big."]
    assert reader.feed("t is old") == []
    assert reader.rest() == ["It is old"]


MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from([
            "\n", "\n\n", " ", "`", "```", "~~~\n", "- ", "* ", "1. ", "12) ", "# ", "> ", "    ", "|", "$", "$$", "\\(", "\\)",
            "\\[", "\\]", "[", "](", ")", "]: ", "[x] ", "<", ">", "<b>", ".", "...", "!", "?", "。", "”", '"', "Dr.", "e.g.",
            "U.S.", "3.14", "**", "_", "---", "===", "\r\n", "\\", "Hello", "world", "The", "x", "😀",
        ]),
        st.text(max_size=5),
    ),
    max_size=30,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(MARKDOWN, st.lists(st.integers(1, 9), max_size=60))
def test_any_split_of_the_stream_gives_the_same_sentences(text, sizes):
    reader, found, at = Sentences(), [], 0
    for size in sizes:
        found += reader.feed(text[at : at + size])
        at += size
    found += reader.feed(text[at:]) + reader.rest()
    assert found == read(text, 1) == read(text)


@settings(max_examples=200, deadline=None)
@given(MARKDOWN)
def test_code_between_fences_is_never_read(text):
    whole = f"Before.\n\n```\nsecretword {text.replace('`', '')}\n```\n\nAfter."
    assert not any("secretword" in sentence for sentence in read(whole, 2))


def test_a_long_answer_without_an_end_costs_little():
    reader, began = Sentences(), time.perf_counter()
    for _ in range(20_000):
        reader.feed("word ")
    assert len(reader.rest()) == 1
    assert time.perf_counter() - began < 10
