"""The texts of a page as clean HTML: answers, answers that grow, questions, and the texts of the operator.

Everything that comes out of here may stand in a page; how it is made safe is told in webbot/web/markup/.
"""

from __future__ import annotations

from markupsafe import Markup

from webbot.web.markup.growing import Growing
from webbot.web.markup.plain import plain_html
from webbot.web.markup.textile import operator_html

__all__ = ["Growing", "answer_html", "question_html", "text_html"]


def answer_html(text: str, markup: str = "markdown") -> Markup:
    """An answer, written in "markdown" or "textile"."""
    growing = Growing(markup)
    growing.load(text)
    return Markup(growing.html())  # noqa: S704 - cleaned, block by block


def question_html(text: str) -> Markup:
    """A question as it was typed: nothing in it is interpreted."""
    return Markup(plain_html(text))  # noqa: S704 - escaped


def text_html(source: str) -> Markup:
    """A text of the operator, written in Textile."""
    return Markup(operator_html(source))  # noqa: S704 - cleaned
