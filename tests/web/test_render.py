"""Answers, questions and the operator's texts as HTML: what each construct becomes."""

import re

import pytest

from webbot.web.render import answer_html, question_html, text_html

LINK = 'target="_blank" rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(("source", "html"), [
    ("Hi **you** and *me*, `x < 1`", "<p>Hi <strong>you</strong> and <em>me</em>, <code>x &lt; 1</code></p>"),
    ("~~old~~", "<p><s>old</s></p>"),
    ("# One\n\ntext", "<h1>One</h1><p>text</p>"),
    ("3. three\n4. four", '<ol start="3">\n<li>three</li>\n<li>four</li>\n</ol>'),
    ("<http://a.b>", f'<p><a href="http://a.b" {LINK}>http://a.b</a></p>'),
    ("[mail](mailto:a@b.c)", f'<p><a href="mailto:a@b.c" {LINK}>mail</a></p>'),
    ("see [one][1]\n\nmore\n\n[1]: https://x.y/z 'title'", f'<p>see <a href="https://x.y/z" {LINK}>one</a></p><p>more</p>'),
    ("<b>raw</b> &amp; &copy;", "<p>&lt;b&gt;raw&lt;/b&gt; &amp; ©</p>"),
    ("", ""),
])
def test_markdown(source, html):
    assert answer_html(source) == html


def test_a_table_keeps_its_alignment_without_styles():
    html = answer_html("| a | b | c |\n|---|:-:|--:|\n| 1 | 2 | 3 |")
    assert "<th>a</th>" in html
    assert '<td class="center">2</td>' in html
    assert '<td class="right">3</td>' in html
    assert "style" not in html


def test_a_table_that_asks_for_too_many_cells_stays_text():
    html = answer_html("|a" * 300 + "\n" + "|-" * 300 + "\n" + "|x\n" * 300)
    assert "<td" not in html
    assert html.count("x") == 300


def test_code_has_its_language_a_button_and_colours():
    html = answer_html("```python title=x\nfor n in range(3):\n    print('<b>')\n```")
    assert html.startswith('<pre><header><span>python</span><button data-copy="" type="button">Copy</button></header><code>')
    assert '<span class="k">for </span>' in html
    assert "'&lt;b&gt;'" in html
    assert re.sub("<[^>]+>", "", html).endswith("for n in range(3):\n    print('&lt;b&gt;')")


@pytest.mark.parametrize("language", ["", "nosuchlanguage", "../../etc", '"><script>', "🐍"])
def test_code_in_an_unknown_language_is_plain(language):
    html = answer_html(f"```{language}\nif a < b: pass\n```")
    assert "<code>if a &lt; b: pass</code>" in html
    assert "<script" not in html


def test_only_so_much_code_is_coloured_and_nothing_is_lost():
    source = "x = 1  # one\n" * 12_000
    html = answer_html(f"```python\n{source}```")
    coloured, plain = html[: html.rindex("</span>")], html[html.rindex("</span>") :]
    assert coloured.count("# one") < 65_536 // 13 + 2
    assert plain.count("# one") > 5_000
    assert html.count("# one") == 12_000


def test_every_language_name_is_one_that_pygments_knows():
    from webbot.web.markup import code

    for name in [*code.LANGUAGES, *code.OTHER_NAMES]:
        assert code._lexer(name) is not None, name


@pytest.mark.parametrize(("source", "inside"), [
    ("$x^2$", '<math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'),
    (r"so \(y\) is", '<math display="inline"><mrow><mi>y</mi></mrow></math>'),
    ("$$\n\\frac{a}{b}\n= c\n$$", '<p><math display="block"><mrow><mfrac>'),
    ("text:\n\\[ a < b \\]\nmore", "<mo>&lt;</mo>"),
    ("> $$\n> x\n> $$", '<blockquote>\n<p><math display="block">'),
    ("- $$x$$\n- b", '<li>'),
    (r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$", "<mtable><mtr><mtd><mn>1</mn></mtd>"),
])
def test_formulas_become_mathml(source, inside):
    html = answer_html(source)
    assert inside in html
    assert "<math" in html


@pytest.mark.parametrize("source", [
    "It costs $5 and $10.", "US$5, A$10", "from $5 to $10", "$5/$10", "$5 million, or 6$ each", "a $ b $ c", r"\$x\$", "$", "$$",
    "`$x$`",
])
def test_money_stays_text(source):
    assert "<math" not in answer_html(source)
    assert "$" in answer_html(source)


@pytest.mark.parametrize("source", [
    r"$\frac{$", "$" + "{" * 3000 + "$", "$" + "x" * 5000 + "$", r"$\newcommand{\a}{xx}\a$", r"$\begin{matrix}$", "$^^^$",
    "$$" + r"\sqrt{" * 600 + "$$",
])
def test_a_formula_that_cannot_be_made_is_shown_as_written(source):
    html = answer_html(source)
    assert "<math" not in html
    assert source.strip("$")[:20].replace("&", "&amp;") in html.replace("&gt;", ">")


def test_characters_that_mislead_are_seen():
    html = answer_html("a\x00b\u202ec\x1b[31m `d\u2066e` f\x85\ud800 " + "g" + "\u0301" * 100_000)
    assert "a␀b\ufffdc␛[31m <code>d\ufffde</code> f\ufffd\ufffd" in html
    assert html.count("\u0301") < 200
    assert "हिन्दी ไทยกี่ é" in answer_html("हिन्दी ไทยกี่ é")


def test_line_ends_of_other_systems():
    assert answer_html("# a\r\n\r\nb\rc") == answer_html("# a\n\nb\nc") == "<h1>a</h1><p>b\nc</p>"


def test_a_question_is_not_interpreted():
    assert question_html("**a** <b>\n$x$ & 'y'\x00") == "**a** &lt;b&gt;<br>\n$x$ &amp; &#39;y&#39;␀".replace("&#39;", "&#x27;")


def test_textile_answers():
    html = answer_html('h2. Hi\n\n* _one_\n* *two*\n\nbc.. a < "b"\n\nc &lt;\n\np. "l":http://x.y', "textile")
    assert "<h2>Hi</h2>" in html
    assert "<li><em>one</em></li>" in html
    assert f'<a href="http://x.y" {LINK}>l</a>' in html
    assert '<code>a &lt; "b"\n\nc &amp;lt;</code>' in html


def test_textile_that_the_library_fails_on_is_shown_as_written():
    assert answer_html("- a := b\n- a ", "textile") == "<p>- a := b<br>\n- a </p>"


def test_the_operators_text_may_lead_within_the_site():
    html = text_html('h2. Help\n\nSee "the page":/help, "not":javascript:alert(1) !http://evil.example/x.png!')
    assert '<h2>Help</h2>' in html
    assert '<a href="/help" rel="noopener noreferrer">the page</a>' in html
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_the_end_of_a_text_beyond_the_limit_is_shown_as_written():
    source = "a *b* c\n\n" * 30_000
    html = answer_html(source)
    assert 200_000 / 9 <= html.count("<em>b</em>") < 200_000 / 9 + 2
    assert html.count("b") - html.count("<br>") == 30_000
