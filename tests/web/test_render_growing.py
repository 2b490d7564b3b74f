"""An answer while it grows: equal to the whole at the end, calm on the way, and no dearer the longer it gets."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from webbot.web.render import Growing, answer_html

FRAGMENTS = [
    "# Title\n", "## a\n\n", "text *em* **strong** `code`", "\n", "\n\n", "\r\n", "\r", "- item\n", "* other\n", "  more\n",
    "1. one\n", "2) two\n\n",
    "```python\nx = 1\n\n# y\n```\n", "```\n", "~~~\n", "   ```\n", "    indented\n", "> quote\n", "> ```\n",
    "| a | b |\n|---|---|\n", "| 1 | 2 |\n", "---\n",
    "===\n", "$x^2$", "$$\n\\frac{a}{b}\n$$\n", "\\[ x \\]\n", "\\(", "$$", "[one][1] [two]", "[1]: http://a.b\n",
    "\n[two]: http://c.d 'x'\n", "![p](http://a.b)",
    "**", "_", "`", "[", "](", "<b>", "&amp;", "\x00", "\u202e", "e\u0301", "中文", "$5 and $6", "- ```\n  code\n",
    "bc.. code\n\nmore\n\n", "p. text\n\n", "word ",
]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join)


def apply(blocks, change):
    if change is None:
        return blocks
    start, fresh = change
    assert 0 <= start <= len(blocks)
    return blocks[:start] + fresh


@pytest.mark.slow
@pytest.mark.parametrize("markup", ["markdown", "textile"])
@given(text=texts, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_portions_give_the_whole_answer(markup, text, cuts):
    growing, blocks, at, turn = Growing(markup), [], 0, 0
    while at < len(text):
        step = cuts[turn % len(cuts)]
        blocks = apply(blocks, growing.feed(text[at : at + step]))
        at, turn = at + step, turn + 1
    blocks = apply(blocks, growing.finish())
    assert "".join(blocks) == growing.html() == answer_html(text, markup)


def outline(html):
    """The HTML without what differs and means nothing: space between elements, the end of the last line of code."""
    html = re.sub(r"\s+", " ", re.sub(r">\s+<", "><", html))
    return re.sub(r"<hr>| ?</code>", "", html).strip()


@given(st.lists(st.sampled_from([
    "# Title\n", "text *em* **strong**\n", "\n", "\n\n", "- item\n", "  more\n", "1. one\n", "   sub\n", "    deep\n",
    "> quote\n", "word\n", "***\n", "| a | b |\n|---|---|\n| 1 | 2 |\n",
]), max_size=20).map("".join))
@settings(max_examples=200, deadline=None)
def test_cutting_into_pieces_changes_nothing(text):
    """The same as the parser makes of the text in one go (of constructs that this renderer leaves as they are)."""
    whole = MarkdownIt("commonmark", {"xhtmlOut": False}).enable("table").render(text)
    made = re.sub(r'<header>.*?</header>', "", answer_html(text))
    assert outline(made) == outline(whole)


def test_every_block_is_one_element():
    growing = Growing()
    _, blocks = growing.feed("# a\ntext\n- b\n\n  c\n***\n```\nx\n```\n| a |\n|---|\n| 1 |\n\n$$x$$\n")
    assert [re.match(r"<(\w+)", block).group(1) for block in blocks] == ["h1", "p", "ul", "hr", "pre", "table", "p"]


def test_a_finished_block_is_not_sent_again():
    growing = Growing()
    growing.feed("first\n\nsecond\n\n")
    assert growing.feed("third") == (2, ["<p>third</p>"])
    assert growing.feed(" more") == (2, ["<p>third more</p>"])
    assert growing.feed("\n\n") is None
    assert growing.feed("4\n") == (3, ["<p>4</p>"])


def test_links_get_their_address_at_the_end():
    growing = Growing()
    growing.feed("a\n\nsee [one]\n\nlast\n\n")
    assert growing.feed("[one]: http://x.y\n") is None
    start, blocks = growing.finish()
    assert start == 1
    assert 'href="http://x.y"' in blocks[0]
    assert blocks[1:] == ["<p>last</p>"]


@pytest.mark.parametrize(("begun", "shown"), [
    ("a **bo", "<p>a <strong>bo</strong></p>"),
    ("a **bold*", "<p>a <strong>bold</strong></p>"),
    ("a *b **c", "<p>a <em>b <strong>c</strong></em></p>"),
    ("a `co", "<p>a <code>co</code></p>"),
    ("a ``", "<p>a</p>"),
    ("see [the te", "<p>see the te</p>"),
    ("see [text](http://a.", "<p>see text</p>"),
    ("a list[0", "<p>a list[0</p>"),
    ("2*3", "<p>2*3</p>"),
    ("text\n-", "<p>text</p>"),
    ("text\n\n1.", "<p>text</p>"),
    ("text\n\n#", "<p>text</p>"),
    ("text\n\n| a | b |\n|--", "<p>text</p>"),
    ("text\n\n``", "<p>text</p>"),
    ("so \\(x+", "<p>so <code>x+</code></p>"),
    ("so\n\n$$\nx+", "<p>so</p><p><code>x+</code></p>"),
    ("42", "<p>42</p>"),
])
def test_what_is_open_is_shown_calmly(begun, shown):
    assert "".join(Growing().feed(begun)[1]) == shown


def test_a_block_of_code_grows_as_code():
    growing = Growing()
    shown = []
    for letter in "```python\nx = 1\n\n- y\n```\n\nafter":
        shown = apply(shown, growing.feed(letter))
        html = "".join(shown)
        assert not html or html.startswith("<pre>"), html
        assert "`" not in html
        assert "<ul>" not in html
    assert len(shown) == 2
    assert shown[1] == "<p>after</p>"


@pytest.mark.slow
@pytest.mark.parametrize("text", [
    ("## Part\n\nThe *brown* fox **jumps**.\n\n- one\n- two\n\n```python\nprint(1)\n```\n\n" * 700)[:50_000],
    ("word and *more* words " * 2_500)[:50_000],
], ids=["many blocks", "one paragraph"])
def test_the_cost_of_a_portion_does_not_grow_with_the_answer(text):
    growing, quarters = Growing(), []
    for quarter in range(4):
        start = time.process_time()
        for at in range(quarter * 12_500, (quarter + 1) * 12_500, 4):
            growing.feed(text[at : at + 4])
        quarters.append(time.process_time() - start)
    assert quarters[3] < 3 * min(quarters) + 0.2, quarters


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_class_of_code_has_a_readable_colour():
    from webbot.web.markup.colours import CLASSES

    folder = Path(__file__).parents[2] / "static" / "css"
    css = (folder / "code.css").read_text()
    found = [re.search(r"--code:\s*light-dark\((#\w{6}),\s*(#\w{6})\)", file.read_text()) for file in folder.glob("*.css")]
    grounds = next((match.groups() for match in found if match), ("#f5f3ee", "#171a18"))
    colours = dict(re.findall(r"(--code-\w+):\s*light-dark\((#\w{6}, #\w{6})\)", css))
    rules = dict(re.findall(r"pre \.(\w+) \{ color: var\((--code-\w+)\)", css))
    assert set(rules) == CLASSES
    for name, variable in rules.items():
        for ground, colour in zip(grounds, colours[variable].split(", "), strict=True):
            assert contrast(colour, ground) >= 4.5, (name, colour, ground)
